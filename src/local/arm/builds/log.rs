//! The log of a run, as a file that grows.

use jiff::Timestamp;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A cheap handle. Nothing is there before the first line.
#[derive(Clone, Debug)]
pub struct RunLog {
    path: PathBuf,
}

impl RunLog {
    /// A log without lines: what another process of the same state folder wrote under this
    /// name is removed.
    pub fn new(path: PathBuf) -> Self {
        // It need not exist.
        fs::remove_file(&path).ok();
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends lines. What cannot be written is lost: the build goes on, as at the service.
    pub fn write(&self, text: &str) {
        if let Err(error) = self.append(text) {
            tracing::debug!(%error, path = %self.path.display(), "the log cannot be written");
        }
    }

    /// A line of the service itself.
    pub fn say(&self, text: &str) {
        self.write(&format!("{} {text}", Timestamp::now().strftime("%Y/%m/%d %H:%M:%S")));
    }

    fn append(&self, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.create(true).append(true).open(&self.path)?;
        file.write_all(format!("{text}\n").as_bytes())
    }
}
