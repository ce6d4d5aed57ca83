//! A file of what is known of one registry.
//!
//! Put in place by renaming, so that no reader sees half of it.

use super::facts::Facts;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// What this version writes and reads.
const VERSION: u32 = 1;
/// No file of ours is larger, in bytes.
const LARGEST: u64 = 4 << 20;

#[derive(Deserialize)]
struct Read {
    version: u32,
    host: String,
    facts: Facts,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    host: &'a str,
    facts: &'a Facts,
}

fn path(folder: &Path, host: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' };
    let name: String = host.chars().map(plain).collect();
    folder.join(format!("{name}.json"))
}

/// What the file says; `None` where it says nothing that can be believed.
pub(super) fn read(folder: &Path, host: &str) -> Option<Facts> {
    let path = path(folder, host);
    // Opening a pipe that lies there would wait for ever.
    if !fs::metadata(&path).is_ok_and(|found| found.is_file()) {
        return None;
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut text).ok()?;
    let read: Read = serde_json::from_slice(&text).ok()?;
    // Two hosts may share the name of a file.
    (read.version == VERSION && read.host == host).then_some(read.facts)
}

/// Puts what is known in the place of what was.
pub(super) fn write(folder: &Path, host: &str, facts: &Facts) -> io::Result<()> {
    create(folder)?;
    let text = serde_json::to_vec(&Written { version: VERSION, host, facts })?;
    let mut file = tempfile::Builder::new().prefix(".known-").tempfile_in(folder)?;
    file.write_all(&text)?;
    file.persist(path(folder, host)).map_err(|error| error.error)?;
    Ok(())
}

/// Makes a folder that is ours alone.
pub(super) fn create(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Err(_) if fs::metadata(folder).is_ok_and(|found| found.is_dir()) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{path, read, write};
    use crate::registry::push::memory::facts::Facts;
    use nix::sys::stat::Mode;

    #[test]
    fn what_is_no_file_says_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = path(folder.path(), "127.0.0.1:5000");
        nix::unistd::mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe");

        assert!(read(folder.path(), "127.0.0.1:5000").is_none());

        write(folder.path(), "127.0.0.1:5000", &Facts::default()).expect("written in its place");
        assert!(read(folder.path(), "127.0.0.1:5000").is_some());
    }
}
