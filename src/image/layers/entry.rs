//! The entries of a layer, and where on this machine their bytes are.

use super::recipe::Owner;
use super::xattrs::Xattrs;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An entry of a layer. `path` is the path in the image, without `/` at either end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LayerEntry {
    pub path: Box<[u8]>,
    pub mode: u32,
    pub owner: Owner,
    pub xattrs: Xattrs,
    pub kind: EntryKind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EntryKind {
    Folder,
    File {
        source: FileSource,
        stamp: FileStamp,
    },
    Symlink {
        target: Box<[u8]>,
    },
    /// A hard link to an earlier entry.
    HardLink {
        target: Box<[u8]>,
    },
}

/// The path of a file on this machine. A layer may have hundreds of thousands of files, so
/// paths are shared where possible.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileSource {
    /// In this folder, with the file name that it has in the image.
    In(Arc<Path>),
    At(Arc<Path>),
}

impl FileSource {
    /// The path of the file whose path in the image is `path`.
    pub fn path(&self, path: &[u8]) -> PathBuf {
        match self {
            Self::In(folder) => folder.join(OsStr::from_bytes(name(path))),
            Self::At(path) => path.to_path_buf(),
        }
    }
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// Metadata that changes when a file changes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FileStamp {
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    pub size: u64,
    pub modified: (i64, i64),
    /// The change time cannot be set by a program, so it reveals a change even if the
    /// modification time was restored.
    pub changed: (i64, i64),
}

impl FileStamp {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            links: metadata.nlink(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
