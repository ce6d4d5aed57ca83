//! Files of the state folder: private, and replaced atomically.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A file of the state folder that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// `read`, `write`, `create`, `open`, `remove`, `keep`, `wait for`.
        verb: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The content is not the expected JSON.
    #[error("cannot parse `{}`", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
}

/// Creates a folder and its parents, accessible to its owner only.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| FileError::Io {
        verb: "create",
        path: path.to_owned(),
        source,
    })
}

/// Replaces a file atomically. Only its owner may read it.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |source| FileError::Io { verb: "write", path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    create_folder(folder)?;
    // Temporary files are created with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), FileError> {
    let bytes = serde_json::to_vec_pretty(value)
        .map_err(|source| FileError::Json { path: path.to_owned(), source })?;
    write_private(path, &bytes)
}

/// Reads a value from JSON. `None` where the file does not exist.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(FileError::Io { verb: "read", path: path.to_owned(), source });
        }
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| FileError::Json { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::{read_json, write_json};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn files_are_private_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/file.json");

        assert_eq!(read_json::<Vec<u8>>(&path).expect("no file is no error"), None);
        write_json(&path, &vec![1, 2]).expect("written");

        assert_eq!(read_json::<Vec<u8>>(&path).expect("read"), Some(vec![1, 2]));
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = read_json::<String>(&path).expect_err("not text").to_string();
        assert_eq!(error, format!("cannot parse `{}`", path.display()));
    }
}
