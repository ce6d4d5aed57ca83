//! The unpacked images of a state folder.

use super::super::ids::IdShift;
use super::files::{Image, ImageError};
use super::unpack::unpack_for;
use std::collections::HashMap;
use std::fs;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A folder of unpacked images, by the digest of the manifest.
#[derive(Debug)]
pub struct Trees {
    folder: PathBuf,
    ids: IdShift,
    /// One lock per image, so that two containers do not unpack it at once.
    locks: Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

impl Trees {
    /// Opens a folder, created if it does not exist.
    pub fn open(folder: PathBuf, ids: IdShift) -> Result<Self, ImageError> {
        let failed = |source| ImageError::Io { verb: "create", path: folder.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        ids.give(&folder).map_err(failed)?;
        // Left by a process that was killed while unpacking.
        for entry in fs::read_dir(&folder).map_err(failed)?.flatten() {
            if entry.file_name().to_string_lossy().ends_with(".partial") {
                remove_tree(&entry.path()).map_err(failed)?;
            }
        }
        Ok(Self { folder, ids, locks: Mutex::default() })
    }

    /// The unpacked files of an image. The first call unpacks it.
    pub fn get(&self, image: &Image) -> Result<PathBuf, ImageError> {
        let name = image.digest.hex().to_owned();
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name.clone()).or_default())
        };
        let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = self.folder.join(&name);
        if tree.is_dir() {
            return Ok(tree);
        }
        let partial = self.folder.join(format!("{name}.partial"));
        let failed = |source| ImageError::Io { verb: "create", path: partial.clone(), source };
        remove_tree(&partial).map_err(failed)?;
        fs::create_dir(&partial).map_err(failed)?;
        fs::set_permissions(&partial, Permissions::from_mode(0o755)).map_err(failed)?;
        unpack_for(&image.layers, &partial, self.ids)?;
        fs::rename(&partial, &tree).map_err(failed)?;
        Ok(tree)
    }
}

/// Removes a folder and its content, changing modes that forbid it, which
/// [`fs::remove_dir_all`] does not. A missing folder is not an error.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            fs::set_permissions(path, Permissions::from_mode(0o700))?;
            for entry in fs::read_dir(path)? {
                remove_tree(&entry?.path())?;
            }
            fs::remove_dir(path)
        }
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::remove_tree;
    use std::fs;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn folders_without_permissions_are_removed() {
        let outside = tempfile::tempdir().expect("a folder");
        fs::write(outside.path().join("kept"), "").expect("made");
        let folder = tempfile::tempdir().expect("a folder");
        let closed = folder.path().join("tree/closed");
        fs::create_dir_all(&closed).expect("made");
        fs::write(closed.join("file"), "").expect("made");
        symlink(outside.path(), closed.join("link")).expect("made");
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).expect("closed");

        remove_tree(&folder.path().join("tree")).expect("removed");
        remove_tree(&folder.path().join("tree")).expect("nothing to remove");

        assert!(!folder.path().join("tree").exists());
        assert!(outside.path().join("kept").exists(), "links are not followed");
    }
}
