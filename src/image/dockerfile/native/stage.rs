//! The state of one stage of a Dockerfile.

use super::error::NativeError;
use super::file_sources::FileSources;
use super::files::FileTree;
use super::run_config::RunConfig;
use super::select::StageBase;
use crate::image::layers::{LayerEntry, ListedLayer, Tree};
use crate::image::manifest::Image;
use crate::oci::Platform;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// An entry of the image history.
#[derive(Clone)]
pub struct HistoryEntry {
    pub created_by: String,
    pub layer: bool,
}

#[derive(Clone)]
pub struct Stage {
    pub platform: Platform,
    pub base: Option<Image>,
    /// All fields of the base's configuration.
    pub base_config: Map<String, Value>,
    pub run_config: RunConfig,
    /// The paths of the stage so far.
    pub tree: Tree,
    pub lists: Vec<Arc<ListedLayer>>,
    pub history: Vec<HistoryEntry>,
    pub author: Option<String>,
    pub arguments: BTreeMap<String, String>,
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
    /// Finished stages.
    pub stages: &'a BTreeMap<usize, Stage>,
}

impl Stage {
    pub fn scratch(platform: Platform) -> Self {
        Self {
            platform,
            base: None,
            base_config: Map::new(),
            run_config: RunConfig::scratch(),
            tree: Tree::default(),
            lists: Vec::new(),
            history: Vec::new(),
            author: None,
            arguments: BTreeMap::new(),
        }
    }

    pub fn of_image(file_sources: &FileSources<'_>, image: &Image) -> Result<Self, NativeError> {
        let base_config = file_sources.store.config(image)?;
        Ok(Self {
            platform: image.platform.clone(),
            base: Some(image.clone()),
            run_config: RunConfig::of(base_config.get("config")),
            tree: crate::image::layers::tree(file_sources.store, image)?,
            base_config,
            ..Self::scratch(Platform::default())
        })
    }

    /// A new stage that starts from this one.
    pub fn continued(&self) -> Self {
        Self { run_config: self.run_config.continued(), arguments: BTreeMap::new(), ..self.clone() }
    }

    /// The value of a variable or build argument.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.run_config.variable(name).or_else(|| self.arguments.get(name).cloned())
    }

    pub fn add_layer(&mut self, name: &str, entries: Vec<LayerEntry>, started_at: SystemTime) {
        let name = name.to_owned();
        self.lists.push(Arc::new(ListedLayer { name, entries, started_at }));
    }

    /// The files of the stage, including its base.
    pub fn files(&self, file_sources: &mut FileSources<'_>) -> Result<Arc<FileTree>, NativeError> {
        let below = match &self.base {
            Some(image) => file_sources.files(image)?,
            None => Arc::default(),
        };
        if self.lists.is_empty() {
            return Ok(below);
        }
        let mut files = FileTree::clone(&below);
        self.lists.iter().for_each(|list| files.add(&list.entries));
        Ok(Arc::new(files))
    }
}
