//! The file of what is known of one registry.
//!
//! Replaced by renaming, so that no reader sees half of it.

use super::facts::Facts;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Files of another version are ignored.
const FILE_VERSION: u32 = 1;
/// Larger files were not written by this program.
const MAX_FILE_BYTES: u64 = 4 << 20;

#[derive(Deserialize)]
struct StoredFacts {
    version: u32,
    host: String,
    facts: Facts,
}

#[derive(Serialize)]
struct FactsToStore<'a> {
    version: u32,
    host: &'a str,
    facts: &'a Facts,
}

fn path(folder: &Path, host: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' };
    let name: String = host.chars().map(plain).collect();
    folder.join(format!("{name}.json"))
}

/// Reads the file. `None` where it is missing, torn, or of another version or host.
pub fn read(folder: &Path, host: &str) -> Option<Facts> {
    let path = path(folder, host);
    // Opening a pipe of this name would block for ever.
    if !fs::metadata(&path).is_ok_and(|found| found.is_file()) {
        return None;
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(MAX_FILE_BYTES).read_to_end(&mut text).ok()?;
    let read: StoredFacts = serde_json::from_slice(&text).ok()?;
    // Two hosts may have the same file name.
    (read.version == FILE_VERSION && read.host == host).then_some(read.facts)
}

/// Replaces the file.
pub fn write(folder: &Path, host: &str, facts: &Facts) -> io::Result<()> {
    create(folder)?;
    let text = serde_json::to_vec(&FactsToStore { version: FILE_VERSION, host, facts })?;
    let mut file = tempfile::Builder::new().prefix(".known-").tempfile_in(folder)?;
    file.write_all(&text)?;
    file.persist(path(folder, host)).map_err(|error| error.error)?;
    Ok(())
}

/// Creates a folder that only its owner may read.
pub fn create(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Err(_) if fs::metadata(folder).is_ok_and(|found| found.is_dir()) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{path, read, write};
    use crate::registry::memory::facts::Facts;
    use nix::sys::stat::Mode;

    #[test]
    fn a_pipe_in_place_of_the_file_is_ignored_and_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = path(folder.path(), "127.0.0.1:5000");
        nix::unistd::mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe");

        assert!(read(folder.path(), "127.0.0.1:5000").is_none());

        write(folder.path(), "127.0.0.1:5000", &Facts::default()).expect("written in its place");
        assert!(read(folder.path(), "127.0.0.1:5000").is_some());
    }
}
