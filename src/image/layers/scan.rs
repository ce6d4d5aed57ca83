//! Lists a folder on this machine and all that is in it, by several threads: one
//! waits for the disk, or the kernel, while others go on.
//!
//! What it says of a file is what `stat` says. Nothing here reads a file or knows
//! an image.

use super::error::LayerError;
use super::globs::Globs;
use super::walk::Stamp;
use std::fs::{self, DirEntry, FileType, Metadata};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Never part of a layer, wherever they are: our own state, and git's.
const NEVER: [&str; 2] = [".shipway", ".git"];
/// OCI image specification, "Whiteouts": a layer cannot hold such a file.
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// More threads than this only wait for each other.
const MOST_THREADS: usize = 8;

/// A folder, in the order of names.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where it is.
    pub(super) from: Arc<Path>,
    pub(super) children: Vec<Child>,
}

#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: Box<[u8]>,
    /// Whether it goes into the layer itself.
    pub(super) holds: bool,
    pub(super) found: Found,
}

/// What is found at a path.
#[derive(Debug)]
pub(super) enum Found {
    /// Its number among all folders.
    Folder(usize),
    File {
        stamp: Stamp,
        executable: bool,
    },
    Symlink(Box<[u8]>),
    /// `socket`, `device` or `pipe`.
    Special(&'static str),
}

impl Found {
    /// What a path is that is no folder.
    pub(super) fn of(from: &Path, metadata: &Metadata) -> Result<Self, LayerError> {
        let file_type = metadata.file_type();
        if file_type.is_symlink() {
            let read = |source| LayerError::read(from.to_owned(), source);
            let target = fs::read_link(from).map_err(read)?;
            return Ok(Self::Symlink(target.into_os_string().into_vec().into()));
        }
        Ok(if file_type.is_file() {
            Self::File { stamp: Stamp::of(metadata), executable: metadata.mode() & 0o100 != 0 }
        } else {
            Self::Special(special(file_type))
        })
    }
}

/// What no layer can hold, in a word.
pub(in crate::image) fn special(file_type: FileType) -> &'static str {
    if file_type.is_socket() {
        "socket"
    } else if file_type.is_fifo() {
        "pipe"
    } else {
        "device"
    }
}

/// Lists the folder `from`, which is number 0, and the folders in it.
pub(super) fn scan(
    from: &Path,
    globs: &Globs,
    state: Option<(u64, u64)>,
) -> Result<Vec<Folder>, LayerError> {
    let root =
        Task { number: 0, from: from.into(), relative: Vec::new(), included: !globs.selects() };
    let hall = Hall { globs, state, desk: Mutex::default(), changed: Condvar::new() };
    hall.desk().folders.push(None);
    hall.folder(&root);
    let waiting = hall.desk().waiting.len();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    thread::scope(|scope| {
        for _ in 1..threads.min(waiting) {
            scope.spawn(|| hall.work());
        }
        hall.work();
    });
    hall.finish()
}

/// A folder that is to be listed.
struct Task {
    number: usize,
    from: Arc<Path>,
    /// To the first folder.
    relative: Vec<u8>,
    included: bool,
}

struct Hall<'a> {
    globs: &'a Globs,
    /// Device and inode of the store's folder.
    state: Option<(u64, u64)>,
    desk: Mutex<Desk>,
    changed: Condvar,
}

#[derive(Default)]
struct Desk {
    waiting: Vec<Task>,
    busy: usize,
    folders: Vec<Option<Folder>>,
    errors: Vec<(Arc<Path>, LayerError)>,
}

impl Hall<'_> {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut desk = self.desk();
        loop {
            if let Some(task) = desk.waiting.pop() {
                desk.busy += 1;
                drop(desk);
                self.folder(&task);
                desk = self.desk();
                desk.busy -= 1;
                if desk.busy == 0 {
                    self.changed.notify_all();
                }
            } else if desk.busy == 0 {
                return;
            } else {
                desk = self.changed.wait(desk).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn folder(&self, task: &Task) {
        let number = task.number;
        let from = Arc::clone(&task.from);
        let listed = self.list(task);
        let mut desk = self.desk();
        match listed {
            Ok((folder, mut folders)) => {
                // Their numbers among these become their numbers among all.
                let first = desk.folders.len();
                let found = folders.len();
                for task in &mut folders {
                    task.number += first;
                }
                let mut folder = folder;
                for child in &mut folder.children {
                    if let Found::Folder(number) = &mut child.found {
                        *number += first;
                    }
                }
                desk.folders[number] = Some(folder);
                desk.folders.resize_with(first + found, || None);
                desk.waiting.extend(folders);
                if found > 0 {
                    self.changed.notify_all();
                }
            }
            Err(error) => {
                desk.errors.push((from, error));
                desk.waiting.clear();
            }
        }
    }

    fn list(&self, task: &Task) -> Result<(Folder, Vec<Task>), LayerError> {
        let read = |source| LayerError::read(task.from.to_path_buf(), source);
        let (mut children, mut folders) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&task.from).map_err(read)? {
            children.extend(self.child(&entry.map_err(read)?, task, &mut folders)?);
        }
        children.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok((Folder { from: Arc::clone(&task.from), children }, folders))
    }

    fn child(
        &self,
        entry: &DirEntry,
        task: &Task,
        folders: &mut Vec<Task>,
    ) -> Result<Option<Child>, LayerError> {
        let name = entry.file_name();
        if NEVER.iter().any(|never| name == *never) {
            return Ok(None);
        }
        let read = |source| LayerError::read(entry.path(), source);
        let is_folder = entry.file_type().map_err(read)?.is_dir();
        let mut relative = task.relative.clone();
        relative.extend_from_slice(name.as_bytes());
        let Some(verdict) = self.globs.judge(&relative, task.included, is_folder) else {
            return Ok(None);
        };
        let holds = verdict.holds();
        if holds && name.as_bytes().starts_with(WHITEOUT) {
            return Err(LayerError::Whiteout { path: entry.path() });
        }
        if !is_folder && !holds {
            return Ok(None);
        }
        let metadata = entry.metadata().map_err(read)?;
        let found = if metadata.is_dir() {
            if self.state == Some((metadata.dev(), metadata.ino())) {
                return Ok(None);
            }
            relative.push(b'/');
            let (number, from) = (folders.len(), entry.path().into());
            folders.push(Task { number, from, relative, included: verdict.included });
            Found::Folder(number)
        } else {
            // Of a file no path is needed, and there are many.
            let at = if metadata.is_symlink() { entry.path() } else { PathBuf::new() };
            Found::of(&at, &metadata)?
        };
        Ok(Some(Child { name: name.into_vec().into(), holds, found }))
    }

    /// Of several errors the one that is first by its path.
    fn finish(self) -> Result<Vec<Folder>, LayerError> {
        let desk = self.desk.into_inner().unwrap_or_else(PoisonError::into_inner);
        let first = desk.errors.into_iter().min_by(|one, other| one.0.cmp(&other.0));
        match first {
            Some((_, error)) => Err(error),
            None => Ok(desk.folders.into_iter().flatten().collect()),
        }
    }
}
