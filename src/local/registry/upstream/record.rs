//! What came from outside: one line of JSON each, for the report of the run.

use crate::local::files::FileError;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Something that came from outside.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fetched {
    /// The registry.
    pub host: String,
    /// The repository.
    pub repository: String,
    /// The tag or digest that was asked for.
    pub name: String,
    /// What it is.
    pub digest: String,
    /// How long it is.
    pub bytes: u64,
    /// Whether it is a blob, and no manifest.
    pub blob: bool,
}

impl Fetched {
    /// What was asked for, as a reference.
    pub fn reference(&self) -> String {
        let mark = if self.name.contains(':') { '@' } else { ':' };
        format!("{}/{}{mark}{}", self.host, self.repository, self.name)
    }
}

/// The list, in the state folder.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
}

fn path(state: &Path) -> PathBuf {
    state.join("fetched.jsonl")
}

impl Record {
    pub(super) fn of(state: &Path) -> Self {
        Self { path: path(state) }
    }

    /// Adds a line. What cannot be noted is not fetched: the list is a promise.
    pub(super) fn add(&self, fetched: &Fetched) -> Result<(), FileError> {
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

/// What a local cloud with its state in that folder has fetched so far.
pub fn fetched(state: &Path) -> Vec<Fetched> {
    let text = std::fs::read_to_string(path(state)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
