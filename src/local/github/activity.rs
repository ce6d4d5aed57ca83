//! Comments, deployments and statuses, kept in `github.json`.

use crate::local::files::{FileError, read_json, write_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ids count from here, as large as those of GitHub.
const FIRST_ID: u64 = 2_400_000_001;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Comment {
    pub id: u64,
    pub issue: u64,
    pub body: String,
    pub created_at: String,
    pub updated_at: String,
}

/// `statuses` are in order of creation.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Deployment {
    pub id: u64,
    pub sha: String,
    #[serde(rename = "ref")]
    pub reference: String,
    pub task: String,
    pub environment: String,
    pub payload: Value,
    pub description: Option<String>,
    pub transient: bool,
    pub production: bool,
    pub created_at: String,
    pub updated_at: String,
    pub statuses: Vec<DeploymentStatus>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DeploymentStatus {
    pub id: u64,
    pub state: String,
    pub description: String,
    pub environment: String,
    pub log_url: String,
    pub environment_url: String,
    pub created_at: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CommitStatus {
    pub id: u64,
    pub sha: String,
    pub state: String,
    pub context: String,
    pub target_url: Option<String>,
    pub description: Option<String>,
    pub created_at: String,
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub struct ActivityLists {
    given: u64,
    pub comments: Vec<Comment>,
    pub deployments: Vec<Deployment>,
    pub statuses: Vec<CommitStatus>,
}

impl ActivityLists {
    pub fn next_id(&mut self) -> u64 {
        self.given += 1;
        FIRST_ID + self.given
    }
}

#[derive(Debug)]
pub struct ActivityRecord {
    path: PathBuf,
    content: Mutex<ActivityLists>,
}

impl ActivityRecord {
    pub fn open(state: &Path) -> Result<Self, FileError> {
        let path = state.join("github.json");
        let content = read_json(&path)?.unwrap_or_default();
        Ok(Self { path, content: Mutex::new(content) })
    }

    pub fn read(&self) -> MutexGuard<'_, ActivityLists> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change and writes the file, unless the change fails.
    pub fn change<T, E: From<FileError>>(
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
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
