//! Selects the stages that a build needs and resolves their base images.
//!
//! Everything that can be known before files or images are read is checked here, including
//! everything that would need an engine.

use super::error::{DockerfileLine, NativeError};
use super::expand::{WordExpander, pairs};
use super::parse::{
    CopyText, ParsedDockerfile, RunText, SourceText, StageText, Step, StepKind, StepOption,
};
use super::run::mount::MountText;
use crate::image::dockerfile::foreign_platform::architecture;
use crate::image::dockerfile::request::BuildRequest;
use crate::oci::Platform;
use std::collections::{BTreeMap, BTreeSet};

/// The flags of the Dockerfile reference.
const COPY_FLAGS: [&str; 6] = ["from", "chown", "chmod", "link", "parents", "exclude"];
const ADD_FLAGS: [&str; 7] =
    ["chown", "chmod", "link", "checksum", "keep-git-dir", "exclude", "unpack"];
const RUN_FLAGS: [&str; 4] = ["mount", "network", "security", "device"];
const HEALTHCHECK_FLAGS: [&str; 5] =
    ["interval", "timeout", "start-period", "start-interval", "retries"];

/// The base of a stage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StageBase {
    Scratch,
    /// Index of an earlier stage.
    Stage(usize),
    /// Index in [`Selection::images`].
    Image(usize),
}

/// An image that has to be fetched before the build.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NeededImage {
    /// The reference as written, with variables expanded.
    pub reference: String,
    pub platform: Platform,
    /// Where it is copied from, if its name may have been meant as that of a stage.
    pub instead_of_stage: Option<DockerfileLine>,
}

/// A stage that the build needs.
#[derive(Clone, Debug)]
pub struct SelectedStage {
    pub base: StageBase,
    pub platform: Platform,
    /// The source of each `--from` in the stage.
    pub froms: BTreeMap<String, StageBase>,
}

/// The needed stages by index; `wanted` is the result of the build.
#[derive(Clone, Debug)]
pub struct Selection {
    pub stages: BTreeMap<usize, SelectedStage>,
    pub wanted: usize,
    pub images: Vec<NeededImage>,
    /// Global `ARG`s, which a stage can declare without a default.
    pub globals: BTreeMap<String, String>,
    /// Predefined platform arguments such as `TARGETPLATFORM`, available to stages in the
    /// same way.
    pub predefined: BTreeMap<String, String>,
}

struct Selector<'a> {
    request: &'a BuildRequest,
    parsed: &'a ParsedDockerfile,
    selection: Selection,
    left: BTreeSet<usize>,
    /// Whether commands can be run.
    runs: bool,
}

/// Selects the stages that a request needs.
pub fn select(
    file: &str,
    request: &BuildRequest,
    parsed: &ParsedDockerfile,
    runs: bool,
) -> Result<Selection, NativeError> {
    let predefined = predefined(&request.platform);
    let wanted = wanted(file, request, parsed)?;
    let (stages, images) = (BTreeMap::new(), Vec::new());
    let selection = Selection { stages, wanted, images, globals: BTreeMap::new(), predefined };
    let left = [wanted].into();
    let mut selector = Selector { request, parsed, selection, left, runs };
    selector.globals()?;
    while let Some(stage) = selector.left.pop_last() {
        selector.stage(stage)?;
    }
    Ok(selector.selection)
}

fn wanted(
    file: &str,
    request: &BuildRequest,
    parsed: &ParsedDockerfile,
) -> Result<usize, NativeError> {
    for StageText { place, name, .. } in &parsed.stages {
        if let Some(name) = name.as_ref().filter(|name| !is_stage_name(name)) {
            let (place, name) = (place.clone(), name.clone());
            return Err(NativeError::StageName { place, name });
        }
    }
    let last = parsed.stages.len() - 1;
    let Some(target) = &request.target else { return Ok(last) };
    find(&parsed.stages, target).ok_or_else(|| NativeError::NoStage {
        file: file.to_owned(),
        target: target.clone(),
        known: parsed.stages.iter().filter_map(|stage| stage.name.clone()).collect(),
    })
}

/// The index of a stage, by name or number.
fn find(stages: &[StageText], name: &str) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    let named = stages.iter().position(|stage| stage.name.as_ref() == Some(&lower));
    named.or_else(|| name.parse().ok().filter(|number| *number < stages.len()))
}

/// The values of `TARGETPLATFORM` and the other platform arguments.
fn predefined(target: &Platform) -> BTreeMap<String, String> {
    let build: Platform =
        format!("linux/{}", architecture()).parse().expect("a system and an architecture");
    let mut words = BTreeMap::new();
    for (prefix, platform) in [("TARGET", target), ("BUILD", &build)] {
        for (name, value) in [
            ("PLATFORM", platform.to_string()),
            ("OS", platform.os.clone()),
            ("ARCH", platform.architecture.clone()),
            ("VARIANT", platform.variant.clone().unwrap_or_default()),
        ] {
            words.insert(format!("{prefix}{name}"), value);
        }
    }
    words
}

impl Selector<'_> {
    fn globals(&mut self) -> Result<(), NativeError> {
        for Step { place, kind, .. } in &self.parsed.globals {
            let StepKind::Arg(text) = kind else { continue };
            for word in super::expand::split(text, self.parsed.escape) {
                let (name, default) = match word.split_once('=') {
                    Some((name, default)) => (name, Some(self.expand(default, place)?)),
                    None => (word.as_str(), None),
                };
                let value = self.request.args.get(name).cloned().or(default);
                if let Some(value) = value {
                    self.selection.globals.insert(name.to_owned(), value);
                }
            }
        }
        Ok(())
    }

    fn expand(&self, text: &str, place: &DockerfileLine) -> Result<String, NativeError> {
        let Selection { globals, predefined, .. } = &self.selection;
        let variable = |name: &str| globals.get(name).or_else(|| predefined.get(name)).cloned();
        let words = WordExpander { escape: self.parsed.escape, variable: &variable };
        words.expand(text).map_err(|source| NativeError::Word {
            place: place.clone(),
            text: text.to_owned(),
            source,
        })
    }

    fn stage(&mut self, number: usize) -> Result<(), NativeError> {
        let stage = &self.parsed.stages[number];
        let place = &stage.place;
        known_flags(place, "FROM", &stage.options, &["platform"])?;
        let platform = match &stage.platform {
            Some(text) => {
                let text = self.expand(text, place)?;
                let wanted = "a platform, such as `linux/amd64`";
                text.parse().map_err(|_: String| NativeError::Value {
                    place: place.clone(),
                    text,
                    wanted,
                })?
            }
            None => self.request.platform.clone(),
        };
        let name = self.expand(&stage.from, place)?;
        if name.is_empty() {
            return Err(NativeError::NoImage { place: place.clone(), text: stage.from.clone() });
        }
        let named = |stage: &StageText| stage.name.as_deref() == Some(&*name.to_ascii_lowercase());
        let earlier = self.parsed.stages[..number].iter().rposition(named);
        let base = match earlier {
            Some(earlier) => self.need(earlier),
            None if name == "scratch" => StageBase::Scratch,
            None => self.image(&name, &platform, None),
        };
        let mut froms = BTreeMap::new();
        for step in &stage.steps {
            self.foreign(step, &platform)?;
            for from in self.step(step)? {
                let source = if let Some(earlier) = find(&self.parsed.stages[..number], &from) {
                    self.need(earlier)
                } else {
                    self.refuse_other_stage(number, &from, &step.place)?;
                    let is_word = !from.contains(['/', ':', '.', '@']);
                    self.image(&from, &platform, is_word.then(|| step.place.clone()))
                };
                froms.insert(from, source);
            }
        }
        self.selection.stages.insert(number, SelectedStage { base, platform, froms });
        Ok(())
    }

    /// Fails if `from` is a stage that is not above the stage `number`. It must not be taken
    /// for an image.
    fn refuse_other_stage(
        &self,
        number: usize,
        from: &str,
        place: &DockerfileLine,
    ) -> Result<(), NativeError> {
        let (place, from) = (place.clone(), from.to_owned());
        match find(&self.parsed.stages, &from) {
            Some(found) if found == number => Err(NativeError::OwnStage { place, from }),
            Some(_) => Err(NativeError::StageBelow { place, from }),
            None if from.parse::<usize>().is_ok() => {
                let count = self.parsed.stages.len();
                Err(NativeError::NoSuchStage { place, from, count })
            }
            None => Ok(()),
        }
    }

    fn need(&mut self, stage: usize) -> StageBase {
        self.left.insert(stage);
        StageBase::Stage(stage)
    }

    fn image(
        &mut self,
        reference: &str,
        platform: &Platform,
        instead_of_stage: Option<DockerfileLine>,
    ) -> StageBase {
        let images = &mut self.selection.images;
        let same =
            |known: &NeededImage| known.reference == reference && known.platform == *platform;
        let at = images.iter().position(same).unwrap_or_else(|| {
            let (reference, platform) = (reference.to_owned(), platform.clone());
            images.push(NeededImage { reference, platform, instead_of_stage });
            images.len() - 1
        });
        StageBase::Image(at)
    }

    /// Fails if a step runs a command for another kind of machine.
    fn foreign(&self, step: &Step, platform: &Platform) -> Result<(), NativeError> {
        let is_foreign = platform.os != "linux" || platform.architecture != architecture();
        if !self.runs || !is_foreign || !matches!(step.kind, StepKind::Run(_)) {
            return Ok(());
        }
        let what = format!("`RUN` for `{platform}`");
        Err(NativeError::Beyond { place: step.place.clone(), what, unfit: Vec::new() })
    }

    /// What a step takes files from: its `--from`, expanded, or those of its mounts.
    fn step(&self, step: &Step) -> Result<Vec<String>, NativeError> {
        beyond(step, self.runs)?;
        let from = match &step.kind {
            StepKind::Run(run) => {
                let mounts = run.options.iter().filter(|option| option.name == "mount");
                let froms = mounts.map(|it| Ok(MountText::read(it, &step.place)?.from));
                return Ok(froms
                    .collect::<Result<Vec<_>, NativeError>>()?
                    .into_iter()
                    .flatten()
                    .collect());
            }
            StepKind::Copy(copy) => copy.options.iter().find(|option| option.name == "from"),
            StepKind::Env(text) | StepKind::Label(text) => {
                pairs(text, self.parsed.escape).map_err(|source| NativeError::Word {
                    place: step.place.clone(),
                    text: text.clone(),
                    source,
                })?;
                None
            }
            _ => None,
        };
        let Some(text) = from.and_then(|from| from.value.as_ref()) else { return Ok(Vec::new()) };
        Ok(vec![self.expand(text, &step.place)?])
    }
}

/// Whether a stage can have the name. Names are in lower case here.
fn is_stage_name(name: &str) -> bool {
    let of_name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(of_name)
}

/// Fails where an instruction has a flag that there is not.
fn known_flags(
    place: &DockerfileLine,
    instruction: &'static str,
    options: &[StepOption],
    known: &[&'static str],
) -> Result<(), NativeError> {
    let unknown = options.iter().find(|option| !known.contains(&option.name.as_str()));
    unknown.map_or(Ok(()), |option| {
        let (place, flag, known) = (place.clone(), option.name.clone(), known.to_vec());
        Err(NativeError::Flag { place, instruction, flag, known })
    })
}

/// The flags of a step that belong to no instruction.
fn check_flags(step: &Step) -> Result<(), NativeError> {
    match &step.kind {
        StepKind::Copy(copy) if copy.add => {
            known_flags(&step.place, "ADD", &copy.options, &ADD_FLAGS)
        }
        StepKind::Copy(copy) => known_flags(&step.place, "COPY", &copy.options, &COPY_FLAGS),
        StepKind::Run(run) => known_flags(&step.place, "RUN", &run.options, &RUN_FLAGS),
        StepKind::Healthcheck(options, _) => {
            known_flags(&step.place, "HEALTHCHECK", options, &HEALTHCHECK_FLAGS)
        }
        _ => Ok(()),
    }
}

/// Fails if the step has unknown flags or needs an engine. `runs` says whether commands can
/// be run without one.
pub fn beyond(step: &Step, runs: bool) -> Result<(), NativeError> {
    check_flags(step)?;
    let what = match &step.kind {
        StepKind::Run(_) if !runs => Some("`RUN`".to_owned()),
        StepKind::Run(run) => run_beyond(run, &step.place)?,
        StepKind::Copy(copy) => copy_beyond(copy),
        _ => None,
    };
    match what {
        Some(what) => {
            Err(NativeError::Beyond { place: step.place.clone(), what, unfit: Vec::new() })
        }
        None => Ok(()),
    }
}

fn run_beyond(run: &RunText, place: &DockerfileLine) -> Result<Option<String>, NativeError> {
    for option in &run.options {
        let StepOption { name, value } = option;
        let value = value.as_deref().unwrap_or_default();
        match name.as_str() {
            "network" if ["default", "host", "none"].contains(&value) => {}
            "network" => {
                let (place, text) = (place.clone(), value.to_owned());
                let wanted = "`default`, `host` or `none`";
                return Err(NativeError::Value { place, text, wanted });
            }
            "mount" => drop(MountText::read(option, place)?),
            name => return Ok(Some(format!("`RUN --{name}`"))),
        }
    }
    Ok(None)
}

fn copy_beyond(copy: &CopyText) -> Option<String> {
    let keyword = if copy.add { "ADD" } else { "COPY" };
    let own = ["from", "chown", "chmod", "link", "parents", "exclude"];
    let option = copy.options.iter().find(|option| !own.contains(&option.name.as_str()));
    if let Some(option) = option {
        return Some(format!("`{keyword} --{}`", option.name));
    }
    let remote = |source: &&SourceText| match source {
        SourceText::Path(path) => {
            let schemes = ["http://", "https://", "git://", "git@", "ssh://"];
            copy.add && schemes.iter().any(|scheme| path.starts_with(scheme))
        }
        SourceText::Text { .. } => false,
    };
    copy.sources.iter().find(remote).map(|_| "`ADD` of a URL".to_owned())
}
