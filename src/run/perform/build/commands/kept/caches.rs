//! The folders of `RUN --mount=type=cache`, which outlive a build.

use super::order::{CacheOrder, CacheSharing};
use crate::sandbox::remove_tree;
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a cache stays that no command uses.
const MAX_UNUSED: Duration = Duration::from_hours(24 * 30);

/// A folder that nothing else may use in another way until the lock is dropped.
pub struct LockedCache {
    pub folder: PathBuf,
    pub lock: File,
}

/// Locks a folder of a cache. A cache that is used otherwise has several: as in `BuildKit`,
/// `locked` waits for the first, the others take one that is free, or a new one.
pub fn lock(cache: &CacheOrder) -> io::Result<LockedCache> {
    if let Some(all) = cache.folder.parent() {
        prune(all);
    }
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

/// Removes what was not used for long. Errors are ignored: it is tried again by the next
/// command with a cache.
fn prune(all: &Path) {
    let folders = fs::read_dir(all).into_iter().flatten().flatten();
    for cache in folders.map(|entry| entry.path()) {
        let mut removed = false;
        for entry in fs::read_dir(&cache).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "lock") {
                continue;
            }
            let used = entry.metadata().and_then(|metadata| metadata.modified());
            let age = used.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            let is_free = || File::open(&path).and_then(|lock| Ok(lock.try_lock()?)).is_ok();
            if age.is_ok_and(|age| age > MAX_UNUSED) && is_free() {
                remove_tree(&path.with_extension("")).ok();
                removed |= fs::remove_file(&path).is_ok();
            }
        }
        if removed {
            // Refused where one is left in it.
            fs::remove_dir(&cache).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_UNUSED, lock};
    use crate::run::perform::build::commands::order::{CacheOrder, CacheSharing};
    use nix::unistd::{getgid, getuid};
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, SystemTime};

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

    #[test]
    fn caches_that_are_not_used_for_long_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = |name: &str| CacheOrder {
            folder: folder.path().join(name),
            sharing: CacheSharing::Shared,
            mode: 0o755,
            uid: getuid().as_raw(),
            gid: getgid().as_raw(),
            writable: true,
        };
        let old = SystemTime::now() - MAX_UNUSED - Duration::from_secs(1);
        let unused = |name: &str| {
            let used = lock(&cache(name)).expect("locked");
            std::fs::write(used.folder.join("file"), "").expect("written");
            used.lock.set_modified(old).expect("set");
            used
        };
        let held = unused("held");
        drop(unused("old"));

        wait_for_others(|| {
            drop(lock(&cache("new")).expect("locked"));
            !folder.path().join("old").exists()
        });

        assert!(held.folder.join("file").exists() && folder.path().join("new").exists());
    }
}
