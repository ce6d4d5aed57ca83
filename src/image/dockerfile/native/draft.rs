//! A layer under construction, on top of the files of its stage.

use super::error::{DockerfileLine, NativeError};
use super::file_sources::FileSources;
use super::files::{FileLocation, TreeItem, TreeItemKind};
use super::layer_items::WHITEOUT;
use crate::image::layers::{
    Attributes, EntryKind, FileSource, LayerEntry, LayerError, Owner, Tree, TreeNode, join, parent,
};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

pub struct LayerDraft<'a> {
    place: &'a DockerfileLine,
    /// The paths of the stage so far.
    tree: &'a mut Tree,
    /// Replaces the owner of every item.
    owner: Option<Owner>,
    mode: Option<u32>,
    items: BTreeMap<Vec<u8>, TreeItem>,
}

impl<'a> LayerDraft<'a> {
    pub fn new(place: &'a DockerfileLine, tree: &'a mut Tree) -> Self {
        Self { place, tree, owner: None, mode: None, items: BTreeMap::new() }
    }

    pub fn owned_by(mut self, owner: Option<Owner>) -> Self {
        self.owner = owner;
        self
    }

    pub fn with_mode(mut self, mode: Option<u32>) -> Self {
        self.mode = mode;
        self
    }

    /// Follows the symbolic links of the image in a path.
    pub fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, NativeError> {
        Ok(self.tree.resolve(path)?)
    }

    pub fn has_folder(&self, path: &[u8]) -> bool {
        path.is_empty()
            || self.tree.folder(path).is_some()
            || matches!(self.items.get(path), Some(TreeItem { kind: TreeItemKind::Folder, .. }))
    }

    fn has_file(&self, path: &[u8]) -> bool {
        match self.items.get(path) {
            Some(TreeItem { kind: TreeItemKind::File(_), .. }) => true,
            Some(_) => false,
            None => self.tree.has_file(path),
        }
    }

    /// Creates a folder and its parents, unless they exist.
    pub fn make_folder(&mut self, path: &[u8]) -> Result<(), NativeError> {
        if self.has_file(path) {
            let (place, to) = (self.place.clone(), String::from_utf8_lossy(path).into_owned());
            return Err(NativeError::FolderOntoFile { place, to });
        }
        if !self.has_folder(path) {
            self.make_folder(parent(path))?;
            let owner = self.owner.unwrap_or_default();
            let item = TreeItem::folder(Attributes { mode: 0o755, owner });
            self.items.insert(path.to_vec(), item);
        }
        Ok(())
    }

    /// Adds an item. An existing folder takes the attributes of a new one; anything else is
    /// replaced.
    pub fn put(&mut self, path: &[u8], item: &TreeItem) -> Result<(), NativeError> {
        let owner = self.owner.unwrap_or(item.owner);
        let own = if matches!(item.kind, TreeItemKind::Link(_)) { None } else { self.mode };
        self.put_unchanged(path, TreeItem { mode: own.unwrap_or(item.mode), owner, ..item.clone() })
    }

    /// The same for what keeps its owner and mode, such as the content of an archive.
    pub fn put_unchanged(&mut self, path: &[u8], item: TreeItem) -> Result<(), NativeError> {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if name.starts_with(WHITEOUT) {
            let (place, to) = (self.place.clone(), String::from_utf8_lossy(path).into_owned());
            return Err(NativeError::Whiteout { place, to });
        }
        match &item.kind {
            TreeItemKind::Folder if self.tree.resolve(path)? != path => {
                let (place, to) = (self.place.clone(), String::from_utf8_lossy(path).into_owned());
                return Err(NativeError::FolderOntoLink { place, to });
            }
            TreeItemKind::Special(kind, None) => {
                let to = String::from_utf8_lossy(path);
                let what = format!("a {kind}, `/{to}`, in what it copies");
                let (place, unfit) = (self.place.clone(), Vec::new());
                return Err(NativeError::Beyond { place, what, unfit });
            }
            TreeItemKind::Special(kind, Some(from)) => {
                let special = LayerError::Special { path: from.clone(), kind };
                return Err(special.into());
            }
            TreeItemKind::Link(_) | TreeItemKind::File(_) if self.has_folder(path) => {
                let (place, to) = (self.place.clone(), String::from_utf8_lossy(path).into_owned());
                return Err(NativeError::FileOntoFolder { place, to });
            }
            TreeItemKind::Folder => self.make_folder(path)?,
            TreeItemKind::Link(_) | TreeItemKind::File(_) => {}
        }
        self.make_folder(parent(path))?;
        self.items.insert(path.to_vec(), item);
        Ok(())
    }

    /// The entries of the layer, which become part of the stage.
    pub fn finish(
        mut self,
        file_sources: &FileSources<'_>,
    ) -> Result<Vec<LayerEntry>, NativeError> {
        self.name_folders();
        let Self { tree, items, .. } = self;
        let files = items.values().filter_map(|item| match &item.kind {
            TreeItemKind::File(file) => Some(file),
            TreeItemKind::Folder | TreeItemKind::Link(_) | TreeItemKind::Special(..) => None,
        });
        file_sources.extract(files)?;
        let mut seen: HashMap<(PathBuf, u64), Vec<u8>> = HashMap::new();
        let mut entries = Vec::with_capacity(items.len());
        for (path, TreeItem { mode, owner, xattrs, kind }) in items {
            let (mode, kind) = match kind {
                TreeItemKind::Folder => {
                    tree.insert(&path, TreeNode::Folder(Attributes { mode, owner }));
                    (mode, EntryKind::Folder)
                }
                TreeItemKind::Link(target) => {
                    tree.insert(&path, TreeNode::Link(target.clone()));
                    (0o777, EntryKind::Symlink { target: target.into() })
                }
                TreeItemKind::File(file) => {
                    tree.insert(&path, TreeNode::File);
                    (mode, linked(&file, &path, &mut seen, file_sources))
                }
                TreeItemKind::Special(..) => continue,
            };
            entries.push(LayerEntry { path: path.into(), mode, owner, xattrs, kind });
        }
        Ok(entries)
    }

    /// Adds an entry for every parent folder, with its existing attributes: a runtime
    /// chooses the mode of a folder that no layer lists.
    fn name_folders(&mut self) {
        let paths: Vec<Vec<u8>> = self.items.keys().cloned().collect();
        for path in paths {
            let mut folder = parent(&path);
            while !folder.is_empty() && !self.items.contains_key(folder) {
                let item = TreeItem::folder(self.tree.folder(folder).unwrap_or_default());
                self.items.insert(folder.to_vec(), item);
                folder = parent(folder);
            }
        }
    }
}

/// A file, or a hard link to an earlier entry with the same content.
fn linked(
    file: &FileLocation,
    path: &[u8],
    seen: &mut HashMap<(PathBuf, u64), Vec<u8>>,
    file_sources: &FileSources<'_>,
) -> EntryKind {
    if let Some(identity) = file.identity() {
        if let Some(target) = seen.get(&identity) {
            return EntryKind::HardLink { target: target.as_slice().into() };
        }
        seen.insert(identity, path.to_vec());
    }
    let (source, stamp) = file_sources.location(file);
    EntryKind::File { source: FileSource::At(source.into()), stamp }
}

/// Resolves a path of a Dockerfile against the working directory.
pub fn absolute(path: &str, working_directory: &str) -> Vec<u8> {
    let whole =
        if path.starts_with('/') { path.to_owned() } else { format!("{working_directory}/{path}") };
    cleaned(whole.as_bytes())
}

/// Normalises a path, removing `.`, `..` and repeated slashes.
pub fn cleaned(path: &[u8]) -> Vec<u8> {
    let mut clean: Vec<u8> = Vec::new();
    for part in crate::image::layers::parts(path) {
        if part == b".." {
            clean.truncate(parent(&clean).len());
        } else {
            clean = join(&clean, part);
        }
    }
    clean
}
