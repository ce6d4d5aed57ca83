//! The files of a build context, an image or an archive by path. Paths have no `/` at either
//! end; the root is empty.

use super::error::NativeError;
use super::file_match::matches;
use super::layer_items::{self, Contents, FileKind, ItemAttributes, LayerItem, LayerItemKind};
use crate::image::ignore::Ignore;
use crate::image::layers::{
    Attributes, EntryKind, FileStamp, LayerEntry, LayerError, Owner, Xattrs, join, parent, parts,
    special,
};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::oci::Descriptor;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Linux follows at most this many symbolic links in one path (`path_resolution(7)`).
const MAX_SYMLINKS: usize = 40;

#[derive(Clone, Debug)]
pub struct TreeItem {
    pub mode: u32,
    pub owner: Owner,
    pub xattrs: Xattrs,
    pub kind: TreeItemKind,
}

impl TreeItem {
    pub fn folder(Attributes { mode, owner }: Attributes) -> Self {
        Self { mode, owner, xattrs: Xattrs::default(), kind: TreeItemKind::Folder }
    }
}

#[derive(Clone, Debug)]
pub enum TreeItemKind {
    Folder,
    Link(Vec<u8>),
    File(FileLocation),
    /// A kind of file that no layer of this builder contains, such as a socket, and its path
    /// if it is on this machine.
    Special(&'static str, Option<PathBuf>),
}

/// Where the content of a file is.
#[derive(Clone, Debug)]
pub enum FileLocation {
    Disk(PathBuf, FileStamp),
    /// The entry of an archive with this index.
    Packed(Arc<Path>, usize),
}

impl FileLocation {
    /// Equal for hard links to the same file.
    pub fn identity(&self) -> Option<(PathBuf, u64)> {
        match self {
            Self::Disk(_, stamp) if stamp.links < 2 => None,
            Self::Disk(_, stamp) => Some((PathBuf::from(stamp.device.to_string()), stamp.inode)),
            Self::Packed(archive, entry) => Some((archive.to_path_buf(), *entry as u64)),
        }
    }
}

/// Files by path.
#[derive(Clone, Debug, Default)]
pub struct FileTree {
    items: BTreeMap<Vec<u8>, TreeItem>,
}

impl FileTree {
    /// The files of a folder that are not ignored. As in every build context, all belong to
    /// root.
    pub fn of_context(folder: &Path, ignore: &Ignore) -> Result<Self, NativeError> {
        let mut files = Self::default();
        files.walk(folder, b"", ignore)?;
        Ok(files)
    }

    fn walk(&mut self, folder: &Path, path: &[u8], ignore: &Ignore) -> Result<(), NativeError> {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| NativeError::Read { path, source }
        };
        for entry in fs::read_dir(folder).map_err(read(folder))? {
            let entry = entry.map_err(read(folder))?;
            let name = join(path, entry.file_name().as_bytes());
            let from = entry.path();
            let metadata = entry.metadata().map_err(read(&from))?;
            let left_out = ignore.leaves_out(&name);
            if metadata.is_dir() {
                if !left_out {
                    self.items.insert(name.clone(), on_disk(&metadata, TreeItemKind::Folder));
                    self.add_folders(folder, &name)?;
                }
                if !ignore.leaves_out_all_in(&name) {
                    self.walk(&from, &name, ignore)?;
                }
            } else if !left_out {
                let kind = if metadata.is_symlink() {
                    let target = fs::read_link(&from).map_err(read(&from))?;
                    TreeItemKind::Link(target.into_os_string().into_vec())
                } else if metadata.is_file() {
                    TreeItemKind::File(FileLocation::Disk(from.clone(), FileStamp::of(&metadata)))
                } else {
                    TreeItemKind::Special(special(metadata.file_type()), Some(from.clone()))
                };
                let mut item = on_disk(&metadata, kind);
                if metadata.is_file() && metadata.mode() & 0o111 != 0 {
                    item.xattrs = Xattrs::of_program(&from);
                }
                self.items.insert(name.clone(), item);
                self.add_folders(folder, &name)?;
            }
        }
        Ok(())
    }

    /// Adds the parent folders of what was re-included from an ignored folder.
    fn add_folders(&mut self, mut folder: &Path, name: &[u8]) -> Result<(), NativeError> {
        let mut path = parent(name);
        while !path.is_empty() && !self.items.contains_key(path) {
            let metadata = fs::metadata(folder)
                .map_err(|source| NativeError::Read { path: folder.to_owned(), source })?;
            self.items.insert(path.to_vec(), on_disk(&metadata, TreeItemKind::Folder));
            path = parent(path);
            folder = folder.parent().unwrap_or(folder);
        }
        Ok(())
    }

    /// The files of an image.
    pub fn of_image(store: &Store, image: &Image) -> Result<Self, NativeError> {
        let mut files = Self::default();
        for layer in &image.layers {
            files.add_layer(store, layer)?;
        }
        Ok(files)
    }

    /// Applies a stored layer.
    pub fn add_layer(&mut self, store: &Store, layer: &Descriptor) -> Result<(), NativeError> {
        let blob: Arc<Path> = store.locate(layer)?.into();
        let items = layer_items::of_layer(store, layer).map_err(|source| {
            let damaged = store.drop_damaged(&layer.digest);
            LayerError::BaseLayer { digest: layer.digest.to_string(), source, damaged }
        })?;
        self.apply(items, &blob);
        Ok(())
    }

    /// The files of an archive.
    pub fn of_archive(path: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        files.apply(layer_items::of_archive(path, Contents::Files)?, &path.into());
        Ok(files)
    }

    /// Applies one layer. Whiteouts affect only lower layers, so they are applied before
    /// what the layer adds, wherever they are in the archive.
    fn apply(&mut self, items: Vec<LayerItem>, archive: &Arc<Path>) {
        for LayerItem { path, kind } in &items {
            match kind {
                LayerItemKind::Removed => self.remove(path),
                LayerItemKind::Emptied => self.clear(path),
                LayerItemKind::Same(_) | LayerItemKind::Own(..) => {}
            }
        }
        for LayerItem { path, kind } in items {
            match kind {
                LayerItemKind::Removed | LayerItemKind::Emptied => {}
                LayerItemKind::Same(target) => {
                    if let Some(item) = self.items.get(&target).cloned() {
                        self.insert(&path, item);
                    }
                }
                LayerItemKind::Own(ItemAttributes { mode, owner, xattrs }, kind) => {
                    let kind = match kind {
                        FileKind::Folder => TreeItemKind::Folder,
                        FileKind::Link(target) => TreeItemKind::Link(target),
                        FileKind::File(number) => {
                            TreeItemKind::File(FileLocation::Packed(Arc::clone(archive), number))
                        }
                        FileKind::Pipe => TreeItemKind::Special("pipe", None),
                        FileKind::Device => TreeItemKind::Special("device", None),
                    };
                    self.insert(&path, TreeItem { mode, owner, xattrs, kind });
                }
            }
        }
    }

    /// Adds the entries of a layer that is not packed yet.
    pub fn add(&mut self, entries: &[LayerEntry]) {
        for LayerEntry { path, mode, owner, xattrs, kind } in entries {
            let kind = match kind {
                EntryKind::Folder => TreeItemKind::Folder,
                EntryKind::Symlink { target } => TreeItemKind::Link(target.to_vec()),
                EntryKind::File { source, stamp } => {
                    TreeItemKind::File(FileLocation::Disk(source.path(path), *stamp))
                }
                EntryKind::HardLink { target } => match self.items.get(&**target) {
                    Some(item) => item.kind.clone(),
                    None => continue,
                },
            };
            let xattrs = xattrs.clone();
            self.insert(path, TreeItem { mode: *mode, owner: *owner, xattrs, kind });
        }
    }

    fn insert(&mut self, path: &[u8], item: TreeItem) {
        if !matches!(item.kind, TreeItemKind::Folder) {
            self.clear(path);
        }
        self.items.insert(path.to_vec(), item);
    }

    fn remove(&mut self, path: &[u8]) {
        self.items.remove(path);
        self.clear(path);
    }

    fn clear(&mut self, path: &[u8]) {
        let below: Vec<Vec<u8>> = self.below(path).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.items.remove(&path);
        }
    }

    /// The items below a path, each folder before its content.
    pub fn below<'a>(
        &'a self,
        path: &[u8],
    ) -> impl Iterator<Item = (&'a Vec<u8>, &'a TreeItem)> + use<'a> {
        let first = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        let prefix = first.clone();
        self.items.range(first..).take_while(move |(path, _)| path.starts_with(&prefix))
    }

    /// Follows all symbolic links in a path, and returns the real path and its item. The
    /// root is a folder.
    pub fn follow(&self, path: &[u8]) -> Option<(Vec<u8>, TreeItem)> {
        let mut links = 0;
        let mut left: Vec<Vec<u8>> = parts(path).rev().map(<[u8]>::to_vec).collect();
        let mut here: Vec<u8> = Vec::new();
        let root = TreeItem::folder(Attributes::default());
        let mut item = root.clone();
        while let Some(part) = left.pop() {
            if part == b".." {
                here.truncate(parent(&here).len());
                item = self.items.get(&here).cloned().unwrap_or_else(|| root.clone());
                continue;
            }
            let next = join(&here, &part);
            let found = self.items.get(&next)?;
            if let TreeItemKind::Link(target) = &found.kind {
                links += 1;
                if links > MAX_SYMLINKS {
                    return None;
                }
                if target.starts_with(b"/") {
                    here.clear();
                    item = root.clone();
                }
                left.extend(parts(target).rev().map(<[u8]>::to_vec));
            } else {
                item = found.clone();
                here = next;
            }
        }
        Some((here, item))
    }

    /// The paths that match a pattern, whose parts are patterns of Go's `filepath.Match`.
    pub fn matching(&self, pattern: &[u8]) -> Vec<Vec<u8>> {
        if !pattern.iter().any(|byte| b"*?[\\".contains(byte)) {
            return vec![pattern.to_vec()];
        }
        let patterns: Vec<&[u8]> = parts(pattern).collect();
        let fits = |path: &&Vec<u8>| {
            let names: Vec<&[u8]> = parts(path).collect();
            names.len() == patterns.len()
                && names.iter().zip(&patterns).all(|(name, pattern)| matches(pattern, name))
        };
        self.items.keys().filter(fits).cloned().collect()
    }
}

fn on_disk(metadata: &fs::Metadata, kind: TreeItemKind) -> TreeItem {
    let (owner, xattrs) = (Owner::default(), Xattrs::default());
    TreeItem { mode: metadata.mode() & 0o7777, owner, xattrs, kind }
}
