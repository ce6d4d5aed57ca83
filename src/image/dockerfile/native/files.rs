//! What can be copied: the files of a build context, an image or an archive, by
//! their paths. Paths are without `/` at either end, the root is empty.

use super::error::NativeError;
use crate::image::ignore::Ignore;
use crate::image::layers::{Entry, Kind, LayerError, Owner, Stamp, join, parent, parts, special};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::image::stream::unpacked;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tar::EntryType;

/// As many links as Linux follows in one path.
const MOST_LINKS: usize = 40;
/// OCI image specification, "Whiteouts".
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) mode: u32,
    pub(super) owner: Owner,
    pub(super) kind: ItemKind,
}

#[derive(Clone, Debug)]
pub(super) enum ItemKind {
    Folder,
    Link(Vec<u8>),
    File(Where),
    /// What no layer can hold, and where it is.
    Special(&'static str, PathBuf),
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub(super) enum Where {
    Disk(PathBuf, Stamp),
    /// The so-manieth entry of an archive, from 0.
    Packed(Arc<Path>, usize),
}

impl Where {
    /// What two names of one file have in common.
    pub(super) fn identity(&self) -> Option<(PathBuf, u64)> {
        match self {
            Self::Disk(_, stamp) if stamp.links < 2 => None,
            Self::Disk(_, stamp) => Some((PathBuf::from(stamp.device.to_string()), stamp.inode)),
            Self::Packed(archive, entry) => Some((archive.to_path_buf(), *entry as u64)),
        }
    }
}

/// A tree of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    items: BTreeMap<Vec<u8>, Item>,
}

impl Files {
    /// What is in a folder and not ignored. Everything belongs to root, as in
    /// every context.
    pub(super) fn of_context(folder: &Path, ignore: &Ignore) -> Result<Self, NativeError> {
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
                    self.items.insert(name.clone(), on_disk(&metadata, ItemKind::Folder));
                }
                if !ignore.leaves_out_all_in(&name) {
                    self.walk(&from, &name, ignore)?;
                }
            } else if !left_out {
                let kind = if metadata.is_symlink() {
                    let target = fs::read_link(&from).map_err(read(&from))?;
                    ItemKind::Link(target.into_os_string().into_vec())
                } else if metadata.is_file() {
                    ItemKind::File(Where::Disk(from.clone(), Stamp::of(&metadata)))
                } else {
                    ItemKind::Special(special(metadata.file_type()), from.clone())
                };
                self.items.insert(name.clone(), on_disk(&metadata, kind));
                self.add_folders(folder, &name)?;
            }
        }
        Ok(())
    }

    /// The folders of what was taken back out of an ignored folder.
    fn add_folders(&mut self, mut folder: &Path, name: &[u8]) -> Result<(), NativeError> {
        let mut path = parent(name);
        while !path.is_empty() && !self.items.contains_key(path) {
            let metadata = fs::metadata(folder)
                .map_err(|source| NativeError::Read { path: folder.to_owned(), source })?;
            self.items.insert(path.to_vec(), on_disk(&metadata, ItemKind::Folder));
            path = parent(path);
            folder = folder.parent().unwrap_or(folder);
        }
        Ok(())
    }

    /// Everything in an image.
    pub(super) fn of_image(store: &Store, image: &Image) -> Result<Self, NativeError> {
        let mut files = Self::default();
        for layer in &image.layers {
            let blob: Arc<Path> = store.locate(layer)?.into();
            files.apply(&blob).map_err(|source| {
                let damaged = store.drop_damaged(&layer.digest);
                LayerError::BaseLayer { digest: layer.digest.to_string(), source, damaged }
            })?;
        }
        Ok(files)
    }

    /// Everything in an archive.
    pub(super) fn of_archive(path: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        files.apply(&path.into())?;
        Ok(files)
    }

    /// Applies one layer: first what it takes away from those below, wherever
    /// that stands in it, then what it brings.
    fn apply(&mut self, archive: &Arc<Path>) -> io::Result<()> {
        let stream = unpacked(File::open(archive)?)?;
        let mut brought: Vec<(Vec<u8>, Brought)> = Vec::new();
        for (number, entry) in tar::Archive::new(stream).entries()?.enumerate() {
            let entry = entry?;
            let path = inside(&entry.path_bytes())?;
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            if name == OPAQUE {
                self.clear(parent(&path));
            } else if let Some(name) = name.strip_prefix(WHITEOUT) {
                self.remove(&join(parent(&path), name));
            } else if !path.is_empty()
                && let Some(item) = brought_by(&entry, archive, number)?
            {
                brought.push((path, item));
            }
        }
        for (path, item) in brought {
            match item {
                Brought::Item(item) => self.insert(&path, item),
                Brought::Same(target) => {
                    if let Some(item) = self.items.get(&target).cloned() {
                        self.insert(&path, item);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds what a layer that is not packed yet brings.
    pub(super) fn add(&mut self, entries: &[Entry]) {
        for Entry { path, mode, owner, kind } in entries {
            let kind = match kind {
                Kind::Folder => ItemKind::Folder,
                Kind::Symlink { target } => ItemKind::Link(target.to_vec()),
                Kind::File { source, stamp } => {
                    ItemKind::File(Where::Disk(source.path(path), *stamp))
                }
                Kind::HardLink { target } => match self.items.get(&**target) {
                    Some(item) => item.kind.clone(),
                    None => continue,
                },
            };
            self.insert(path, Item { mode: *mode, owner: *owner, kind });
        }
    }

    fn insert(&mut self, path: &[u8], item: Item) {
        if !matches!(item.kind, ItemKind::Folder) {
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

    /// Everything below a path, each folder before what is in it.
    pub(super) fn below<'a>(
        &'a self,
        path: &[u8],
    ) -> impl Iterator<Item = (&'a Vec<u8>, &'a Item)> + use<'a> {
        let first = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        let prefix = first.clone();
        self.items.range(first..).take_while(move |(path, _)| path.starts_with(&prefix))
    }

    /// What is at a path, when every link on it is followed, and where that is.
    /// The root is a folder.
    pub(super) fn follow(&self, path: &[u8]) -> Option<(Vec<u8>, Item)> {
        let mut links = 0;
        let mut left: Vec<Vec<u8>> = parts(path).rev().map(<[u8]>::to_vec).collect();
        let mut here: Vec<u8> = Vec::new();
        let root = Item { mode: 0o755, owner: Owner::default(), kind: ItemKind::Folder };
        let mut item = root.clone();
        while let Some(part) = left.pop() {
            if part == b".." {
                here.truncate(parent(&here).len());
                item = self.items.get(&here).cloned().unwrap_or_else(|| root.clone());
                continue;
            }
            let next = join(&here, &part);
            let found = self.items.get(&next)?;
            if let ItemKind::Link(target) = &found.kind {
                links += 1;
                if links > MOST_LINKS {
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

    /// The paths that a pattern names; its parts are Go's `filepath.Match`.
    pub(super) fn matching(&self, pattern: &[u8]) -> Vec<Vec<u8>> {
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

fn on_disk(metadata: &fs::Metadata, kind: ItemKind) -> Item {
    Item { mode: metadata.mode() & 0o7777, owner: Owner::default(), kind }
}

enum Brought {
    Item(Item),
    /// The same file as another.
    Same(Vec<u8>),
}

fn brought_by(
    entry: &tar::Entry<'_, impl io::Read>,
    archive: &Arc<Path>,
    number: usize,
) -> io::Result<Option<Brought>> {
    let header = entry.header();
    let id = |id: u64| u32::try_from(id).unwrap_or(0);
    let kind = match header.entry_type() {
        EntryType::Directory => ItemKind::Folder,
        EntryType::Symlink => {
            ItemKind::Link(entry.link_name_bytes().unwrap_or_default().into_owned())
        }
        EntryType::Link => {
            let target = inside(&entry.link_name_bytes().unwrap_or_default())?;
            return Ok(Some(Brought::Same(target)));
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            ItemKind::File(Where::Packed(Arc::clone(archive), number))
        }
        EntryType::Fifo => ItemKind::Special("pipe", archive.to_path_buf()),
        EntryType::Char | EntryType::Block => ItemKind::Special("device", archive.to_path_buf()),
        _ => return Ok(None),
    };
    let owner = Owner { uid: id(header.uid()?), gid: id(header.gid()?) };
    Ok(Some(Brought::Item(Item { mode: header.mode()? & 0o7777, owner, kind })))
}

/// A path of an archive. One that leads out of it is not read as anything else.
fn inside(path: &[u8]) -> io::Result<Vec<u8>> {
    if parts(path).any(|part| part == b"..") {
        let message = format!("`{}` leads out of the archive", String::from_utf8_lossy(path));
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(parts(path).fold(Vec::new(), |path, part| join(&path, part)))
}

/// Go's `filepath.Match`, of one name.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|taken| matches(rest, &name[taken..])),
        [b'?', rest @ ..] => {
            // A character, which may be several bytes.
            let length = std::str::from_utf8(name)
                .ok()
                .and_then(|name| name.chars().next())
                .map_or(1, char::len_utf8);
            !name.is_empty() && matches(rest, &name[length..])
        }
        [b'[', rest @ ..] => match (set(rest, name.first().copied()), name) {
            (Some((true, rest)), [_, name @ ..]) => matches(rest, name),
            _ => false,
        },
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
            name.first() == Some(byte) && matches(rest, &name[1..])
        }
    }
}

/// Whether a byte is in a set that begins here, and what follows the set.
fn set(pattern: &[u8], byte: Option<u8>) -> Option<(bool, &[u8])> {
    let (negated, mut pattern) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let byte = byte?;
    let mut found = false;
    loop {
        let (first, rest) = match pattern {
            [b']', rest @ ..] => return Some((found != negated, rest)),
            [b'\\', first, rest @ ..] | [first, rest @ ..] => (*first, rest),
            [] => return None,
        };
        let (last, rest) = match rest {
            [b'-', b'\\', last, rest @ ..] => (*last, rest),
            [b'-', last, rest @ ..] if *last != b']' => (*last, rest),
            rest => (first, rest),
        };
        found |= (first..=last).contains(&byte);
        pattern = rest;
    }
}
