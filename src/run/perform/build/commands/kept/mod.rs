//! Folders that outlive a build: unpacked layers, and the caches of commands. Each has a lock
//! beside it, whose time is that of the last use and whose content is the size in bytes.

pub mod caches;
pub mod roots;
mod stamp;

use crate::os::remove_tree;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Opens the lock of a folder, which need not be there.
fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether an open lock is still the one that others would open.
fn is_current(path: &Path, lock: &File) -> bool {
    let inode = |found: io::Result<fs::Metadata>| found.map(|it| it.ino()).ok();
    inode(fs::metadata(path)) == inode(lock.metadata())
}

/// Notes that the folder of a lock is used now, and its size, with as many digits as a `u64` may
/// have: those who share a lock write at the same time.
fn note_use(lock: &File, bytes: u64) -> io::Result<()> {
    lock.write_all_at(format!("{bytes:020}").as_bytes(), 0)
}

/// What a folder takes on the disk. What cannot be read counts nothing.
fn size(folder: &Path) -> u64 {
    let own = fs::symlink_metadata(folder).map_or(0, |it| it.blocks() * 512);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512 / metadata.nlink().max(1),
        Err(_) => 0,
    };
    own + entries.map(of).sum::<u64>()
}

/// Removes a folder with its lock, unless it is used.
pub fn remove_unused(folder: &Path) -> io::Result<()> {
    let path = folder.with_extension("lock");
    let lock = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    match lock.try_lock() {
        Ok(()) if is_current(&path, &lock) => {}
        Ok(()) | Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Renamed first, so that no part of it is taken for the whole.
    let gone = part_of(folder);
    remove_tree(&gone)?;
    if folder.exists() {
        fs::rename(folder, &gone)?;
    }
    remove_tree(&gone)?;
    fs::remove_file(&path)?;
    if let Some(above) = folder.parent() {
        // Refused where others are in it.
        fs::remove_dir(above).ok();
    }
    Ok(())
}

/// Where a folder is made or removed.
fn part_of(folder: &Path) -> PathBuf {
    folder.with_extension("part")
}
