//! One stage of a Dockerfile under way: what it has, and what each instruction
//! does to it.

use super::copy::{Order, Source, copy};
use super::draft::{Draft, absolute};
use super::error::{NativeError, Place};
use super::files::Files;
use super::owners::{Ownership, owner};
use super::script::{CopyText, Script, SourceText, Step, What};
use super::select::{Below, beyond};
use super::settings::Settings;
use super::words::{Words, pairs, split};
use super::workshop::Workshop;
use crate::image::layers::{Listed, Mode, Owner, Tree};
use crate::image::manifest::Image;
use crate::oci::Platform;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A line of the history.
#[derive(Clone)]
pub(super) struct Past {
    pub(super) created_by: String,
    pub(super) layer: bool,
}

/// A stage.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) platform: Platform,
    pub(super) base: Option<Image>,
    /// The base's configuration, all of it.
    pub(super) below: Map<String, Value>,
    pub(super) settings: Settings,
    tree: Tree,
    pub(super) lists: Vec<Arc<Listed>>,
    pub(super) past: Vec<Past>,
    pub(super) author: Option<String>,
    arguments: BTreeMap<String, String>,
}

/// What a stage knows of the whole build.
pub(super) struct Around<'a> {
    pub(super) escape: char,
    /// The values that were given.
    pub(super) given: &'a BTreeMap<String, String>,
    pub(super) globals: &'a BTreeMap<String, String>,
    pub(super) predefined: &'a BTreeMap<String, String>,
    /// What each `--from` means.
    pub(super) froms: &'a BTreeMap<String, Below>,
    /// The stages that are done.
    pub(super) stages: &'a BTreeMap<usize, Stage>,
}

impl Stage {
    pub(super) fn of_scratch(platform: Platform) -> Self {
        Self {
            platform,
            base: None,
            below: Map::new(),
            settings: Settings::of_scratch(),
            tree: Tree::default(),
            lists: Vec::new(),
            past: Vec::new(),
            author: None,
            arguments: BTreeMap::new(),
        }
    }

    pub(super) fn of_image(workshop: &Workshop<'_>, image: &Image) -> Result<Self, NativeError> {
        let below = workshop.store.config(image)?;
        Ok(Self {
            platform: image.platform.clone(),
            base: Some(image.clone()),
            settings: Settings::of(below.get("config")),
            tree: crate::image::layers::tree(workshop.store, image)?,
            below,
            ..Self::of_scratch(Platform::default())
        })
    }

    /// A stage that goes on from this one.
    pub(super) fn go_on(&self) -> Self {
        Self { settings: self.settings.go_on(), arguments: BTreeMap::new(), ..self.clone() }
    }

    /// What the base wants done, then what the Dockerfile says.
    pub(super) fn perform(
        &mut self,
        place: &Place,
        steps: &[Step],
        around: &Around<'_>,
        workshop: &mut Workshop<'_>,
    ) -> Result<(), NativeError> {
        for text in self.settings.take_triggers() {
            let step = Script::trigger(&text, place)?;
            beyond(&step)?;
            self.step(&step, around, workshop)?;
        }
        steps.iter().try_for_each(|step| self.step(step, around, workshop))
    }

    fn step(
        &mut self,
        step: &Step,
        around: &Around<'_>,
        workshop: &mut Workshop<'_>,
    ) -> Result<(), NativeError> {
        let Step { place, text, what } = step;
        let word = |text: &str, stage: &Self| stage.expand(text, place, around.escape);
        let before = self.lists.len();
        match what {
            What::Copy(copy) => self.copy(step, copy, around, workshop)?,
            What::Workdir(path) => self.workdir(step, &word(path, self)?, workshop)?,
            What::Arg(text) => self.arguments(text, place, around)?,
            What::Env(text) | What::Label(text) => {
                let mut read = Vec::new();
                for (key, value) in pairs(text, around.escape).map_err(|source| {
                    NativeError::Word { place: place.clone(), text: text.clone(), source }
                })? {
                    read.push((word(&key, self)?, word(&value, self)?));
                }
                for (key, value) in read {
                    match what {
                        What::Env(_) => self.settings.set_variable(&key, &value),
                        _ => self.settings.label(&key, &value),
                    }
                }
            }
            What::Cmd(command) => self.settings.cmd(command),
            What::Entrypoint(command) => self.settings.entrypoint(command),
            What::Expose(ports) => {
                for ports in ports {
                    for port in word(ports, self)?.split_whitespace() {
                        self.settings.expose(port, place)?;
                    }
                }
            }
            What::Healthcheck(options, command) => {
                self.settings.healthcheck(options, command.as_ref(), place)?;
            }
            What::Maintainer(name) => self.author = Some(word(name, self)?),
            What::Onbuild(text) => self.settings.trigger(text),
            What::Run => beyond(step)?,
            What::Shell(words) => self.settings.shell(words),
            What::StopSignal(signal) => {
                let signal = word(signal, self)?;
                self.settings.set("StopSignal", &signal);
            }
            What::User(user) => {
                let user = word(user, self)?;
                self.settings.set("User", &user);
            }
            What::Volume(paths) => {
                for path in paths {
                    let path = word(path, self)?;
                    self.settings.volume(&path);
                }
            }
        }
        if !matches!(what, What::Arg(_)) {
            let layer = self.lists.len() > before;
            self.past.push(Past { created_by: text.clone(), layer });
        }
        Ok(())
    }

    fn expand(&self, text: &str, place: &Place, escape: char) -> Result<String, NativeError> {
        let variable =
            |name: &str| self.settings.variable(name).or_else(|| self.arguments.get(name).cloned());
        Words { escape, variable: &variable }.expand(text).map_err(|source| NativeError::Word {
            place: place.clone(),
            text: text.to_owned(),
            source,
        })
    }

    /// What was given goes before what the stage says, and that before what was
    /// said before the first stage.
    fn arguments(
        &mut self,
        text: &str,
        place: &Place,
        around: &Around<'_>,
    ) -> Result<(), NativeError> {
        for word in split(text, around.escape) {
            let (name, default) = match word.split_once('=') {
                Some((name, default)) => (name, Some(self.expand(default, place, around.escape)?)),
                None => (word.as_str(), None),
            };
            let given = around.given.get(name).cloned();
            let value = given.or(default);
            let value = value.or_else(|| around.globals.get(name).cloned());
            let value = value.or_else(|| around.predefined.get(name).cloned());
            if let Some(value) = value {
                self.arguments.insert(name.to_owned(), value);
            }
        }
        Ok(())
    }

    fn workdir(
        &mut self,
        step: &Step,
        path: &str,
        workshop: &mut Workshop<'_>,
    ) -> Result<(), NativeError> {
        let path = absolute(path, &self.settings.working_directory());
        let user = self.settings.user().to_owned();
        let text = format!("/{}", String::from_utf8_lossy(&path));
        self.settings.set("WorkingDir", &text);
        let real = self.tree.resolve(&path)?;
        if real.is_empty() || self.tree.folder(&real).is_some() {
            return Ok(());
        }
        let owner = match user.as_str() {
            "" => None,
            user => Some(self.owner(user, &step.place, workshop)?),
        };
        let mut draft = Draft::new(&step.place, &mut self.tree).owned_by(owner);
        draft.make_folder(&real);
        let entries = draft.finish(workshop)?;
        self.lists.push(Arc::new(Listed {
            name: step.text.clone(),
            entries,
            begun: workshop.begun,
        }));
        Ok(())
    }

    fn owner(
        &self,
        text: &str,
        place: &Place,
        workshop: &mut Workshop<'_>,
    ) -> Result<Owner, NativeError> {
        let ownership = Ownership::read(text);
        if let Some(owner) = ownership.numbers() {
            return Ok(owner);
        }
        let files = self.files(workshop)?;
        owner(&ownership, &files, place, workshop)
    }

    /// All that the stage has.
    fn files(&self, workshop: &mut Workshop<'_>) -> Result<Arc<Files>, NativeError> {
        let below = match &self.base {
            Some(image) => workshop.files(image)?,
            None => Arc::default(),
        };
        if self.lists.is_empty() {
            return Ok(below);
        }
        let mut files = Files::clone(&below);
        self.lists.iter().for_each(|list| files.add(&list.entries));
        Ok(Arc::new(files))
    }

    fn copy(
        &mut self,
        step: &Step,
        text: &CopyText,
        around: &Around<'_>,
        workshop: &mut Workshop<'_>,
    ) -> Result<(), NativeError> {
        let place = &step.place;
        let option = |name: &str| {
            let option = text.options.iter().find(|option| option.name == name);
            let value = option.and_then(|option| option.value.as_deref());
            value.map(|value| self.expand(value, place, around.escape)).transpose()
        };
        let mode = option("chmod")?.map(|text| mode(text, place)).transpose()?;
        let owner = match option("chown")? {
            Some(text) => Some(self.owner(&text, place, workshop)?),
            None => None,
        };
        let mut ignore = None;
        let (from, whence) = match text.options.iter().find(|option| option.name == "from") {
            None => {
                let (files, left_out) = workshop.context()?;
                ignore = Some(left_out);
                (files, "the build context".to_owned())
            }
            Some(from) => {
                let name = from.value.clone().unwrap_or_default();
                (files_from(&name, place, around, workshop)?, format!("`{name}`"))
            }
        };
        let order = Order {
            place,
            add: text.add,
            from,
            whence,
            ignore,
            sources: self.sources(text, place, around.escape, workshop)?,
            to: self.expand(&text.to, place, around.escape)?,
            working_directory: self.settings.working_directory(),
        };
        let draft = Draft::new(place, &mut self.tree);
        let mut draft = draft.owned_by(owner).of_mode(mode);
        copy(&order, &mut draft, workshop)?;
        let entries = draft.finish(workshop)?;
        self.lists.push(Arc::new(Listed {
            name: step.text.clone(),
            entries,
            begun: workshop.begun,
        }));
        Ok(())
    }

    fn sources(
        &self,
        text: &CopyText,
        place: &Place,
        escape: char,
        workshop: &mut Workshop<'_>,
    ) -> Result<Vec<Source>, NativeError> {
        let mut sources = Vec::new();
        for source in &text.sources {
            sources.push(match source {
                SourceText::Path(path) => Source::Path(self.expand(path, place, escape)?),
                SourceText::Text { name, expand, text } => {
                    let variable = |name: &str| {
                        self.settings.variable(name).or_else(|| self.arguments.get(name).cloned())
                    };
                    let expanded = Words { escape, variable: &variable }.expand_text(text);
                    let word = |source| NativeError::Word {
                        place: place.clone(),
                        text: format!("<<{name}"),
                        source,
                    };
                    let text = if *expand { &expanded.map_err(word)? } else { text };
                    Source::Text(name.clone(), workshop.text(text)?)
                }
            });
        }
        Ok(sources)
    }
}

/// The files that a `--from` means.
fn files_from(
    name: &str,
    place: &Place,
    around: &Around<'_>,
    workshop: &mut Workshop<'_>,
) -> Result<Arc<Files>, NativeError> {
    let beyond = || NativeError::Beyond {
        place: place.clone(),
        what: format!("`COPY --from={name}` in an `ONBUILD` of the base"),
        unfit: Vec::new(),
    };
    let variable =
        |name: &str| around.globals.get(name).or_else(|| around.predefined.get(name)).cloned();
    let words = Words { escape: around.escape, variable: &variable };
    let from = words.expand(name).ok().and_then(|name| around.froms.get(&name));
    match from.ok_or_else(beyond)? {
        Below::Scratch => Ok(Arc::default()),
        Below::Image(at) => workshop.files(&workshop.pulled[*at].clone()),
        Below::Stage(number) => around.stages[number].files(workshop),
    }
}

fn mode(text: String, place: &Place) -> Result<u32, NativeError> {
    let octal: Result<Mode, _> = text.parse();
    octal.map(Mode::bits).map_err(|_| {
        let wanted = "a mode in octal, such as `0755`";
        NativeError::Value { place: place.clone(), text, wanted }
    })
}
