//! `RUN`: what the command of a stage is, the key of its layer, and the files that it
//! finds.

pub mod command;
pub mod here_documents;
pub mod mount;
pub mod mounts;

use self::command::{
    CommandError, PartKind, RootFiles, RootPart, RunCommand, RunNetwork, RunProcess, StoredLayer,
};
use self::here_documents::HereDocument;
use self::mounts::PlannedMounts;
use crate::image::dockerfile::native::error::NativeError;
use crate::image::dockerfile::native::execute::Execution;
use crate::image::dockerfile::native::parse::{Command, RunText, Step};
use crate::image::dockerfile::native::select::beyond;
use crate::image::dockerfile::native::stage::StageLayer;
use crate::image::layers::{
    Compression, LayerCache, LayerError, PackOptions, Packed, ReaderSource, assemble,
    content_digest, pack,
};
use crate::oci::{Descriptor, Digest};
use std::fs::{self, File};
use std::path::Path;

/// Must change when the same command gives another layer.
const FORMAT: &str = "run-1";

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where here-documents that are scripts stand.
const SCRIPTS: &str = "/dev/pipes";

/// Arguments that a command gets without an `ARG`, in both spellings. They are how this
/// machine reaches others, so a layer does not depend on them.
const PROXIES: [&str; 5] = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/// Where programs find an ssh agent.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

impl Execution<'_, '_> {
    /// Runs a command, or takes its layer from the store.
    pub fn run_command(&mut self, step: &Step, run: &RunText) -> Result<(), NativeError> {
        let Some(runner) = self.env.runner else { return beyond(step, false) };
        let mut mounts = self.mounts(run, &step.place)?;
        let mut process = self.process(run);
        if let Some(script) = script(&run.documents).filter(|_| run.has_sole_document()) {
            self.add_script(SCRIPTS, &run.documents[0].name, &script, &mut mounts)?;
        }
        let key = self.key(&process, &mounts, runner.users())?;
        let cache = LayerCache::of_key(self.file_sources.store, &key);
        if let Some(packed) = cache.recall() {
            runner.note(format!("{} is unchanged: `{}`", step.place, step.text));
            self.stage.add_run(packed, None);
            return Ok(());
        }
        let root = self.root_files()?;
        process.secrets = std::mem::take(&mut mounts.variables);
        if let Some(agent) = mounts.agents.first()
            && self.stage.variable(AGENT_VARIABLE).is_none()
        {
            process.proxies.push((AGENT_VARIABLE.to_owned(), agent.clone()));
        }
        process.mounts = self.prepare(mounts)?;
        let shown = process.argv.join(" ");
        runner.note(format!("{} runs `{}`", step.place, step.text));
        let layers: Vec<_> = root.0.iter().flat_map(|part| part.layers.clone()).collect();
        let stage = self.env.shown.clone();
        let ran =
            runner.run(RunCommand { stage, root, process }).map_err(|source| match source {
                CommandError::Stopped => LayerError::Stopped.into(),
                CommandError::Damaged(digest) => self.damaged(&layers, &digest),
                CommandError::OutOfMemory { limit } => {
                    NativeError::OutOfMemory { place: step.place.clone(), command: shown, limit }
                }
                CommandError::Exited(code) => {
                    NativeError::Exit { place: step.place.clone(), command: shown, code }
                }
                source @ CommandError::Refused { .. } => {
                    NativeError::Run { place: step.place.clone(), command: shown, source }
                }
            })?;
        let packed = self.pack(&ran.archive)?;
        cache.remember(&packed);
        self.stage.add_run(packed, Some(ran.root));
        Ok(())
    }

    /// The line of the image's history.
    pub fn history_of_run(&self, run: &RunText) -> String {
        let declared = &self.stage.declared;
        let mut words: Vec<String> = Vec::new();
        if !declared.is_empty() {
            words.push(format!("|{}", declared.len()));
            words.extend(
                declared.iter().map(|name| {
                    format!("{name}={}", self.stage.variable(name).unwrap_or_default())
                }),
            );
        }
        words.extend(self.words(run));
        format!("RUN {} # buildkit", words.join(" "))
    }

    fn process(&self, run: &RunText) -> RunProcess {
        let mut env = self.stage.environment();
        if env.iter().all(|(name, _)| name != "PATH") {
            env.push(("PATH".to_owned(), DEFAULT_PATH.to_owned()));
        }
        let none = run
            .options
            .iter()
            .any(|option| option.name == "network" && option.value.as_deref() == Some("none"));
        RunProcess {
            argv: self.words(run),
            env,
            proxies: self.proxies(),
            workdir: self.stage.run_config.working_directory(),
            user: self.stage.run_config.user().to_owned(),
            network: if none { RunNetwork::None } else { RunNetwork::Host },
            mounts: Vec::new(),
            secrets: Vec::new(),
            memory: self.env.memory,
        }
    }

    /// The program and its arguments. What is one here-document is the command itself, or a
    /// script if it names its interpreter; others are left to the shell.
    fn words(&self, run: &RunText) -> Vec<String> {
        let command = match run.documents.as_slice() {
            [] => return self.stage.run_config.words(&run.command),
            [only] if run.has_sole_document() => match script(&run.documents) {
                Some(_) => format!("{SCRIPTS}/{}", only.name),
                None => only.content(),
            },
            documents => {
                let Command::Shell(line) = &run.command else { return Vec::new() };
                let end = |it: &HereDocument| format!("\n{}{}", it.text, it.name);
                documents.iter().fold(line.clone(), |all, document| all + &end(document))
            }
        };
        self.stage.run_config.words(&Command::Shell(command))
    }

    fn proxies(&self) -> Vec<(String, String)> {
        let names = PROXIES.iter().flat_map(|name| [(*name).to_owned(), name.to_uppercase()]);
        let given = |name: String| {
            let value = self.env.given.get(&name)?.clone();
            Some((name, value))
        };
        names.filter_map(given).filter(|(name, _)| self.stage.variable(name).is_none()).collect()
    }

    /// Stands for everything that the layer of a command depends on.
    fn key(
        &self,
        process: &RunProcess,
        mounts: &PlannedMounts,
        users: &str,
    ) -> Result<Digest, NativeError> {
        let RunProcess { argv, env, workdir, user, network, .. } = process;
        let below = self.chain()?;
        let platform = self.stage.platform.to_string();
        let fields = (
            FORMAT,
            below,
            platform,
            argv,
            env,
            (workdir, user, network.name(), users),
            &mounts.key,
        );
        let text = serde_json::to_vec(&fields).expect("text by text");
        Ok(Digest::of(&text))
    }

    /// Stands for the files of the stage.
    fn chain(&self) -> Result<String, NativeError> {
        let store = self.file_sources.store;
        let base = self.stage.base.as_ref();
        let base = base.map(|image| {
            image.layers.iter().map(|layer| layer.digest.to_string()).collect::<Vec<_>>()
        });
        let mut above = Vec::new();
        for layer in &self.stage.layers {
            above.push(match layer {
                StageLayer::Listed(list) => {
                    content_digest(store, list, self.env.control.stop)?.to_string()
                }
                StageLayer::Copied { content, .. } => content.to_string(),
                StageLayer::Run { packed, .. } => packed.diff_id.to_string(),
            });
        }
        let text = serde_json::to_vec(&(base, above)).expect("text by text");
        Ok(Digest::of(&text).to_string())
    }

    /// The files that the next command finds. Layers that are not packed yet are.
    fn root_files(&mut self) -> Result<RootFiles, NativeError> {
        self.pack_listed()?;
        let store = self.file_sources.store;
        let stored = |layer: &Descriptor| -> Result<StoredLayer, NativeError> {
            Ok(StoredLayer { path: store.locate(layer)?, digest: layer.digest.clone() })
        };
        let base = self.stage.base.iter().flat_map(|image| &image.layers);
        let mut chain: Vec<Digest> = base.clone().map(|layer| layer.digest.clone()).collect();
        let layers = base.map(stored).collect::<Result<_, _>>()?;
        let name = |chain: &[Digest]| {
            let text = serde_json::to_vec(chain).expect("text by text");
            Digest::of(&text)
        };
        let mut parts = vec![RootPart { name: name(&chain), kind: PartKind::Base, layers }];
        for layer in &self.stage.layers {
            let Some(packed) = layer.packed() else { continue };
            let layers = vec![stored(&packed.layer)?];
            // The times of copied files are a part of it, other than of what a key stands for.
            chain.push(packed.diff_id.clone());
            let name = name(&chain);
            match (layer, parts.last_mut()) {
                (StageLayer::Run { root, .. }, _) => {
                    parts.push(RootPart { name, kind: PartKind::Run(*root), layers });
                }
                (_, Some(part)) if part.kind == PartKind::Copied => {
                    part.name = name;
                    part.layers.extend(layers);
                }
                _ => parts.push(RootPart { name, kind: PartKind::Copied, layers }),
            }
        }
        Ok(RootFiles(parts))
    }

    /// The error of a layer that has another content than its digest says. It is removed.
    fn damaged(&self, layers: &[StoredLayer], digest: &Digest) -> NativeError {
        let size = layers.iter().find(|layer| layer.digest == *digest);
        let size = size.and_then(|layer| fs::metadata(&layer.path).ok()).map_or(0, |it| it.len());
        let layer = Descriptor::new("", digest.clone(), size);
        let found = self.file_sources.store.locate_verified(&layer);
        found.err().unwrap_or_else(|| self.file_sources.store.missing(digest)).into()
    }

    fn pack_listed(&mut self) -> Result<(), NativeError> {
        let store = self.file_sources.store;
        let mut lists = Vec::new();
        for layer in &self.stage.layers {
            if let StageLayer::Listed(list) = layer {
                lists.push(list.clone());
            }
        }
        let packed = assemble(store, &lists, self.env.created, self.env.control)?;
        let mut packed = packed.into_iter();
        for layer in &mut self.stage.layers {
            if let StageLayer::Listed(list) = layer {
                let content = content_digest(store, list, self.env.control.stop)?;
                let (list, packed) = (list.clone(), packed.next().expect("one for each list"));
                *layer = StageLayer::Copied { list, packed, content };
            }
        }
        Ok(())
    }

    /// Packs the archive that a command left, and removes it.
    fn pack(&self, archive: &Path) -> Result<Packed, NativeError> {
        let read = |source| LayerError::read(archive.to_owned(), source);
        let source = ReaderSource::new(File::open(archive).map_err(read)?, read);
        let stream = (source, self.file_sources.store.writer()?);
        let options = PackOptions::new(Compression::default());
        let packed = pack(options, vec![stream])?.into_iter().next().expect("one stream");
        fs::remove_file(archive)
            .map_err(|source| NativeError::Write { path: archive.to_owned(), source })?;
        Ok(packed)
    }
}

impl RunText {
    /// Whether a here-document is all of the command.
    fn has_sole_document(&self) -> bool {
        let Command::Shell(line) = &self.command else { return false };
        self.documents.len() == 1 && line.starts_with("<<") && !line.contains(char::is_whitespace)
    }
}

/// The content of the only here-document, if it names its interpreter.
fn script(documents: &[HereDocument]) -> Option<String> {
    let [document] = documents else { return None };
    document.text.starts_with("#!").then(|| document.content())
}
