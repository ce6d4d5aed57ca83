//! Builds a Dockerfile without an engine. What has to run is run by a [`CommandRunner`].
//!
//! `parse` reads it; `select` finds the needed stages and refuses everything that needs an
//! engine, before anything is fetched. `stage` then executes the instructions: `copy` and
//! `draft` assemble layers from `files`, and `run_config` collects how the image is started.
//! Except for times, the result is what `BuildKit` builds from the same Dockerfile.
//!
//! ```text
//! let native = NativeBuild::read(&request, true)?;
//! // fetch native.images()
//! let image = native.build(&dirs, &pulled)?;
//! ```

mod copy;
mod draft;
mod error;
mod execute;
mod expand;
mod file_match;
mod file_sources;
mod files;
mod history;
mod layer_items;
mod owners;
mod parse;
mod pattern;
mod run;
mod run_config;
mod schedule;
mod select;
mod signal;
mod stage;

pub use error::{DockerfileLine, NativeError};
pub use expand::split;
pub use files::{FileLocation, FileTree, TreeItem, TreeItemKind};
pub use parse::{ParsedDockerfile, StageText, StepKind};
pub use run::command::{
    CommandError, CommandRunner, PartKind, RanCommand, RootId, RootPart, RunCommand, RunMount,
    RunMountKind, RunNetwork, RunProcess, SecretVariable, Sharing,
};
pub use run::mounts::MOUNTED;
pub use select::{NeededImage, select};

use self::execute::Execution;
use self::file_sources::FileSources;
use self::schedule::{StageBuilder, build_stages};
use self::select::{Selection, StageBase};
use self::stage::{FinishedStages, HistoryEntry, Stage, StageEnv, StageLayer};
use super::build_id::check_agents;
use super::context::BuildContext;
use super::request::BuildRequest;
use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use crate::image::WorkControl;
use crate::image::layers::{
    BUILD_FIELDS, ListedLayer, Packed, as_oci, assemble, ordered, timestamp,
};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::oci::media_type;
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A Dockerfile that needs no engine, as far as can be told before its images are fetched.
#[derive(Clone, Debug)]
pub struct NativeBuild {
    request: BuildRequest,
    dockerfile: PathBuf,
    parsed: ParsedDockerfile,
    selection: Selection,
}

/// An instruction of a Dockerfile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instruction {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}

/// The folders that a build uses.
pub struct BuildDirs<'a> {
    pub store: &'a Store,
    /// An empty folder that must exist until the image is built; the caller removes it.
    pub scratch_dir: &'a Path,
    pub control: WorkControl<'a>,
    /// Runs commands; without one, `RUN` needs an engine.
    pub runner: Option<&'a dyn CommandRunner>,
}

impl NativeBuild {
    /// Reads the Dockerfile, and fails if it needs an engine. `runs` says whether the build
    /// will have a [`CommandRunner`].
    pub fn read(request: &BuildRequest, runs: bool) -> Result<Self, NativeError> {
        let dockerfile = request.dockerfile()?;
        let text = bounded_file::read(&dockerfile, MAX_WRITTEN_BYTES)
            .map_err(|source| NativeError::Read { path: dockerfile.clone(), source })?;
        let text = String::from_utf8_lossy(&text);
        let shown = dockerfile.strip_prefix(&request.context).unwrap_or(&dockerfile);
        let shown = shown.display().to_string();
        let parsed = ParsedDockerfile::read(&shown, &text)?;
        let selection = select(&shown, request, &parsed, runs)?;
        check_agents(request)?;
        Ok(Self { request: request.clone(), dockerfile, parsed, selection })
    }

    /// The images to fetch before the build.
    pub fn images(&self) -> &[NeededImage] {
        &self.selection.images
    }

    /// Whether a command has to run, `ONBUILD` of the base images not counted.
    pub fn has_commands(&self) -> bool {
        let mut stages = self.selection.stages.keys().map(|number| &self.parsed.stages[*number]);
        let is_run = |step: &parse::Step| matches!(step.kind, StepKind::Run(_));
        stages.any(|stage| stage.steps.iter().any(is_run))
    }

    /// The instructions that are executed, in order, as they are written.
    pub fn instructions(&self) -> Vec<Instruction> {
        let stages = self.selection.stages.keys().map(|number| &self.parsed.stages[*number]);
        let of = |stage: &StageText| {
            let from = Instruction { line: stage.place.line, text: format!("FROM {}", stage.from) };
            let steps = stage.steps.iter();
            let steps =
                steps.map(|step| Instruction { line: step.place.line, text: step.text.clone() });
            std::iter::once(from).chain(steps).collect::<Vec<_>>()
        };
        stages.flat_map(of).collect()
    }

    /// Builds the image. `pulled` are the images of [`NativeBuild::images`] in the same
    /// order. Blocking, and uses all cores.
    pub fn build(&self, dirs: &BuildDirs<'_>, pulled: &[Image]) -> Result<Image, NativeError> {
        let context = BuildContext {
            folder: &self.request.context,
            dockerfile: &self.dockerfile,
            state: &self.request.state,
            scratch_dir: dirs.scratch_dir,
        };
        let building = Building {
            native: self,
            dirs,
            file_sources: FileSources::new(dirs.store, context, pulled),
            has_failed: AtomicBool::new(false),
        };
        let mut stages = build_stages(&self.selection.stages, &building)?;
        let stage = stages.remove(&self.selection.wanted).expect("selected");
        // Other stages that are built from it have a copy.
        self.image(Arc::unwrap_or_clone(stage), dirs)
    }

    /// What the lines of a stage begin with, where several have commands.
    fn shown_stage(&self, number: usize) -> Option<String> {
        let is_run = |step: &parse::Step| matches!(step.kind, StepKind::Run(_));
        let stages = self.selection.stages.keys().map(|number| &self.parsed.stages[*number]);
        let with_commands = stages.filter(|stage| stage.steps.iter().any(is_run)).count();
        let name = self.parsed.stages[number].name.clone();
        (with_commands > 1).then(|| name.unwrap_or_else(|| number.to_string()))
    }

    fn image(&self, mut stage: Stage, dirs: &BuildDirs<'_>) -> Result<Image, NativeError> {
        for (key, value) in &self.request.labels {
            stage.run_config.label(key, value);
        }
        let created = self.request.created.unwrap_or(0);
        let lists: Vec<Arc<ListedLayer>> = stage.layers.iter().filter_map(unpacked_list).collect();
        let mut assembled = assemble(dirs.store, &lists, created, &dirs.control)?.into_iter();
        let packed = |layer: &StageLayer| match layer.packed() {
            Some(packed) => packed.clone(),
            None => assembled.next().expect("one for each list"),
        };
        let packed: Vec<Packed> = stage.layers.iter().map(packed).collect();
        let base = stage.base.as_ref();
        let below = base.map(|base| base.layers.iter().map(as_oci).collect::<Vec<_>>());
        let mut layers = below.unwrap_or_default();
        layers.extend(packed.iter().map(|packed| packed.layer.clone()));
        let config = configuration(stage, &packed, &timestamp(created)?);
        let config = dirs.store.put(media_type::CONFIG, &config)?;
        Ok(Image::write(dirs.store, &config, &layers)?)
    }
}

/// A build that is going on.
struct Building<'a> {
    native: &'a NativeBuild,
    dirs: &'a BuildDirs<'a>,
    file_sources: FileSources<'a>,
    has_failed: AtomicBool,
}

impl StageBuilder for Building<'_> {
    fn build(&self, number: usize, finished: &FinishedStages) -> Result<Stage, NativeError> {
        let Self { native, dirs, file_sources, has_failed } = self;
        let selected = &native.selection.stages[&number];
        let mut stage = match selected.base {
            StageBase::Scratch => Stage::scratch(selected.platform.clone()),
            StageBase::Stage(earlier) => finished[&earlier].continued(),
            StageBase::Image(at) => Stage::of_image(file_sources, &file_sources.pulled[at])?,
        };
        let env = StageEnv {
            escape: native.parsed.escape,
            given: &native.request.args,
            globals: &native.selection.globals,
            predefined: &native.selection.predefined,
            froms: &selected.froms,
            stages: finished,
            shown: native.shown_stage(number),
            runner: dirs.runner,
            secrets: &native.request.secrets,
            agents: &native.request.agents,
            memory: native.request.memory,
            created: native.request.created.unwrap_or(0),
            control: &dirs.control,
            has_failed,
            expanded: Cell::default(),
        };
        let text = &native.parsed.stages[number];
        let mut execution = Execution { stage: &mut stage, env: &env, file_sources };
        execution.run(&text.place, &text.steps)?;
        Ok(stage)
    }

    fn stop_others(&self) {
        self.has_failed.store(true, Ordering::SeqCst);
        if let Some(runner) = self.dirs.runner {
            runner.stop();
        }
    }
}

fn unpacked_list(layer: &StageLayer) -> Option<Arc<ListedLayer>> {
    match layer {
        StageLayer::Listed(list) => Some(Arc::clone(list)),
        StageLayer::Copied { .. } | StageLayer::Run { .. } => None,
    }
}

/// The bytes of the image configuration.
fn configuration(stage: Stage, packed: &[Packed], created: &str) -> Vec<u8> {
    let Stage { platform, mut base_config, run_config, history: added, author, .. } = stage;
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut diff_ids = list(base_config.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")));
    diff_ids.extend(packed.iter().map(|packed| json!(packed.diff_id.as_str())));
    let mut history = list(base_config.get("history"));
    history.extend(added.iter().map(|HistoryEntry { created_by, layer }| {
        let mut line = json!({"created": created, "created_by": created_by});
        if !layer {
            line["empty_layer"] = json!(true);
        }
        line
    }));
    for field in BUILD_FIELDS {
        base_config.remove(field);
    }
    let mut run_config = run_config.fields();
    run_config.sort_keys();
    let mut fields: Map<String, Value> = base_config;
    fields.insert("created".into(), json!(created));
    fields.insert("architecture".into(), json!(platform.architecture));
    fields.insert("os".into(), json!(platform.os));
    if let Some(variant) = platform.variant {
        fields.insert("variant".into(), json!(variant));
    }
    if let Some(author) = author {
        fields.insert("author".into(), json!(author));
    }
    fields.insert("config".into(), run_config.into());
    fields.insert("rootfs".into(), json!({"type": "layers", "diff_ids": diff_ids}));
    fields.insert("history".into(), json!(history));
    serde_json::to_vec(&ordered(fields)).expect("a configuration is text by text")
}

#[cfg(test)]
mod tests;
