//! Comments, deployments and statuses, kept in `github.json`.

use crate::local::files::{FileError, read_json, write_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ids count from here, as large as those of GitHub.
const FIRST_ID: u64 = 2_400_000_001;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) issue: u64,
    pub(super) body: String,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

/// `statuses` are in order of creation.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Deployment {
    pub(super) id: u64,
    pub(super) sha: String,
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) task: String,
    pub(super) environment: String,
    pub(super) payload: Value,
    pub(super) description: Option<String>,
    pub(super) transient: bool,
    pub(super) production: bool,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) statuses: Vec<DeploymentStatus>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct DeploymentStatus {
    pub(super) id: u64,
    pub(super) state: String,
    pub(super) description: String,
    pub(super) environment: String,
    pub(super) log_url: String,
    pub(super) environment_url: String,
    pub(super) created_at: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct CommitStatus {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) state: String,
    pub(super) context: String,
    pub(super) target_url: Option<String>,
    pub(super) description: Option<String>,
    pub(super) created_at: String,
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct ActivityLists {
    given: u64,
    pub(super) comments: Vec<Comment>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) statuses: Vec<CommitStatus>,
}

impl ActivityLists {
    pub(super) fn next_id(&mut self) -> u64 {
        self.given += 1;
        FIRST_ID + self.given
    }
}

#[derive(Debug)]
pub(super) struct ActivityRecord {
    path: PathBuf,
    content: Mutex<ActivityLists>,
}

impl ActivityRecord {
    pub(super) fn open(state: &Path) -> Result<Self, FileError> {
        let path = state.join("github.json");
        let content = read_json(&path)?.unwrap_or_default();
        Ok(Self { path, content: Mutex::new(content) })
    }

    pub(super) fn read(&self) -> MutexGuard<'_, ActivityLists> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change and writes the file, unless the change fails.
    pub(super) fn change<T, E: From<FileError>>(
        &self,
        change: impl FnOnce(&mut ActivityLists) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut content = self.read();
        let result = change(&mut content)?;
        write_json(&self.path, &*content)?;
        Ok(result)
    }
}

/// The current time in GitHub's format.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
