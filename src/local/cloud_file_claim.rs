//! Whether the file that describes a cloud may be written and removed.

use super::cloud_file::CloudFile;
use super::terminate::is_up;
use std::path::{Path, PathBuf};

/// A file that a cloud must not overwrite.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("`{}` is not a file of a local cloud; it would be overwritten", .0.display())]
    Foreign(PathBuf),
    #[error("`{}` is the file of a local cloud that is up, of process {pid}", path.display())]
    Used { path: PathBuf, pid: u32 },
}

/// Fails where the file is there and is not one that a cloud has left: something else, or
/// that of another cloud, which would not be found any more.
pub fn check_free(path: &Path, state: &Path) -> Result<(), ClaimError> {
    let is_empty =
        std::fs::metadata(path).map_or(true, |found| found.is_file() && found.len() == 0);
    if is_empty {
        return Ok(());
    }
    let Ok(found) = CloudFile::read(path) else { return Err(ClaimError::Foreign(path.to_owned())) };
    if found.state != state && is_up(&found.state) {
        return Err(ClaimError::Used { path: path.to_owned(), pid: found.pid });
    }
    Ok(())
}

/// Removes the file, unless it has become another's.
pub fn remove_own(path: &Path, state: &Path) {
    let is_own = CloudFile::read(path).is_ok_and(|found| found.state == state);
    if !is_own {
        return;
    }
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, "the cloud file is gone already");
    }
}

#[cfg(test)]
mod tests {
    use super::{check_free, remove_own};
    use crate::local::cloud_file::CloudFile;
    use crate::local::terminate::LOCK;
    use nix::fcntl::{Flock, FlockArg};
    use std::fs::{self, File};
    use std::path::Path;

    fn cloud_file(state: &Path) -> CloudFile {
        serde_json::from_value(serde_json::json!({
            "version": 1, "pid": 4711, "proxy": "", "ca": "", "ca-file": "", "tenant-id": "",
            "client-id": "", "client-secret": "", "subscription-id": "", "github": null,
            "direct-registry": "", "runtime": "", "environment": {}, "request-log": "",
            "state": state,
        }))
        .expect("a cloud file")
    }

    #[test]
    fn files_of_others_are_neither_overwritten_nor_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, other) = (folder.path().join("own"), folder.path().join("other"));
        fs::create_dir(&other).expect("a folder");
        let path = folder.path().join("cloud.json");
        let show = || check_free(&path, &state).map_err(|error| error.to_string());
        assert_eq!(show(), Ok(()));
        fs::write(&path, "").expect("a file");
        assert_eq!(show(), Ok(()));
        fs::write(&path, "name: shop\n").expect("a file");
        let named = path.display();
        assert_eq!(
            show(),
            Err(format!("`{named}` is not a file of a local cloud; it would be overwritten"))
        );
        remove_own(&path, &state);
        assert!(path.exists());

        cloud_file(&other).write(&path).expect("a file");
        assert_eq!(show(), Ok(()), "that cloud has ended");
        let lock = File::create(other.join(LOCK)).expect("a file");
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).expect("it is free");
        assert_eq!(
            show(),
            Err(format!("`{named}` is the file of a local cloud that is up, of process 4711"))
        );
        remove_own(&path, &state);
        assert!(path.exists());
        drop(lock);

        cloud_file(&state).write(&path).expect("a file");
        assert_eq!(show(), Ok(()));
        remove_own(&path, &state);
        assert!(!path.exists());
    }
}
