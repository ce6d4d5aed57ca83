//! Writes a file that replaces another one at once.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Why a file cannot be written here, as far as that is known before it is. Folders that are not
/// there are made.
pub fn obstacle(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some("it is a folder".to_owned());
    }
    let above = path.ancestors().skip(1).find(|above| above.exists())?;
    (!above.is_dir()).then(|| format!("`{}` is no folder", above.display()))
}

/// Replaces a file at once, and makes its folder. One that holds a password is its owner's alone.
pub fn replace(path: &Path, text: &str, is_secret: bool) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Its own words name a file that does not exist any more.
    let file = tempfile::NamedTempFile::new_in(folder);
    let mut file = file.map_err(|error| io::Error::from(error.kind()))?;
    file.write_all(text.as_bytes())?;
    let mode = if is_secret { 0o600 } else { 0o644 };
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
