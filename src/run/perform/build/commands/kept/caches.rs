//! The folders of `RUN --mount=type=cache`, which outlive a build.

use super::{is_current, note_use, open_lock, part_of, size};
use crate::os::remove_tree;
use crate::run::perform::build::commands::order::{CacheOrder, CacheSharing};
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A folder that nothing else may use in another way until the lock is dropped.
pub struct LockedCache {
    pub folder: PathBuf,
    pub lock: File,
}

/// Locks a folder of a cache. A cache that is used otherwise has several: as in `BuildKit`,
/// `locked` waits for the first, the others take one that is free, or a new one.
pub fn lock(cache: &CacheOrder) -> io::Result<LockedCache> {
    fs::create_dir_all(&cache.folder)?;
    for number in 1_u32.. {
        let path = cache.folder.join(format!("{number}.lock"));
        let lock = match open_lock(&path) {
            // The folder was removed since it was made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self::lock(cache),
            opened => opened?,
        };
        let locked = match cache.sharing {
            CacheSharing::Locked => lock.lock().map_err(TryLockError::Error),
            CacheSharing::Shared => lock.try_lock_shared(),
            CacheSharing::Private => lock.try_lock(),
        };
        match locked {
            Ok(()) if is_current(&path, &lock) => {}
            // Removed since it was opened.
            Ok(()) => return self::lock(cache),
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The time of the last use.
        lock.set_modified(SystemTime::now())?;
        let folder = cache.folder.join(number.to_string());
        make(cache, &folder)?;
        return Ok(LockedCache { folder, lock });
    }
    Err(io::ErrorKind::QuotaExceeded.into())
}

/// Makes a folder with its owner and mode, unless it is there. Several that share it may want to
/// make it at once, so it has its own name only when it is whole.
fn make(cache: &CacheOrder, folder: &Path) -> io::Result<()> {
    let maker = File::open(&cache.folder)?;
    maker.lock()?;
    if folder.is_dir() {
        return Ok(());
    }
    let part = part_of(folder);
    remove_tree(&part)?;
    fs::create_dir(&part)?;
    chown(&part, Some(cache.uid), Some(cache.gid))?;
    fs::set_permissions(&part, Permissions::from_mode(cache.mode))?;
    fs::rename(&part, folder)
}

impl LockedCache {
    /// Notes the size, after a command has used it. Errors are ignored: the size is noted by the
    /// next.
    pub fn note_use(&self) {
        note_use(&self.lock, size(&self.folder)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::lock;
    use crate::run::perform::build::commands::order::{CacheOrder, CacheSharing};
    use nix::unistd::{getgid, getuid};
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Barrier;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn sharing_decides_who_gets_which_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = |sharing| CacheOrder {
            folder: folder.path().join("cache"),
            sharing,
            mode: 0o750,
            uid: getuid().as_raw(),
            gid: getgid().as_raw(),
            writable: true,
        };
        let number = |sharing| {
            let locked = lock(&cache(sharing)).expect("locked");
            let name = locked.folder.file_name().expect("a name").to_owned();
            (name.into_string().expect("text"), locked)
        };
        let (first, held) = number(CacheSharing::Shared);
        let (second, other) = number(CacheSharing::Shared);
        let (third, alone) = number(CacheSharing::Private);
        assert_eq!([first, second, third], ["1", "1", "2"]);
        let mode = held.folder.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o750);
        fs::write(held.folder.join("file"), [1; 5000]).expect("written");
        held.note_use();
        let noted = fs::read_to_string(held.folder.with_extension("lock")).expect("a lock");
        assert!(noted.parse::<u64>().is_ok_and(|bytes| bytes >= 5000), "{noted}");
        drop((held, other, alone));

        let (first, held) = number(CacheSharing::Locked);
        let (second, other) = number(CacheSharing::Shared);
        assert_eq!([first, second], ["1", "2"]);
        drop((held, other));
        wait_for_others(|| number(CacheSharing::Private).0 == "1");
    }

    #[test]
    fn folder_that_many_share_at_once_is_made_once_and_whole() {
        const SHARERS: usize = 16;
        let folder = tempfile::tempdir().expect("a folder");
        for round in 0..50 {
            let cache = CacheOrder {
                folder: folder.path().join(round.to_string()),
                sharing: CacheSharing::Shared,
                mode: 0o711,
                uid: getuid().as_raw(),
                gid: getgid().as_raw(),
                writable: true,
            };
            let start = Barrier::new(SHARERS);
            thread::scope(|threads| {
                for _ in 0..SHARERS {
                    threads.spawn(|| {
                        start.wait();
                        let locked = lock(&cache).expect("locked");
                        assert_eq!(locked.folder, cache.folder.join("1"));
                        let mode = locked.folder.metadata().expect("there").permissions().mode();
                        assert_eq!(mode & 0o7777, 0o711);
                        locked.note_use();
                        locked
                    });
                }
            });
        }
    }

    /// Waits until this holds: a program that another test starts holds every lock until it is
    /// executed.
    #[track_caller]
    fn wait_for_others(holds: impl Fn() -> bool) {
        for _ in 0..100 {
            if holds() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("it never held");
    }
}
