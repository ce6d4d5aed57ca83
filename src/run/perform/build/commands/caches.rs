//! The folders of `RUN --mount=type=cache`, which outlive a build.

use super::order::{CacheOrder, CacheSharing};
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;

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
        let lock = File::create(cache.folder.join(format!("{number}.lock")))?;
        let locked = match cache.sharing {
            CacheSharing::Locked => lock.lock().map_err(TryLockError::Error),
            CacheSharing::Shared => lock.try_lock_shared(),
            CacheSharing::Private => lock.try_lock(),
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(error),
        }
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

#[cfg(test)]
mod tests {
    use super::lock;
    use crate::run::perform::build::commands::order::{CacheOrder, CacheSharing};
    use nix::unistd::{getgid, getuid};
    use std::os::unix::fs::PermissionsExt as _;

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
        drop((held, other, alone));

        let (first, held) = number(CacheSharing::Locked);
        let (second, other) = number(CacheSharing::Shared);
        assert_eq!([first, second], ["1", "2"]);
        drop((held, other));
        assert_eq!(number(CacheSharing::Private).0, "1");
    }
}
