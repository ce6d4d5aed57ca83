//! Reads the files of a plan: its own, and those that it includes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// Bounds what is read of a file that is no plan. It is far above the size that
/// the parser refuses, so that the parser can say how large the file is.
const MAX_READ_BYTES: u64 = 256 << 20;

/// Reads a file, or standard input for `-`. A pipe that is open already, such as
/// `/dev/stdin` and what a shell makes of `<(…)`, is read to its end.
///
/// A file of a repository that is a link to a file outside of it is refused: its text would be
/// shown with the mistakes that are in it.
pub fn read_plan(file: &Path) -> io::Result<Vec<u8>> {
    if file == Path::new("-") {
        return read(io::stdin().lock());
    }
    let is_open_already = ["/dev", "/proc"].iter().any(|folder| file.starts_with(folder));
    // Opening a named pipe blocks until something writes to it.
    if !is_open_already && fs::metadata(file)?.file_type().is_fifo() {
        return Err(refusal("it is a named pipe; `-` reads standard input"));
    }
    let root = std::path::absolute(file)?.parent().and_then(repository_of);
    if let Some(root) = root.filter(|_| fs::symlink_metadata(file).is_ok_and(|it| it.is_symlink()))
        && !is_within(&fs::canonicalize(file)?, &fs::canonicalize(root)?)
    {
        return Err(refusal("it is a link that leads out of the repository"));
    }
    read(File::open(file)?)
}

/// Reads a file that a plan in `folder` includes. The plan may be a stranger's: what is outside of
/// its repository, or of its folder where there is no repository, is refused, and so is what git
/// keeps of its own, such as the login of a checkout.
pub fn read_included(file: &Path, folder: &Path) -> io::Result<Vec<u8>> {
    let (root, place) = match repository_of(folder) {
        Some(root) => (root, "repository"),
        None => (folder.to_owned(), "folder of the plan"),
    };
    if !is_within(&fs::canonicalize(file)?, &fs::canonicalize(root)?) {
        return Err(refusal(&format!("it is outside of the {place}")));
    }
    if !fs::metadata(file)?.is_file() {
        return Err(refusal("it is no file"));
    }
    read(File::open(file)?)
}

/// Reads a file of this machine that is not in the repository of a folder, whose files are a
/// fork's.
pub fn read_not_checked_out(file: &Path, folder: &Path) -> io::Result<Vec<u8>> {
    let root = repository_of(folder).unwrap_or_else(|| folder.to_owned());
    if fs::canonicalize(file)?.starts_with(fs::canonicalize(root)?) {
        return Err(refusal(
            "it is checked out, and that is the fork's; name it relative to the plan's folder",
        ));
    }
    if !fs::metadata(file)?.is_file() {
        return Err(refusal("it is no file"));
    }
    read(File::open(file)?)
}

fn read(file: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_READ_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn refusal(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// The repository that a folder belongs to.
pub fn repository_of(folder: &Path) -> Option<PathBuf> {
    let is_root = |above: &&Path| above.join(".git").symlink_metadata().is_ok();
    folder.ancestors().find(is_root).map(Path::to_owned)
}

/// Whether a file is in a folder, and not in that of git. Both paths have no links.
fn is_within(file: &Path, root: &Path) -> bool {
    let inside = file.strip_prefix(root);
    inside.is_ok_and(|inside| inside.iter().all(|name| name != OsStr::new(".git")))
}
