//! Lists a folder recursively on several threads, since each waits for the disk or the
//! kernel much of the time. Only metadata is read, no content, and nothing here knows an
//! image.

use super::entry::FileStamp;
use super::error::LayerError;
use super::globs::Globs;
use super::xattrs::Xattrs;
use std::fs::{self, DirEntry, FileType, Metadata};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Never part of a layer: Shipway's own state, and git's.
const NEVER_INCLUDED: [&str; 2] = [".shipway", ".git"];
/// Prefix of whiteouts (OCI image specification, "Whiteouts"). A layer cannot contain a file
/// with such a name.
pub const WHITEOUT: &[u8] = b".wh.";
/// More threads only contend for the same locks.
const MAX_THREADS: usize = 8;

/// A folder with its children sorted by name.
#[derive(Debug)]
pub struct ScannedFolder {
    pub from: Arc<Path>,
    pub children: Vec<ScannedChild>,
}

#[derive(Debug)]
pub struct ScannedChild {
    pub name: Box<[u8]>,
    /// Whether it is itself part of the layer. A folder may be listed only for its content.
    pub holds: bool,
    pub found: ScannedKind,
}

#[derive(Debug)]
pub enum ScannedKind {
    /// Index of the folder in the result of [`scan`].
    Folder(usize),
    File {
        stamp: FileStamp,
        executable: bool,
        xattrs: Xattrs,
    },
    Symlink(Box<[u8]>),
    /// `socket`, `device` or `pipe`, which a layer cannot contain.
    Special(&'static str),
}

impl ScannedKind {
    /// The kind of a path that is not a folder.
    pub fn of(from: &Path, metadata: &Metadata) -> Result<Self, LayerError> {
        let file_type = metadata.file_type();
        if file_type.is_symlink() {
            let read = |source| LayerError::read(from.to_owned(), source);
            let target = fs::read_link(from).map_err(read)?;
            return Ok(Self::Symlink(target.into_os_string().into_vec().into()));
        }
        Ok(if file_type.is_file() {
            let executable = metadata.mode() & 0o100 != 0;
            let program = is_program(metadata);
            let xattrs = if program { Xattrs::of_program(from) } else { Xattrs::default() };
            Self::File { stamp: FileStamp::of(metadata), executable, xattrs }
        } else {
            Self::Special(special(file_type))
        })
    }
}

/// Whether the file may have capabilities that are kept: a program alone can make use of them.
fn is_program(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.mode() & 0o111 != 0
}

/// The name of a kind of file that a layer cannot contain.
pub fn special(file_type: FileType) -> &'static str {
    if file_type.is_socket() {
        "socket"
    } else if file_type.is_fifo() {
        "pipe"
    } else {
        "device"
    }
}

/// Lists the folder `from`, which has the index 0, and all folders in it.
pub fn scan(
    from: &Path,
    globs: &Globs,
    state: Option<(u64, u64)>,
) -> Result<Vec<ScannedFolder>, LayerError> {
    let root = FolderTask {
        number: 0,
        from: from.into(),
        relative: Vec::new(),
        included: !globs.selects(),
    };
    let workers = ScanWorkers { globs, state, shared: Mutex::default(), changed: Condvar::new() };
    workers.lock().folders.push(None);
    workers.scan_folder(&root);
    let waiting = workers.lock().waiting.len();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    thread::scope(|scope| {
        for _ in 1..threads.min(waiting) {
            scope.spawn(|| workers.work());
        }
        workers.work();
    });
    workers.finish()
}

/// A folder to list.
struct FolderTask {
    number: usize,
    from: Arc<Path>,
    /// Relative to the first folder.
    relative: Vec<u8>,
    included: bool,
}

struct ScanWorkers<'a> {
    globs: &'a Globs,
    /// Device and inode of the store's folder, which is left out.
    state: Option<(u64, u64)>,
    shared: Mutex<ScanState>,
    changed: Condvar,
}

#[derive(Default)]
struct ScanState {
    waiting: Vec<FolderTask>,
    busy: usize,
    folders: Vec<Option<ScannedFolder>>,
    errors: Vec<(Arc<Path>, LayerError)>,
}

impl ScanWorkers<'_> {
    fn lock(&self) -> MutexGuard<'_, ScanState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut shared = self.lock();
        loop {
            if let Some(task) = shared.waiting.pop() {
                shared.busy += 1;
                drop(shared);
                self.scan_folder(&task);
                shared = self.lock();
                shared.busy -= 1;
                if shared.busy == 0 {
                    self.changed.notify_all();
                }
            } else if shared.busy == 0 {
                return;
            } else {
                shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn scan_folder(&self, task: &FolderTask) {
        let number = task.number;
        let from = Arc::clone(&task.from);
        let listed = self.list(task);
        let mut shared = self.lock();
        match listed {
            Ok((mut folder, mut folders)) => {
                // Indexes are local to this folder until here; make them indexes of the
                // whole list.
                let first = shared.folders.len();
                let found = folders.len();
                for task in &mut folders {
                    task.number += first;
                }
                for child in &mut folder.children {
                    if let ScannedKind::Folder(number) = &mut child.found {
                        *number += first;
                    }
                }
                shared.folders[number] = Some(folder);
                shared.folders.resize_with(first + found, || None);
                shared.waiting.extend(folders);
                if found > 0 {
                    self.changed.notify_all();
                }
            }
            Err(error) => {
                shared.errors.push((from, error));
                shared.waiting.clear();
            }
        }
    }

    fn list(&self, task: &FolderTask) -> Result<(ScannedFolder, Vec<FolderTask>), LayerError> {
        let read = |source| LayerError::read(task.from.to_path_buf(), source);
        let (mut children, mut folders) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&task.from).map_err(read)? {
            children.extend(self.child(&entry.map_err(read)?, task, &mut folders)?);
        }
        children.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok((ScannedFolder { from: Arc::clone(&task.from), children }, folders))
    }

    fn child(
        &self,
        entry: &DirEntry,
        task: &FolderTask,
        folders: &mut Vec<FolderTask>,
    ) -> Result<Option<ScannedChild>, LayerError> {
        let name = entry.file_name();
        if NEVER_INCLUDED.iter().any(|never| name == *never) {
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
            folders.push(FolderTask { number, from, relative, included: verdict.included });
            ScannedKind::Folder(number)
        } else {
            // There are many files, and only links and programs need the path.
            let needs_path = metadata.is_symlink() || is_program(&metadata);
            let at = if needs_path { entry.path() } else { PathBuf::new() };
            ScannedKind::of(&at, &metadata)?
        };
        Ok(Some(ScannedChild { name: name.into_vec().into(), holds, found }))
    }

    /// The result, or of several errors the one with the first path, so that the message
    /// does not depend on timing.
    fn finish(self) -> Result<Vec<ScannedFolder>, LayerError> {
        let shared = self.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        let first = shared.errors.into_iter().min_by(|one, other| one.0.cmp(&other.0));
        match first {
            Some((_, error)) => Err(error),
            None => Ok(shared.folders.into_iter().flatten().collect()),
        }
    }
}
