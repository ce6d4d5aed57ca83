//! The unpacked images of a state folder.

use crate::local::runtime::image::{Image, ImageError};
use crate::os::remove_tree;
use crate::sandbox::ids::IdShift;
use crate::sandbox::unpack::{UnpackError, unpack_for};
use std::collections::HashMap;
use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

impl From<UnpackError> for ImageError {
    fn from(error: UnpackError) -> Self {
        Self::Unpack(error.into())
    }
}

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
