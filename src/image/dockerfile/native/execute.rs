//! Executes the instructions of one stage.

use super::copy::{CopyOperation, CopySource, copy, patterns};
use super::draft::{LayerDraft, absolute};
use super::error::{DockerfileLine, NativeError};
use super::expand::{MAX_STAGE_BYTES, WordError, WordExpander, pairs, split};
use super::file_sources::FileSources;
use super::files::FileTree;
use super::history::{
    CopyHistory, of_command, of_copy, of_healthcheck, of_pairs, of_ports, of_words,
};
use super::owners::{Ownership, owner};
use super::parse::{CopyText, ParsedDockerfile, SourceText, Step, StepKind};
use super::select::{StageBase, beyond};
use super::signal::is_signal;
use super::stage::{HistoryEntry, Stage, StageEnv};
use crate::image::layers::{LayerError, Mode, Owner};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The execution of one stage.
pub struct Execution<'a, 'b> {
    pub stage: &'a mut Stage,
    pub env: &'a StageEnv<'a>,
    pub file_sources: &'a FileSources<'b>,
}

impl Execution<'_, '_> {
    /// Executes the base's `ONBUILD` instructions, then those of the stage. `place` is the
    /// `FROM` of the stage.
    pub fn run(&mut self, place: &DockerfileLine, steps: &[Step]) -> Result<(), NativeError> {
        for text in self.stage.run_config.take_triggers() {
            let step = ParsedDockerfile::trigger(&text, place)?;
            beyond(&step, self.env.runner.is_some())?;
            self.step(&step)?;
        }
        steps.iter().try_for_each(|step| {
            if self.env.has_failed.load(Ordering::SeqCst) {
                return Err(LayerError::Stopped.into());
            }
            self.step(step)
        })
    }

    fn step(&mut self, step: &Step) -> Result<(), NativeError> {
        let before = self.stage.layers.len();
        let Some(created_by) = self.apply(step)? else { return Ok(()) };
        let layer = self.stage.layers.len() > before;
        self.stage.history.push(HistoryEntry { created_by, layer });
        Ok(())
    }

    /// Executes an instruction and returns its line of the history.
    fn apply(&mut self, step: &Step) -> Result<Option<String>, NativeError> {
        let place = &step.place;
        Ok(Some(match &step.kind {
            StepKind::Copy(text) => self.copy(step, text)?,
            StepKind::Workdir(path) => self.workdir(step, path)?,
            StepKind::Arg(text) => self.declare_arguments(text, place)?,
            StepKind::Env(text) => {
                let pairs = self.pairs(text, place)?;
                for (key, value) in &pairs {
                    self.stage.run_config.set_variable(key, value);
                    self.stage.set_variable(key, value);
                }
                of_pairs("ENV", &pairs)
            }
            StepKind::Label(text) => {
                let pairs = self.pairs(text, place)?;
                for (key, value) in &pairs {
                    self.stage.run_config.label(key, value);
                }
                of_pairs("LABEL", &pairs)
            }
            StepKind::Cmd(command) => of_command("CMD", &self.stage.run_config.cmd(command)),
            StepKind::Entrypoint(command) => {
                of_command("ENTRYPOINT", &self.stage.run_config.entrypoint(command))
            }
            StepKind::Expose(words) => self.expose(words, place)?,
            StepKind::Healthcheck(options, command) => of_healthcheck(
                self.stage.run_config.healthcheck(options, command.as_ref(), place)?,
            ),
            StepKind::Maintainer(name) => {
                let name = self.expand(name, place)?;
                self.stage.author = Some(name.clone());
                format!("MAINTAINER {name}")
            }
            StepKind::Onbuild(text) => {
                self.stage.run_config.trigger(text);
                return Ok(None);
            }
            StepKind::Run(run) => {
                self.run_command(step, run)?;
                self.history_of_run(run)
            }
            StepKind::Shell(words) => {
                self.stage.run_config.shell(words);
                of_words("SHELL", words)
            }
            StepKind::StopSignal(signal) => {
                let signal = self.expand(signal, place)?;
                if !is_signal(&signal) {
                    let wanted = "a signal, such as `SIGTERM` or `9`";
                    return Err(NativeError::Value { place: place.clone(), text: signal, wanted });
                }
                self.stage.run_config.set("StopSignal", &signal);
                format!("STOPSIGNAL {signal}")
            }
            StepKind::User(user) => {
                let user = self.expand(user, place)?;
                self.stage.run_config.set("User", &user);
                format!("USER {user}")
            }
            StepKind::Volume(paths) => {
                let paths = paths.iter().map(|path| self.expand(path, place));
                let paths = paths.collect::<Result<Vec<_>, _>>()?;
                for path in &paths {
                    self.stage.run_config.volume(path);
                }
                of_words("VOLUME", &paths)
            }
        }))
    }

    fn expose(&mut self, words: &[String], place: &DockerfileLine) -> Result<String, NativeError> {
        let mut ports = Vec::new();
        for word in words {
            for port in self.expand(word, place)?.split_whitespace() {
                ports.extend(self.stage.run_config.expose(port, place)?);
            }
        }
        Ok(of_ports(ports))
    }

    pub fn expand(&self, text: &str, place: &DockerfileLine) -> Result<String, NativeError> {
        let variable = |name: &str| self.stage.variable(name);
        let words = WordExpander { escape: self.env.escape, variable: &variable };
        let expanded = words.expand(text).and_then(|expanded| self.counted(expanded));
        expanded.map_err(|source| NativeError::Word {
            place: place.clone(),
            text: text.to_owned(),
            source,
        })
    }

    /// Refuses a Dockerfile whose words are long all together.
    fn counted(&self, word: String) -> Result<String, WordError> {
        self.env.expanded.set(self.env.expanded.get() + word.len());
        if self.env.expanded.get() > MAX_STAGE_BYTES { Err(WordError::TooMuch) } else { Ok(word) }
    }

    /// The pairs of `ENV` or `LABEL`. All are expanded before any is set: a variable set in the
    /// same instruction is not visible in it.
    fn pairs(
        &self,
        text: &str,
        place: &DockerfileLine,
    ) -> Result<Vec<(String, String)>, NativeError> {
        let pairs = pairs(text, self.env.escape).map_err(|source| NativeError::Word {
            place: place.clone(),
            text: text.to_owned(),
            source,
        })?;
        let expand = |(key, value): (String, String)| {
            Ok((self.expand(&key, place)?, self.expand(&value, place)?))
        };
        pairs.into_iter().map(expand).collect()
    }

    /// A given value has precedence over the default in the stage, and that over a global or
    /// predefined argument.
    fn declare_arguments(
        &mut self,
        text: &str,
        place: &DockerfileLine,
    ) -> Result<String, NativeError> {
        let mut line = "ARG".to_owned();
        for word in split(text, self.env.escape) {
            let (name, default) = match word.split_once('=') {
                Some((name, default)) => (name, Some(self.expand(default, place)?)),
                None => (word.as_str(), None),
            };
            line = match &default {
                Some(default) => format!("{line} {name}={default}"),
                None => format!("{line} {name}"),
            };
            let inherited = || self.env.globals.get(name).or(self.env.predefined.get(name));
            let value = self.env.given.get(name).cloned().or(default);
            if let Some(value) = value.or_else(|| inherited().cloned()) {
                self.stage.set_variable(name, &value);
            }
            self.stage.declare(name);
        }
        Ok(line)
    }

    fn workdir(&mut self, step: &Step, path: &str) -> Result<String, NativeError> {
        let written = self.expand(path, &step.place)?;
        let path = absolute(&written, &self.stage.run_config.working_directory());
        let user = self.stage.run_config.user().to_owned();
        // BuildKit cleans relative paths alone.
        let text = if written.starts_with('/') {
            written
        } else {
            format!("/{}", String::from_utf8_lossy(&path))
        };
        self.stage.run_config.set("WorkingDir", &text);
        let store = self.file_sources.store;
        let tree = self.stage.tree(store)?;
        let real = tree.resolve(&path)?;
        let line = format!("WORKDIR {text}");
        if real.is_empty() || tree.folder(&real).is_some() {
            return Ok(line);
        }
        let owner = match user.as_str() {
            "" => None,
            user => Some(self.owner(user, &step.place)?),
        };
        let mut draft = LayerDraft::new(&step.place, self.stage.tree(store)?).owned_by(owner);
        draft.make_folder(&real)?;
        let entries = draft.finish(self.file_sources)?;
        self.stage.add_layer(&step.text, entries, self.file_sources.started_at);
        Ok(line)
    }

    fn owner(&mut self, text: &str, place: &DockerfileLine) -> Result<Owner, NativeError> {
        let ownership = Ownership::parse(text);
        if let Some(owner) = ownership.numbers() {
            return Ok(owner);
        }
        let files = self.stage.files(self.file_sources)?;
        owner(&ownership, &files, place, self.file_sources)
    }

    fn copy(&mut self, step: &Step, text: &CopyText) -> Result<String, NativeError> {
        let place = &step.place;
        let option = |execution: &Self, name: &str| {
            let option = text.options.iter().find(|option| option.name == name);
            let value = option.and_then(|option| option.value.as_deref());
            value.map(|value| execution.expand(value, place)).transpose()
        };
        let (wanted_mode, wanted_owner) = (option(self, "chmod")?, option(self, "chown")?);
        let mode = wanted_mode.clone().map(|text| mode(text, place)).transpose()?;
        let owner = match &wanted_owner {
            Some(text) => Some(self.owner(text, place)?),
            None => None,
        };
        let named = |name: &'static str| text.options.iter().filter(move |it| it.name == name);
        let mut exclude = Vec::new();
        for value in named("exclude").filter_map(|it| it.value.as_deref()) {
            exclude.push(self.expand(value, place)?);
        }
        let mut ignore = None;
        let (from, from_name) = match named("from").next() {
            None => {
                let (files, patterns) = self.file_sources.context()?;
                ignore = Some(patterns);
                (files, "the build context".to_owned())
            }
            Some(from) => {
                let name = from.value.clone().unwrap_or_default();
                (self.files_from(&name, place)?, format!("`{name}`"))
            }
        };
        let operation = CopyOperation {
            place,
            add: text.add,
            from,
            from_name,
            ignore,
            exclude: patterns(&exclude, place)?,
            parents: named("parents").any(|it| it.value.as_deref() != Some("false")),
            may_match_nothing: true,
            sources: self.copy_sources(text, place)?,
            to: self.expand(&text.to, place)?,
            working_directory: self.stage.run_config.working_directory(),
        };
        let draft = LayerDraft::new(place, self.stage.tree(self.file_sources.store)?);
        let mut draft = draft.owned_by(owner).with_mode(mode);
        copy(&operation, &mut draft, self.file_sources)?;
        let entries = draft.finish(self.file_sources)?;
        self.stage.add_layer(&step.text, entries, self.file_sources.started_at);
        Ok(of_copy(&CopyHistory {
            text,
            owner: wanted_owner.as_deref(),
            mode: wanted_mode.as_deref(),
            sources: &operation.sources.iter().map(CopySource::shown).collect::<Vec<_>>(),
            to: &operation.to,
        }))
    }

    fn copy_sources(
        &mut self,
        text: &CopyText,
        place: &DockerfileLine,
    ) -> Result<Vec<CopySource>, NativeError> {
        let mut sources = Vec::new();
        for source in &text.sources {
            sources.push(match source {
                SourceText::Path(path) => CopySource::Path(self.expand(path, place)?),
                SourceText::Text { name, expand, text } => {
                    let text = if *expand {
                        self.expand_document(name, text, place)?
                    } else {
                        text.clone()
                    };
                    CopySource::Text(name.clone(), self.file_sources.text(&text)?)
                }
            });
        }
        Ok(sources)
    }

    fn expand_document(
        &self,
        name: &str,
        text: &str,
        place: &DockerfileLine,
    ) -> Result<String, NativeError> {
        let variable = |name: &str| self.stage.variable(name);
        let words = WordExpander { escape: self.env.escape, variable: &variable };
        words.expand_text(text).map_err(|source| NativeError::Word {
            place: place.clone(),
            text: format!("<<{name}"),
            source,
        })
    }

    /// The files of a `--from`.
    fn files_from(
        &mut self,
        name: &str,
        place: &DockerfileLine,
    ) -> Result<Arc<FileTree>, NativeError> {
        let env = self.env;
        // Only the `--from`s of the Dockerfile itself were resolved and fetched before.
        let beyond = || NativeError::Beyond {
            place: place.clone(),
            what: format!("`COPY --from={name}` in an `ONBUILD` of the base"),
            unfit: Vec::new(),
        };
        let variable =
            |name: &str| env.globals.get(name).or_else(|| env.predefined.get(name)).cloned();
        let words = WordExpander { escape: env.escape, variable: &variable };
        let from = words.expand(name).ok().and_then(|name| env.froms.get(&name));
        self.files_of(from.ok_or_else(beyond)?)
    }

    /// The files of the `from` of a mount, which is never expanded.
    pub fn files_of_mount(
        &mut self,
        name: &str,
        place: &DockerfileLine,
    ) -> Result<Arc<FileTree>, NativeError> {
        let from = self.env.froms.get(name).ok_or_else(|| NativeError::Beyond {
            place: place.clone(),
            what: format!("`RUN --mount=from={name}` in an `ONBUILD` of the base"),
            unfit: Vec::new(),
        })?;
        self.files_of(from)
    }

    fn files_of(&mut self, from: &StageBase) -> Result<Arc<FileTree>, NativeError> {
        match from {
            StageBase::Scratch => Ok(Arc::default()),
            StageBase::Image(at) => {
                let pulled = self.file_sources.pulled;
                self.file_sources.files(&pulled[*at])
            }
            StageBase::Stage(number) => self.env.stages[number].files(self.file_sources),
        }
    }
}

fn mode(text: String, place: &DockerfileLine) -> Result<u32, NativeError> {
    let octal: Result<Mode, _> = text.parse();
    octal.map(Mode::bits).map_err(|_| {
        let wanted = "a mode in octal, such as `0755`";
        NativeError::Value { place: place.clone(), text, wanted }
    })
}
