//! The state of one stage of a Dockerfile.

use super::error::NativeError;
use super::file_sources::FileSources;
use super::files::FileTree;
use super::run::command::{CommandRunner, RootId};
use super::run_config::RunConfig;
use super::select::StageBase;
use crate::image::WorkControl;
use crate::image::layers::{LayerEntry, ListedLayer, Packed, Tree, add_layer};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::oci::{Digest, Platform};
use crate::secret::Secret;
use serde_json::{Map, Value};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

/// An entry of the image history.
#[derive(Clone)]
pub struct HistoryEntry {
    pub created_by: String,
    pub layer: bool,
}

/// Stages that are built, by their number.
pub type FinishedStages = BTreeMap<usize, Arc<Stage>>;

#[derive(Clone)]
pub struct Stage {
    pub platform: Platform,
    pub base: Option<Image>,
    /// All fields of the base's configuration.
    pub base_config: Map<String, Value>,
    pub run_config: RunConfig,
    /// The paths of the stage so far, without those of `unread`.
    tree: Tree,
    /// Layers of commands that no instruction has looked into since.
    unread: Vec<Packed>,
    pub layers: Vec<StageLayer>,
    pub history: Vec<HistoryEntry>,
    pub author: Option<String>,
    /// The names of the build arguments that this stage has declared, in order.
    pub declared: Vec<String>,
    /// The variables of commands: those of the image and build arguments, of which the one
    /// that is set last counts.
    variables: Vec<(String, String)>,
}

/// A layer of a stage, above its base.
#[derive(Clone)]
pub enum StageLayer {
    /// Copied files that are not packed yet.
    Listed(Arc<ListedLayer>),
    Copied {
        list: Arc<ListedLayer>,
        packed: Packed,
        /// Stands for what it holds.
        content: Digest,
    },
    /// What a command has changed, and the files after it if this build has run it.
    Run { packed: Packed, root: Option<RootId> },
}

impl StageLayer {
    pub fn packed(&self) -> Option<&Packed> {
        match self {
            Self::Listed(_) => None,
            Self::Copied { packed, .. } | Self::Run { packed, .. } => Some(packed),
        }
    }
}

/// Inputs that all stages share.
pub struct StageEnv<'a> {
    pub escape: char,
    /// Build arguments of the request.
    pub given: &'a BTreeMap<String, String>,
    pub globals: &'a BTreeMap<String, String>,
    pub predefined: &'a BTreeMap<String, String>,
    /// The source of each `--from`.
    pub froms: &'a BTreeMap<String, StageBase>,
    /// Finished stages, at least those that this one needs.
    pub stages: &'a FinishedStages,
    /// What the lines of commands begin with.
    pub shown: Option<String>,
    /// Runs the commands of the Dockerfile.
    pub runner: Option<&'a dyn CommandRunner>,
    pub secrets: &'a BTreeMap<String, Secret>,
    /// The sockets of ssh agents by ID.
    pub agents: &'a BTreeMap<String, PathBuf>,
    /// How many bytes of memory a command may take.
    pub memory: Option<u64>,
    /// The time of copied files in seconds since 1970.
    pub created: u64,
    pub control: &'a WorkControl<'a>,
    /// Set when another stage has failed.
    pub has_failed: &'a AtomicBool,
    /// The bytes of all words so far, once their variables are in them.
    pub expanded: Cell<usize>,
}

impl Stage {
    pub fn scratch(platform: Platform) -> Self {
        let run_config = RunConfig::scratch();
        Self {
            platform,
            base: None,
            base_config: Map::new(),
            variables: run_config.variables(),
            run_config,
            tree: Tree::default(),
            unread: Vec::new(),
            layers: Vec::new(),
            history: Vec::new(),
            author: None,
            declared: Vec::new(),
        }
    }

    pub fn of_image(file_sources: &FileSources<'_>, image: &Image) -> Result<Self, NativeError> {
        let base_config = file_sources.store.config(image)?;
        let run_config = RunConfig::of(base_config.get("config"));
        Ok(Self {
            platform: image.platform.clone(),
            base: Some(image.clone()),
            variables: run_config.variables(),
            run_config,
            tree: file_sources.tree(image)?,
            base_config,
            ..Self::scratch(Platform::default())
        })
    }

    /// A new stage that starts from this one, with the values of its build arguments.
    pub fn continued(&self) -> Self {
        let run_config = self.run_config.continued();
        Self { run_config, declared: Vec::new(), ..self.clone() }
    }

    /// The value of a variable or build argument.
    pub fn variable(&self, name: &str) -> Option<String> {
        let found = self.variables.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    }

    pub fn set_variable(&mut self, name: &str, value: &str) {
        match self.variables.iter_mut().find(|(key, _)| key == name) {
            Some(known) => value.clone_into(&mut known.1),
            None => self.variables.push((name.to_owned(), value.to_owned())),
        }
    }

    /// The variables and build arguments, in the order in which they were first set.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    pub fn declare(&mut self, name: &str) {
        if !self.declared.iter().any(|known| known == name) {
            self.declared.push(name.to_owned());
        }
    }

    pub fn add_layer(&mut self, name: &str, entries: Vec<LayerEntry>, started_at: SystemTime) {
        let name = name.to_owned();
        self.layers.push(StageLayer::Listed(Arc::new(ListedLayer { name, entries, started_at })));
    }

    /// Adds the layer of a command, and the files after it if this build has run it.
    pub fn add_run(&mut self, packed: Packed, root: Option<RootId>) {
        self.unread.push(packed.clone());
        self.layers.push(StageLayer::Run { packed, root });
    }

    /// The paths of the stage so far.
    pub fn tree(&mut self, store: &Store) -> Result<&mut Tree, NativeError> {
        for packed in std::mem::take(&mut self.unread) {
            add_layer(store, &packed.layer, &mut self.tree)?;
        }
        Ok(&mut self.tree)
    }

    /// The files of the stage, including its base.
    pub fn files(&self, file_sources: &FileSources<'_>) -> Result<Arc<FileTree>, NativeError> {
        let below = match &self.base {
            Some(image) => file_sources.files(image)?,
            None => Arc::default(),
        };
        if self.layers.is_empty() {
            return Ok(below);
        }
        let mut files = FileTree::clone(&below);
        for layer in &self.layers {
            match layer {
                StageLayer::Listed(list) | StageLayer::Copied { list, .. } => {
                    files.add(&list.entries);
                }
                StageLayer::Run { packed, .. } => {
                    files.add_layer(file_sources.store, &packed.layer)?;
                }
            }
        }
        Ok(Arc::new(files))
    }
}
