//! Walks changed and unchanged files side by side.

use super::compare::is_same;
use super::error::{ChangeError, ChangeFormat};
use super::writer::LayerWriter;
use crate::image::layers::{join, parent};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

const WHITEOUT: &[u8] = b".wh.";

/// Writes the layer of what has changed to an archive. `upper` are the changes, `lower` is
/// what was there before, as one tree.
pub fn write_changes(
    upper: &Path,
    lower: &Path,
    format: ChangeFormat,
    archive: &Path,
) -> Result<(), ChangeError> {
    let writer = LayerWriter::create(archive)?;
    let mut walk = Walk { upper, lower, format, writer, written: BTreeSet::new() };
    walk.folder(b"", Below::Merged)?;
    walk.writer.finish()
}

/// What is below a folder of the changes.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Below {
    /// Nothing: no such folder.
    Nothing,
    /// A folder, with which it is merged.
    Merged,
    /// A folder that it hides.
    Hidden,
}

struct Walk<'a> {
    upper: &'a Path,
    lower: &'a Path,
    format: ChangeFormat,
    writer: LayerWriter,
    /// The folders that the archive has.
    written: BTreeSet<Vec<u8>>,
}

impl Walk<'_> {
    fn folder(&mut self, path: &[u8], below: Below) -> Result<(), ChangeError> {
        let names = names(&at(self.upper, path))?;
        let mut removed: BTreeSet<Vec<u8>> = BTreeSet::new();
        if below == Below::Hidden || (below == Below::Merged && self.format == ChangeFormat::Copy) {
            removed = names_of_lower(&at(self.lower, path))?;
            for name in &names {
                removed.remove(name);
            }
        }
        // Whiteouts stand first: an entry with the same name in another case of the file
        // system must not be removed by one.
        for name in removed {
            self.whiteout(path, &name)?;
        }
        for name in names {
            self.entry(path, &name, below)?;
        }
        Ok(())
    }

    fn entry(&mut self, folder: &[u8], name: &[u8], below: Below) -> Result<(), ChangeError> {
        let path = join(folder, name);
        let from = at(self.upper, &path);
        let new = metadata(&from)?.ok_or_else(|| ChangeError::Read {
            path: from.clone(),
            source: io::ErrorKind::NotFound.into(),
        })?;
        let old = match below {
            Below::Nothing => None,
            Below::Merged | Below::Hidden => metadata(&at(self.lower, &path))?,
        };
        if self.format != ChangeFormat::Copy && is_whiteout(&new) {
            return if old.is_some() { self.whiteout(folder, name) } else { Ok(()) };
        }
        if name.starts_with(WHITEOUT) {
            let path = format!("/{}", String::from_utf8_lossy(&path));
            return Err(ChangeError::Whiteout { path });
        }
        let is_unchanged = match &old {
            Some(old) => is_same(&from, &new, &at(self.lower, &path), old)
                .map_err(|source| ChangeError::Read { path: from.clone(), source })?,
            None => false,
        };
        if !is_unchanged {
            self.parents(&path)?;
            self.writer.add(&path, &from, &new)?;
        }
        if !new.is_dir() {
            return Ok(());
        }
        if !is_unchanged {
            self.written.insert(path.clone());
        }
        let below = match old {
            Some(old) if old.is_dir() => {
                if below == Below::Hidden || self.is_opaque(&from)? {
                    Below::Hidden
                } else {
                    Below::Merged
                }
            }
            Some(_) | None => Below::Nothing,
        };
        self.folder(&path, below)
    }

    fn whiteout(&mut self, folder: &[u8], name: &[u8]) -> Result<(), ChangeError> {
        self.parents(&join(folder, name))?;
        self.writer.whiteout(folder, name)
    }

    /// Adds the folders above a path that the archive does not have yet.
    fn parents(&mut self, path: &[u8]) -> Result<(), ChangeError> {
        let folder = parent(path);
        if folder.is_empty() || self.written.contains(folder) {
            return Ok(());
        }
        let folder = folder.to_vec();
        self.parents(&folder)?;
        let from = at(self.upper, &folder);
        if let Some(metadata) = metadata(&from)? {
            self.writer.add(&folder, &from, &metadata)?;
        }
        self.written.insert(folder);
        Ok(())
    }

    fn is_opaque(&self, folder: &Path) -> Result<bool, ChangeError> {
        let name = match self.format {
            ChangeFormat::Overlay => "trusted.overlay.opaque",
            ChangeFormat::UserOverlay => "user.overlay.opaque",
            ChangeFormat::Copy => return Ok(false),
        };
        let mut value = [0; 8];
        match rustix::fs::lgetxattr(folder, name, &mut value) {
            Ok(length) => Ok(value[..length] == *b"y"),
            Err(rustix::io::Errno::NODATA) => Ok(false),
            Err(error) => Err(ChangeError::Read { path: folder.to_owned(), source: error.into() }),
        }
    }
}

fn at(root: &Path, path: &[u8]) -> PathBuf {
    root.join(OsStr::from_bytes(path))
}

/// `None` where there is nothing, or a file in place of a folder above.
fn metadata(path: &Path) -> Result<Option<Metadata>, ChangeError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(source) => Err(ChangeError::Read { path: path.to_owned(), source }),
    }
}

fn names(folder: &Path) -> Result<Vec<Vec<u8>>, ChangeError> {
    let read = |source| ChangeError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        names.push(entry.map_err(read)?.file_name().into_vec());
    }
    names.sort();
    Ok(names)
}

fn names_of_lower(folder: &Path) -> Result<BTreeSet<Vec<u8>>, ChangeError> {
    match metadata(folder)? {
        Some(metadata) if metadata.is_dir() => Ok(names(folder)?.into_iter().collect()),
        Some(_) | None => Ok(BTreeSet::new()),
    }
}

/// A character device with the numbers 0 and 0 (`overlayfs`, "Whiteouts and opaque
/// directories").
fn is_whiteout(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}
