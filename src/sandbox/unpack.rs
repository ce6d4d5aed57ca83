//! Unpacks layers on top of each other (OCI image specification, "Image Layer
//! Filesystem Changeset").
//!
//! Layers are untrusted: no entry is written outside of the root. For containers,
//! set-user-id bits are dropped, and devices are not created.

use super::ids::IdShift;
use super::path::{parts, resolve};
use crate::oci::{LayerReader, open_layer};
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::fs::{File, FileTimes, OpenOptions, Permissions};
use std::io;
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tar::{Archive, Entry, EntryType};

/// Layers that cannot be made into a root file system.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// `read`, `write`, `create`, `remove`.
        verb: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot unpack `{entry}` of a layer: {reason}")]
    Entry {
        /// The path as the layer spells it.
        entry: String,
        reason: String,
    },
}

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// All mode bits except set-user-id and set-group-id.
const MODE_MASK: u32 = 0o1777;
const WHOLE_MODE_MASK: u32 = 0o7777;
const CAPABILITY: &str = "security.capability";
/// [`CAPABILITY`] in a tar archive.
const CAPABILITY_RECORD: &[u8] = b"SCHILY.xattr.security.capability";

/// What of the entries of layers is unpacked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fidelity {
    /// What a container needs, which gets its devices from the runtime.
    Contained,
    /// Everything that a layer can hold, so that a command sees the files as the image has
    /// them, and what it changes can be told from what it does not.
    Whole {
        /// Whether files belong to the users that the layers name.
        owners: bool,
    },
}

/// Unpacks layers, the lowest first, into an empty folder.
pub fn unpack(layers: &[PathBuf], root: &Path) -> Result<(), UnpackError> {
    unpack_for(layers, root, IdShift::default())
}

/// The same, for containers whose ids are shifted.
pub fn unpack_for(layers: &[PathBuf], root: &Path, ids: IdShift) -> Result<(), UnpackError> {
    unpack_as(layers, root, ids, Fidelity::Contained)
}

/// Unpacks everything of the layers.
pub fn unpack_whole(layers: &[PathBuf], root: &Path, owners: bool) -> Result<(), UnpackError> {
    unpack_as(layers, root, IdShift::default(), Fidelity::Whole { owners })
}

fn unpack_as(
    layers: &[PathBuf],
    root: &Path,
    ids: IdShift,
    fidelity: Fidelity,
) -> Result<(), UnpackError> {
    io_error("write", root, ids.give(root))?;
    let owners = match fidelity {
        Fidelity::Contained => nix::unistd::geteuid().is_root(),
        Fidelity::Whole { owners } => owners,
    };
    let is_whole = fidelity != Fidelity::Contained;
    let mut folders = BTreeMap::new();
    for layer in layers {
        let failed = |source| UnpackError::Io { verb: "read", path: layer.clone(), source };
        let reader: Box<dyn Read + Send> =
            Box::new(LayerReader::new(open_layer(layer).map_err(failed)?));
        let fresh = HashSet::new();
        let mut target = Target { root, owners, is_whole, ids, folders: &mut folders, fresh };
        for entry in Archive::new(reader).entries().map_err(failed)? {
            target.take(&mut entry.map_err(failed)?)?;
        }
    }
    // At the end, because a read-only folder could not be filled.
    for (folder, attributes) in folders.iter().rev() {
        // A later entry may have removed the folder.
        if stands(root, folder) {
            let mode = Permissions::from_mode(attributes.mode);
            io_error("write", folder, fs::set_permissions(folder, mode))?;
            if let Some(modified) = attributes.modified {
                let times = FileTimes::new().set_modified(modified);
                // A time that the file system cannot store is not worth an error.
                File::open(folder).and_then(|open| open.set_times(times)).ok();
            }
        }
    }
    Ok(())
}

/// Whether a folder still exists as such. A link that a later layer put in its
/// place, or above it, may lead to a folder outside of the image.
fn stands(root: &Path, folder: &Path) -> bool {
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_dir());
    folder.ancestors().take_while(|above| *above != root).all(is_folder)
}

fn io_error<T>(verb: &'static str, path: &Path, result: io::Result<T>) -> Result<T, UnpackError> {
    result.map_err(|source| UnpackError::Io { verb, path: path.to_owned(), source })
}

/// What is set on a folder once it is filled.
#[derive(Clone, Copy)]
struct FolderAttributes {
    mode: u32,
    modified: Option<SystemTime>,
}

/// The state of unpacking one layer.
struct Target<'a> {
    root: &'a Path,
    /// Whether this process may change the owner of files.
    owners: bool,
    /// Whether everything is unpacked.
    is_whole: bool,
    ids: IdShift,
    folders: &'a mut BTreeMap<PathBuf, FolderAttributes>,
    /// Paths of this layer, which its own whiteouts do not remove.
    fresh: HashSet<PathBuf>,
}

impl Target<'_> {
    fn take(&mut self, entry: &mut Entry<'_, Box<dyn Read + Send>>) -> Result<(), UnpackError> {
        let name = PathBuf::from(std::ffi::OsStr::from_bytes(&entry.path_bytes()));
        let wrong = |reason: &str| UnpackError::Entry {
            entry: name.display().to_string(),
            reason: reason.to_owned(),
        };
        let mut parts = parts(&name).ok_or_else(|| wrong("it leads out of the image"))?;
        let Some(last) = parts.pop() else { return Ok(()) };
        let parent = resolve(self.root, &parts).ok_or_else(|| wrong("its links go in a circle"))?;
        if last.as_bytes() == OPAQUE {
            return self.empty(&parent);
        }
        if let Some(hidden) = last.as_bytes().strip_prefix(WHITEOUT) {
            let path = parent.join(std::ffi::OsStr::from_bytes(hidden));
            // A whiteout of `..` must not remove the parent folder.
            if hidden.is_empty() || hidden == b"." || hidden == b".." || self.fresh.contains(&path)
            {
                return Ok(());
            }
            return remove(&path);
        }
        self.parents(&parent)?;
        let path = parent.join(&last);
        self.make(entry, &path, &wrong)?;
        self.fresh.insert(path);
        Ok(())
    }

    /// Creates missing parent folders, which layers need not contain.
    fn parents(&mut self, folder: &Path) -> Result<(), UnpackError> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent().filter(|above| above.starts_with(self.root)) {
            self.parents(above)?;
        }
        remove(folder)?;
        io_error("create", folder, fs::create_dir(folder))?;
        io_error("write", folder, self.ids.give(folder))?;
        self.folders.insert(folder.to_owned(), FolderAttributes { mode: 0o755, modified: None });
        Ok(())
    }

    fn make(
        &mut self,
        entry: &mut Entry<'_, Box<dyn Read + Send>>,
        path: &Path,
        wrong: &dyn Fn(&str) -> UnpackError,
    ) -> Result<(), UnpackError> {
        let kind = entry.header().entry_type();
        let mask = if self.is_whole { WHOLE_MODE_MASK } else { MODE_MASK };
        let mode = entry.header().mode().unwrap_or(0o755) & mask;
        let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        if !(is_folder && kind == EntryType::Directory) {
            remove(path)?;
        }
        match kind {
            EntryType::Directory => {
                if !is_folder {
                    io_error("create", path, fs::create_dir(path))?;
                }
                let modified = self.is_whole.then(|| modified(entry)).flatten();
                self.folders.insert(path.to_owned(), FolderAttributes { mode, modified });
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().ok_or_else(|| wrong("it has no target"))?;
                let target = std::ffi::OsStr::from_bytes(&target).to_owned();
                io_error("create", path, symlink(target, path))?;
            }
            EntryType::Link => {
                let target =
                    self.link_target(entry).ok_or_else(|| wrong("its target is outside"))?;
                return io_error("create", path, fs::hard_link(target, path));
            }
            EntryType::Fifo => {
                let fifo = nix::unistd::mkfifo(path, Mode::from_bits_truncate(mode));
                io_error("create", path, fifo.map_err(io::Error::from))?;
            }
            EntryType::Char | EntryType::Block if self.is_whole => {
                match make_device(entry, path, kind, mode) {
                    // Without the right to make devices, commands do without them.
                    Err(Errno::EPERM) => return Ok(()),
                    made => io_error("create", path, made.map_err(io::Error::from))?,
                }
            }
            // Containers get their devices from the runtime.
            EntryType::Char | EntryType::Block => return Ok(()),
            _ => io_error("write", path, write_file(entry, path, mode))?,
        }
        self.own(entry, path)?;
        if self.is_whole && !matches!(kind, EntryType::Directory | EntryType::Symlink) {
            // Changing the owner removes set-id bits and capabilities.
            io_error("write", path, fs::set_permissions(path, Permissions::from_mode(mode)))?;
            io_error("write", path, set_capability(entry, path))?;
        }
        Ok(())
    }

    fn link_target(&self, entry: &Entry<'_, Box<dyn Read + Send>>) -> Option<PathBuf> {
        let name = entry.link_name_bytes()?;
        let mut parts: Vec<OsString> = parts(Path::new(std::ffi::OsStr::from_bytes(&name)))?;
        let last = parts.pop()?;
        Some(resolve(self.root, &parts)?.join(last))
    }

    fn own(&self, entry: &Entry<'_, Box<dyn Read + Send>>, path: &Path) -> Result<(), UnpackError> {
        if !self.owners {
            return Ok(());
        }
        let number = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok());
        let header = entry.header();
        let owner = |id| number(id).map(|id| self.ids.outside(id)).or(self.ids.first());
        io_error("write", path, lchown(path, owner(header.uid()), owner(header.gid())))
    }

    /// Applies an opaque whiteout: removes what lower layers put into a folder.
    fn empty(&self, folder: &Path) -> Result<(), UnpackError> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        for entry in entries {
            let path = io_error("read", folder, entry)?.path();
            let has_fresh = self.fresh.iter().any(|fresh| fresh.starts_with(&path));
            if self.fresh.contains(&path) {
                continue;
            }
            if has_fresh {
                self.empty(&path)?;
            } else {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Removes a file, folder or link, without following a link.
fn remove(path: &Path) -> Result<(), UnpackError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    io_error("remove", path, removed)
}

fn write_file(
    entry: &mut Entry<'_, Box<dyn Read + Send>>,
    path: &Path,
    mode: u32,
) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::copy(entry, &mut file)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    // A time that the file system cannot store is not worth an error.
    if let Some(time) = modified(entry) {
        file.set_times(FileTimes::new().set_modified(time)).ok();
    }
    Ok(())
}

fn modified(entry: &Entry<'_, Box<dyn Read + Send>>) -> Option<SystemTime> {
    let seconds = entry.header().mtime().unwrap_or(0);
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn make_device(
    entry: &Entry<'_, Box<dyn Read + Send>>,
    path: &Path,
    kind: EntryType,
    mode: u32,
) -> Result<(), Errno> {
    let number = |number: io::Result<Option<u32>>| number.ok().flatten().unwrap_or(0);
    let header = entry.header();
    let (major, minor) = (number(header.device_major()), number(header.device_minor()));
    let kind = if kind == EntryType::Char { SFlag::S_IFCHR } else { SFlag::S_IFBLK };
    mknod(path, kind, Mode::from_bits_truncate(mode), makedev(major.into(), minor.into()))
}

/// Sets the capabilities that a layer gives a program.
fn set_capability(entry: &mut Entry<'_, Box<dyn Read + Send>>, path: &Path) -> io::Result<()> {
    let Some(records) = entry.pax_extensions()? else { return Ok(()) };
    for record in records {
        let record = record?;
        if record.key_bytes() == CAPABILITY_RECORD {
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::lsetxattr(path, CAPABILITY, record.value_bytes(), flags)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
