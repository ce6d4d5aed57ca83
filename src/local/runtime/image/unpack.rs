//! Unpacks layers on top of each other (OCI image specification, "Image Layer
//! Filesystem Changeset").
//!
//! Layers are untrusted: no entry is written outside of the root, set-user-id bits
//! are dropped, and devices are not created.

use super::super::ids::IdShift;
use super::files::ImageError;
use super::path::{parts, resolve};
use flate2::read::MultiGzDecoder;
use nix::sys::stat::Mode;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::fs::{File, FileTimes, OpenOptions, Permissions};
use std::io;
use std::io::{BufReader, Read, Seek as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tar::{Archive, Entry, EntryType};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// All mode bits except set-user-id and set-group-id.
const MODE_MASK: u32 = 0o1777;

/// Unpacks layers, the lowest first, into an empty folder.
pub fn unpack(layers: &[PathBuf], root: &Path) -> Result<(), ImageError> {
    unpack_for(layers, root, IdShift::default())
}

/// The same, for containers whose ids are shifted.
pub fn unpack_for(layers: &[PathBuf], root: &Path, ids: IdShift) -> Result<(), ImageError> {
    io_error("write", root, ids.give(root))?;
    let owners = nix::unistd::geteuid().is_root();
    let mut folders = BTreeMap::new();
    for layer in layers {
        let failed = |source| ImageError::Io { verb: "read", path: layer.clone(), source };
        let reader = open_layer(layer).map_err(failed)?;
        let fresh = HashSet::new();
        let mut target = Target { root, owners, ids, folders: &mut folders, fresh };
        for entry in Archive::new(reader).entries().map_err(failed)? {
            target.take(&mut entry.map_err(failed)?)?;
        }
    }
    // At the end, because a read-only folder could not be filled.
    for (folder, mode) in folders.iter().rev() {
        // A later entry may have removed the folder.
        if stands(root, folder) {
            io_error("write", folder, fs::set_permissions(folder, Permissions::from_mode(*mode)))?;
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

/// Opens a layer and decompresses it. The first bytes tell the compression more
/// reliably than media types do.
pub fn open_layer(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    let reader = BufReader::with_capacity(256 * 1024, file);
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(reader)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
        _ => Box::new(reader),
    })
}

fn io_error<T>(verb: &'static str, path: &Path, result: io::Result<T>) -> Result<T, ImageError> {
    result.map_err(|source| ImageError::Io { verb, path: path.to_owned(), source })
}

/// The state of unpacking one layer.
struct Target<'a> {
    root: &'a Path,
    /// Whether this process may change the owner of files.
    owners: bool,
    ids: IdShift,
    /// The modes to set on folders at the end.
    folders: &'a mut BTreeMap<PathBuf, u32>,
    /// Paths of this layer, which its own whiteouts do not remove.
    fresh: HashSet<PathBuf>,
}

impl Target<'_> {
    fn take(&mut self, entry: &mut Entry<'_, Box<dyn Read + Send>>) -> Result<(), ImageError> {
        let name = PathBuf::from(std::ffi::OsStr::from_bytes(&entry.path_bytes()));
        let wrong = |reason: &str| ImageError::Entry {
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
    fn parents(&mut self, folder: &Path) -> Result<(), ImageError> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent().filter(|above| above.starts_with(self.root)) {
            self.parents(above)?;
        }
        remove(folder)?;
        io_error("create", folder, fs::create_dir(folder))?;
        io_error("write", folder, self.ids.give(folder))?;
        self.folders.insert(folder.to_owned(), 0o755);
        Ok(())
    }

    fn make(
        &mut self,
        entry: &mut Entry<'_, Box<dyn Read + Send>>,
        path: &Path,
        wrong: &dyn Fn(&str) -> ImageError,
    ) -> Result<(), ImageError> {
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().unwrap_or(0o755) & MODE_MASK;
        let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        if !(is_folder && kind == EntryType::Directory) {
            remove(path)?;
        }
        match kind {
            EntryType::Directory => {
                if !is_folder {
                    io_error("create", path, fs::create_dir(path))?;
                }
                self.folders.insert(path.to_owned(), mode);
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
            // Containers get their devices from the runtime.
            EntryType::Char | EntryType::Block => return Ok(()),
            _ => io_error("write", path, write_file(entry, path, mode))?,
        }
        self.own(entry, path)
    }

    fn link_target(&self, entry: &Entry<'_, Box<dyn Read + Send>>) -> Option<PathBuf> {
        let name = entry.link_name_bytes()?;
        let mut parts: Vec<OsString> = parts(Path::new(std::ffi::OsStr::from_bytes(&name)))?;
        let last = parts.pop()?;
        Some(resolve(self.root, &parts)?.join(last))
    }

    fn own(&self, entry: &Entry<'_, Box<dyn Read + Send>>, path: &Path) -> Result<(), ImageError> {
        if !self.owners {
            return Ok(());
        }
        let number = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok());
        let header = entry.header();
        let owner = |id| number(id).map(|id| self.ids.outside(id)).or(self.ids.first());
        io_error("write", path, lchown(path, owner(header.uid()), owner(header.gid())))
    }

    /// Applies an opaque whiteout: removes what lower layers put into a folder.
    fn empty(&self, folder: &Path) -> Result<(), ImageError> {
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
fn remove(path: &Path) -> Result<(), ImageError> {
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
    let seconds = entry.header().mtime().unwrap_or(0);
    // A time that the file system cannot store is not worth an error.
    if let Some(time) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        file.set_times(FileTimes::new().set_modified(time)).ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
