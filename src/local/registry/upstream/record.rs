//! The record of what was fetched from outside, one line of JSON each, for the report
//! of the run.

use crate::local::files::FileError;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A manifest or blob that was fetched from outside.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fetched {
    pub host: String,
    pub repository: String,
    /// The requested tag or digest.
    pub name: String,
    pub digest: String,
    pub bytes: u64,
    /// True for a blob, false for a manifest.
    pub blob: bool,
}

impl Fetched {
    /// The request as a reference.
    pub fn reference(&self) -> String {
        let mark = if self.name.contains(':') { '@' } else { ':' };
        format!("{}/{}{mark}{}", self.host, self.repository, self.name)
    }
}

/// The record, in the state folder.
#[derive(Debug)]
pub struct FetchRecord {
    path: PathBuf,
}

fn path(state: &Path) -> PathBuf {
    state.join("fetched.jsonl")
}

impl FetchRecord {
    pub fn of(state: &Path) -> Self {
        Self { path: path(state) }
    }

    /// Adds a line. Content is not stored where this fails, so that the record is
    /// complete.
    pub fn add(&self, fetched: &Fetched) -> Result<(), FileError> {
        let failed = |source| FileError::Io { verb: "write", path: self.path.clone(), source };
        let mut line = serde_json::to_vec(fetched)
            .map_err(|source| FileError::Json { path: self.path.clone(), source })?;
        line.push(b'\n');
        let mut options = OpenOptions::new();
        let mut file =
            options.create(true).append(true).mode(0o600).open(&self.path).map_err(failed)?;
        file.write_all(&line).map_err(failed)
    }
}

/// What the local cloud with this state folder has fetched so far.
pub fn fetched(state: &Path) -> Vec<Fetched> {
    let text = std::fs::read_to_string(path(state)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
