//! Which stages a build needs, and what lies below them.
//!
//! All that can be known before anything is fetched or read, which is also all
//! that an engine would be needed for.

use super::error::{NativeError, Place};
use super::script::{CopyText, Script, SourceText, StageText, Step, What};
use super::words::{Words, pairs};
use crate::image::dockerfile::foreign::architecture;
use crate::image::dockerfile::work::Request;
use crate::oci::Platform;
use std::collections::{BTreeMap, BTreeSet};

/// What a stage begins with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Below {
    Scratch,
    /// An earlier stage, by its number.
    Stage(usize),
    /// By its place in [`Selection::images`].
    Image(usize),
}

/// An image that has to be fetched before the build.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Needed {
    /// As the Dockerfile names it.
    pub reference: String,
    /// What it is to run on.
    pub platform: Platform,
}

/// A stage that is needed.
#[derive(Clone, Debug)]
pub(super) struct Selected {
    pub(super) below: Below,
    pub(super) platform: Platform,
    /// What each `--from` of the stage means.
    pub(super) froms: BTreeMap<String, Below>,
}

/// The stages that are needed by number, the wanted one last.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) stages: BTreeMap<usize, Selected>,
    pub(super) wanted: usize,
    pub(super) images: Vec<Needed>,
    /// The arguments before the first stage, which stages may ask for by name.
    pub(super) globals: BTreeMap<String, String>,
    /// What the build says of platforms, which stages may ask for too.
    pub(super) predefined: BTreeMap<String, String>,
}

struct Selector<'a> {
    request: &'a Request,
    script: &'a Script,
    selection: Selection,
    left: BTreeSet<usize>,
}

/// Chooses what a request needs.
pub(super) fn select(
    file: &str,
    request: &Request,
    script: &Script,
) -> Result<Selection, NativeError> {
    let predefined = predefined(&request.platform);
    let wanted = wanted(file, request, script)?;
    let (stages, images) = (BTreeMap::new(), Vec::new());
    let selection = Selection { stages, wanted, images, globals: BTreeMap::new(), predefined };
    let left = [wanted].into();
    let mut selector = Selector { request, script, selection, left };
    selector.globals()?;
    while let Some(stage) = selector.left.pop_last() {
        selector.stage(stage)?;
    }
    Ok(selector.selection)
}

fn wanted(file: &str, request: &Request, script: &Script) -> Result<usize, NativeError> {
    let last = script.stages.len() - 1;
    let Some(target) = &request.target else { return Ok(last) };
    find(&script.stages, target).ok_or_else(|| NativeError::NoStage {
        file: file.to_owned(),
        target: target.clone(),
        known: script.stages.iter().filter_map(|stage| stage.name.clone()).collect(),
    })
}

/// A stage by its name, else by its number.
fn find(stages: &[StageText], name: &str) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    let named = stages.iter().position(|stage| stage.name.as_ref() == Some(&lower));
    named.or_else(|| name.parse().ok().filter(|number| *number < stages.len()))
}

/// `TARGETPLATFORM` and its like.
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
        for Step { place, what, .. } in &self.script.globals {
            let What::Arg(text) = what else { continue };
            for word in super::words::split(text, self.script.escape) {
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

    fn expand(&self, text: &str, place: &Place) -> Result<String, NativeError> {
        let Selection { globals, predefined, .. } = &self.selection;
        let variable = |name: &str| globals.get(name).or_else(|| predefined.get(name)).cloned();
        let words = Words { escape: self.script.escape, variable: &variable };
        words.expand(text).map_err(|source| NativeError::Word {
            place: place.clone(),
            text: text.to_owned(),
            source,
        })
    }

    fn stage(&mut self, number: usize) -> Result<(), NativeError> {
        let stage = &self.script.stages[number];
        let place = &stage.place;
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
        let earlier = self.script.stages[..number].iter().rposition(named);
        let below = match earlier {
            Some(earlier) => self.need(earlier),
            None if name == "scratch" => Below::Scratch,
            None => self.image(&name, &platform),
        };
        let mut froms = BTreeMap::new();
        for step in &stage.steps {
            if let Some(from) = self.step(step)? {
                let source = match find(&self.script.stages[..number], &from) {
                    Some(earlier) => self.need(earlier),
                    None => self.image(&from, &platform),
                };
                froms.insert(from, source);
            }
        }
        self.selection.stages.insert(number, Selected { below, platform, froms });
        Ok(())
    }

    fn need(&mut self, stage: usize) -> Below {
        self.left.insert(stage);
        Below::Stage(stage)
    }

    fn image(&mut self, reference: &str, platform: &Platform) -> Below {
        let needed = Needed { reference: reference.to_owned(), platform: platform.clone() };
        let images = &mut self.selection.images;
        let at = images.iter().position(|known| *known == needed).unwrap_or_else(|| {
            images.push(needed);
            images.len() - 1
        });
        Below::Image(at)
    }

    /// What a step copies from, beside the context.
    fn step(&self, step: &Step) -> Result<Option<String>, NativeError> {
        beyond(step)?;
        let from = match &step.what {
            What::Copy(copy) => copy.options.iter().find(|option| option.name == "from"),
            What::Env(text) | What::Label(text) => {
                pairs(text, self.script.escape).map_err(|source| NativeError::Word {
                    place: step.place.clone(),
                    text: text.clone(),
                    source,
                })?;
                None
            }
            _ => None,
        };
        let Some(text) = from.and_then(|from| from.value.as_ref()) else { return Ok(None) };
        self.expand(text, &step.place).map(Some)
    }
}

/// Refuses what an engine alone does.
pub(super) fn beyond(step: &Step) -> Result<(), NativeError> {
    let what = match &step.what {
        What::Run => Some("`RUN`".to_owned()),
        What::Copy(copy) => copy_beyond(copy),
        _ => None,
    };
    match what {
        Some(what) => {
            Err(NativeError::Beyond { place: step.place.clone(), what, unfit: Vec::new() })
        }
        None => Ok(()),
    }
}

fn copy_beyond(copy: &CopyText) -> Option<String> {
    let keyword = if copy.add { "ADD" } else { "COPY" };
    let known = ["from", "chown", "chmod", "link"];
    let option = copy.options.iter().find(|option| !known.contains(&option.name.as_str()));
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
