//! A layer while it is put together: what goes where, over what is there.

use super::error::{NativeError, Place};
use super::files::{Item, ItemKind, Where};
use super::workshop::Workshop;
use crate::image::layers::{
    Attributes, Entry, Kind, LayerError, Node, Owner, Source, Tree, join, parent,
};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// One layer of a stage.
pub(super) struct Draft<'a> {
    place: &'a Place,
    /// What the stage has so far.
    tree: &'a mut Tree,
    /// Over what items say.
    owner: Option<Owner>,
    mode: Option<u32>,
    items: BTreeMap<Vec<u8>, Item>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(place: &'a Place, tree: &'a mut Tree) -> Self {
        Self { place, tree, owner: None, mode: None, items: BTreeMap::new() }
    }

    pub(super) fn owned_by(mut self, owner: Option<Owner>) -> Self {
        self.owner = owner;
        self
    }

    pub(super) fn of_mode(mut self, mode: Option<u32>) -> Self {
        self.mode = mode;
        self
    }

    /// Where a path leads when every link of the image on it is followed.
    pub(super) fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, NativeError> {
        Ok(self.tree.resolve(path)?)
    }

    pub(super) fn has_folder(&self, path: &[u8]) -> bool {
        path.is_empty()
            || self.tree.folder(path).is_some()
            || matches!(self.items.get(path), Some(Item { kind: ItemKind::Folder, .. }))
    }

    /// Makes a folder and those above it, where they are not there.
    pub(super) fn make_folder(&mut self, path: &[u8]) {
        if !self.has_folder(path) {
            self.make_folder(parent(path));
            let owner = self.owner.unwrap_or_default();
            let item = Item { mode: 0o755, owner, kind: ItemKind::Folder };
            self.items.insert(path.to_vec(), item);
        }
    }

    /// Puts something where it goes. A folder that is there is made like the new
    /// one; what else is there is replaced.
    pub(super) fn put(&mut self, path: &[u8], item: &Item) -> Result<(), NativeError> {
        let owner = self.owner.unwrap_or(item.owner);
        let own = if matches!(item.kind, ItemKind::Link(_)) { None } else { self.mode };
        let item = Item { mode: own.unwrap_or(item.mode), owner, kind: item.kind.clone() };
        match &item.kind {
            ItemKind::Folder if self.tree.resolve(path)? != path => {
                let (place, to) = (self.place.clone(), String::from_utf8_lossy(path).into_owned());
                return Err(NativeError::FolderOntoLink { place, to });
            }
            ItemKind::Special(kind, from) => {
                let special = LayerError::Special { path: from.clone(), kind };
                return Err(special.into());
            }
            ItemKind::Link(_) | ItemKind::File(_) if self.has_folder(path) => {
                let (place, to) = (self.place.clone(), String::from_utf8_lossy(path).into_owned());
                return Err(NativeError::FileOntoFolder { place, to });
            }
            ItemKind::Folder | ItemKind::Link(_) | ItemKind::File(_) => {}
        }
        self.make_folder(parent(path));
        self.items.insert(path.to_vec(), item);
        Ok(())
    }

    /// The layer. From now on the stage has what is in it.
    pub(super) fn finish(mut self, workshop: &mut Workshop<'_>) -> Result<Vec<Entry>, NativeError> {
        self.name_folders();
        let Self { tree, items, .. } = self;
        let files = items.values().filter_map(|item| match &item.kind {
            ItemKind::File(file) => Some(file),
            ItemKind::Folder | ItemKind::Link(_) | ItemKind::Special(..) => None,
        });
        workshop.lay_down(files)?;
        let mut seen: HashMap<(PathBuf, u64), Vec<u8>> = HashMap::new();
        let mut entries = Vec::with_capacity(items.len());
        for (path, Item { mode, owner, kind }) in items {
            let (mode, kind) = match kind {
                ItemKind::Folder => {
                    tree.insert(&path, Node::Folder(Attributes { mode, owner }));
                    (mode, Kind::Folder)
                }
                ItemKind::Link(target) => {
                    tree.insert(&path, Node::Link(target.clone()));
                    (0o777, Kind::Symlink { target: target.into() })
                }
                ItemKind::File(file) => {
                    tree.remove(&path);
                    (mode, linked(&file, &path, &mut seen, workshop))
                }
                ItemKind::Special(..) => continue,
            };
            entries.push(Entry { path: path.into(), mode, owner, kind });
        }
        Ok(entries)
    }

    /// Names the folders above everything, as they are: a runtime gives one that
    /// no layer names a mode of its own choice.
    fn name_folders(&mut self) {
        let paths: Vec<Vec<u8>> = self.items.keys().cloned().collect();
        for path in paths {
            let mut folder = parent(&path);
            while !folder.is_empty() && !self.items.contains_key(folder) {
                let Attributes { mode, owner } = self.tree.folder(folder).unwrap_or_default();
                let item = Item { mode, owner, kind: ItemKind::Folder };
                self.items.insert(folder.to_vec(), item);
                folder = parent(folder);
            }
        }
    }
}

/// A file, or a link to the entry before it that is the same file.
fn linked(
    file: &Where,
    path: &[u8],
    seen: &mut HashMap<(PathBuf, u64), Vec<u8>>,
    workshop: &Workshop<'_>,
) -> Kind {
    if let Some(identity) = file.identity() {
        if let Some(target) = seen.get(&identity) {
            return Kind::HardLink { target: target.as_slice().into() };
        }
        seen.insert(identity, path.to_vec());
    }
    let (source, stamp) = workshop.laid(file);
    Kind::File { source: Source::At(source.into()), stamp }
}

/// A path in an image as a Dockerfile has it, below a working directory.
pub(super) fn absolute(path: &str, working_directory: &str) -> Vec<u8> {
    let whole =
        if path.starts_with('/') { path.to_owned() } else { format!("{working_directory}/{path}") };
    cleaned(whole.as_bytes())
}

/// A path without `.`, `..` and what else says nothing.
pub(super) fn cleaned(path: &[u8]) -> Vec<u8> {
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
