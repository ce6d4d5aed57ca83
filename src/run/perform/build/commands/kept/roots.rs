//! Unpacked layers, by what they hold. A command has them below its own files, as the lower
//! folders of its overlay, and never writes to them.

use super::stamp::TreeStamp;
use super::{is_current, note_use, open_lock, part_of};
use crate::os::remove_tree;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// In the folder of a root: its files, and the [`TreeStamp`] of them.
const FILES: &str = "files";
const STAMP: &str = "stamp.json";

/// How often, and how far apart, it is tried to lock what is not as it was and others still use.
const MAX_LOCK_ATTEMPTS: u32 = 25;
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

pub struct KeptRoots<'a> {
    pub folder: &'a Path,
    /// Those that this build has verified, which takes time where they have many files.
    pub verified: &'a [String],
}

/// Unpacked layers that are not removed while this is held.
pub struct LockedRoot {
    pub name: String,
    pub files: PathBuf,
    _lock: File,
}

/// Why layers were not kept.
#[derive(Debug)]
pub enum KeepError<E> {
    /// They cannot be unpacked.
    Fill(E),
    /// The folder cannot be used.
    Keep(io::Error),
}

impl<E> From<io::Error> for KeepError<E> {
    fn from(error: io::Error) -> Self {
        Self::Keep(error)
    }
}

impl KeptRoots<'_> {
    /// What is there, if it is still what was put there.
    pub fn find(&self, name: &str) -> Option<LockedRoot> {
        let (root, path) = (self.folder.join(name), self.lock_path(name));
        let lock = File::options().read(true).write(true).open(&path).ok()?;
        lock.lock_shared().ok()?;
        let stamp = self.verify(name).filter(|_| is_current(&path, &lock))?;
        note_use(&lock, stamp.bytes).ok()?;
        Some(LockedRoot { name: name.to_owned(), files: root.join(FILES), _lock: lock })
    }

    /// What is there, or what `fill` puts into an empty folder. Another process that makes the
    /// same is waited for.
    pub fn make<E>(
        &self,
        name: &str,
        fill: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<LockedRoot, KeepError<E>> {
        if let Some(found) = self.find(name) {
            return Ok(found);
        }
        self.put(name, |part| {
            let files = part.join(FILES);
            fs::create_dir(&files)?;
            fill(&files).map_err(KeepError::Fill)
        })
    }

    /// Moves files of this build there, unless they are there.
    pub fn keep(&self, name: &str, files: &Path) -> io::Result<LockedRoot> {
        let kept = self.put::<io::Error>(name, |part| Ok(fs::rename(files, part.join(FILES))?));
        kept.map_err(|error| match error {
            KeepError::Keep(error) | KeepError::Fill(error) => error,
        })
    }

    fn put<E>(
        &self,
        name: &str,
        fill: impl FnOnce(&Path) -> Result<(), KeepError<E>>,
    ) -> Result<LockedRoot, KeepError<E>> {
        fs::create_dir_all(self.folder)?;
        let (root, path) = (self.folder.join(name), self.lock_path(name));
        let lock = match self.exclusive_lock(name, &path)? {
            Lock::Found(found) => return Ok(found),
            Lock::Exclusive(lock) => lock,
        };
        let stamp = match self.verify(name) {
            Some(stamp) => stamp,
            None => made(&root, fill)?,
        };
        note_use(&lock, stamp.bytes)?;
        // Others use it at the same time. The lock is lost for a moment, in which it may be
        // removed.
        lock.lock_shared()?;
        if !root.is_dir() {
            return Err(KeepError::Keep(io::ErrorKind::NotFound.into()));
        }
        Ok(LockedRoot { name: name.to_owned(), files: root.join(FILES), _lock: lock })
    }

    /// Waits for another process that makes the same, and not for those that use it.
    fn exclusive_lock(&self, name: &str, path: &Path) -> io::Result<Lock> {
        for _ in 0..MAX_LOCK_ATTEMPTS {
            let lock = open_lock(path)?;
            match lock.try_lock() {
                Ok(()) if is_current(path, &lock) => return Ok(Lock::Exclusive(lock)),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(found) = self.find(name) {
                        return Ok(Lock::Found(found));
                    }
                    thread::sleep(LOCK_INTERVAL);
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// What was noted of a root, if it is still that.
    fn verify(&self, name: &str) -> Option<TreeStamp> {
        let root = self.folder.join(name);
        let stamp: TreeStamp = serde_json::from_slice(&fs::read(root.join(STAMP)).ok()?).ok()?;
        let is_verified = self.verified.iter().any(|verified| verified == name);
        (is_verified || TreeStamp::of(&root.join(FILES)).ok()? == stamp).then_some(stamp)
    }

    fn lock_path(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("lock")
    }
}

enum Lock {
    /// Of what is not there, or is not what it was.
    Exclusive(File),
    /// Another process has made it.
    Found(LockedRoot),
}

/// Makes a root under another name, and renames it when it is whole.
fn made<E>(
    root: &Path,
    fill: impl FnOnce(&Path) -> Result<(), KeepError<E>>,
) -> Result<TreeStamp, KeepError<E>> {
    let part = part_of(root);
    remove_tree(root)?;
    remove_tree(&part)?;
    fs::create_dir(&part)?;
    if let Err(error) = fill(&part) {
        remove_tree(&part).ok();
        return Err(error);
    }
    let stamp = TreeStamp::of(&part.join(FILES))?;
    let text = serde_json::to_vec(&stamp).expect("a stamp is JSON");
    fs::write(part.join(STAMP), text)?;
    fs::rename(&part, root)?;
    Ok(stamp)
}

#[cfg(test)]
mod tests {
    use super::{KeepError, KeptRoots};
    use crate::run::perform::build::commands::kept::remove_unused;
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    fn of(folder: &Path) -> KeptRoots<'_> {
        KeptRoots { folder, verified: &[] }
    }

    fn fill(files: &Path) -> Result<(), String> {
        fs::write(files.join("file"), "content").map_err(|error| error.to_string())
    }

    fn never(_: &Path) -> Result<(), String> {
        Err("it is there".to_owned())
    }

    #[test]
    fn what_is_kept_is_made_once_and_made_again_when_it_was_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let roots = of(folder.path());
        assert!(roots.find("a").is_none());
        drop(roots.make("a", fill).expect("made"));
        drop(roots.make("a", never).expect("kept"));
        let files = roots.find("a").expect("kept").files.clone();
        assert_eq!(files, folder.path().join("a/files"));

        // Longer than a tick of the clock of the file system.
        std::thread::sleep(Duration::from_millis(20));
        fs::write(files.join("file"), "CONTENT").expect("changed");
        assert!(roots.find("a").is_none());
        let verified = ["a".to_owned()];
        let later = KeptRoots { verified: &verified, ..roots };
        assert!(later.find("a").is_some(), "verified once in a build");
        drop(roots.make("a", fill).expect("made again"));
        assert_eq!(fs::read_to_string(files.join("file")).expect("there"), "content");
        fs::write(files.join("more"), "").expect("changed");
        assert!(matches!(roots.make("a", never), Err(KeepError::Fill(_))));
        assert!(!files.exists(), "what was changed is removed");
    }

    #[test]
    fn failure_leaves_nothing_that_is_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let roots = of(folder.path());
        let torn = |files: &Path| {
            fs::write(files.join("half"), "").expect("written");
            Err::<(), _>("no space".to_owned())
        };
        assert!(
            matches!(roots.make("a", torn), Err(KeepError::Fill(reason)) if reason == "no space")
        );
        assert!(roots.find("a").is_none() && !folder.path().join("a.part").exists());
        // Left by a process that was killed.
        fs::create_dir_all(folder.path().join("a.part/files/half")).expect("made");
        let made = roots.make("a", fill).expect("made");
        assert!(!made.files.join("half").exists());
    }

    #[test]
    fn files_of_a_build_are_moved() {
        let folder = tempfile::tempdir().expect("a folder");
        let all = folder.path().join("roots");
        let upper = folder.path().join("upper");
        fs::create_dir(&upper).expect("made");
        fill(&upper).expect("filled");
        let kept = of(&all).keep("a", &upper).expect("moved");
        assert!(kept.files.join("file").exists() && !upper.exists());
        drop(kept);
        assert!(of(&all).find("a").is_some());
    }

    #[test]
    fn what_is_used_is_not_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let all = folder.path().join("roots");
        let (one, other) = (of(&all), of(&all));
        let used = one.make("a", fill).expect("made");
        let also = other.make("a", never).expect("kept");
        drop(used);
        remove_unused(&all.join("a")).expect("left");
        assert!(also.files.exists());
        drop(also);
        // A program that another test starts holds every lock until it is executed.
        for _ in 0..100 {
            remove_unused(&all.join("a")).expect("removed");
            if !all.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it was never removed");
    }
}
