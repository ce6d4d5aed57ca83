//! The folders of `RUN --mount=type=cache`, which outlive a build.

use super::{is_current, note_use, open_lock, size};
use crate::run::perform::build::commands::order::{CacheOrder, CacheSharing};
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
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
        let lock = open_lock(&path)?;
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
        if !folder.is_dir() {
            fs::create_dir(&folder)?;
            chown(&folder, Some(cache.uid), Some(cache.gid))?;
            fs::set_permissions(&folder, Permissions::from_mode(cache.mode))?;
        }
        return Ok(LockedCache { folder, lock });
    }
    Err(io::ErrorKind::QuotaExceeded.into())
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

    /// Waits until this holds: a program that another test starts holds every lock until it is
    /// executed.
    #[track_caller]
    fn wait_for_others(holds: impl Fn() -> bool) {
        for _ in 0..100 {
            if holds() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it never held");
    }
}
