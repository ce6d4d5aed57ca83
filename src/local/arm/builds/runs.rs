//! The runs of a local cloud. They end with its process; their logs stay.

use super::super::response::ArmResponse;
use super::log::RunLog;
use crate::local::files::{FileError, create_folder};
use crate::local::hidden::Hidden;
use crate::local::identity::random_uuid;
use crate::local::initial_state::AzureRegistry;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// The account that stands for the storage of all regions.
const STORAGE: &str = "https://shipwaylocal.blob.core.windows.net";
const CONTAINER: &str = "acrtasks";

/// All runs, and what builds need.
#[derive(Debug)]
pub struct Builds {
    pub folder: PathBuf,
    /// For the programs of engines, such as the proxy.
    pub environment: BTreeMap<String, Hidden>,
    /// What a URL of the storage has to be signed with.
    pub signature: String,
    runs: Mutex<Vec<Run>>,
}

/// A run. A cheap handle.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: String,
    /// The host of its registry.
    pub host: String,
    /// What was asked for, secret arguments included.
    pub request: Value,
    pub created: String,
    pub stop: CancellationToken,
    pub log: RunLog,
    state: Arc<Mutex<RunState>>,
}

#[derive(Clone, Debug)]
pub struct RunState {
    pub status: &'static str,
    pub updated: String,
    pub started: Option<String>,
    pub finished: Option<String>,
    pub images: Vec<Value>,
}

impl Run {
    pub fn state(&self) -> RunState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut RunState)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        state.updated = Timestamp::now().to_string();
    }
}

impl Builds {
    pub fn open(state: &Path, environment: BTreeMap<String, Hidden>) -> Result<Self, FileError> {
        let folder = state.join("builds");
        create_folder(&folder.join("sources"))?;
        create_folder(&folder.join("logs"))?;
        let signature = random_uuid();
        Ok(Self { folder, environment, signature, runs: Mutex::default() })
    }

    /// A signed place for a context.
    pub fn source_place(&self) -> ArmResponse {
        let day = Timestamp::now().strftime("%Y%m%d0000");
        let name = random_uuid().replace('-', "");
        let path = format!("tasks-source/{day}/{name}.tar.gz");
        ArmResponse::ok(json!({ "relativePath": path, "uploadUrl": self.url(&path, "cw") }))
    }

    pub fn log_link(&self, run: &Run) -> ArmResponse {
        let path = format!("logs/{}/rawtext.log", run.id);
        ArmResponse::ok(json!({ "logLink": self.url(&path, "r") }))
    }

    fn url(&self, path: &str, permissions: &str) -> String {
        format!(
            "{STORAGE}/{CONTAINER}/{path}?sv=2019-07-07&sr=b&sp={permissions}&sig={}",
            self.signature
        )
    }

    /// The file of a context, by its relative path; `None` for a path that was not given out.
    pub fn source_file(&self, path: &str) -> Option<PathBuf> {
        let mut parts = path.strip_prefix("tasks-source/")?.split('/');
        let (_, name, None) = (parts.next()?, parts.next()?, parts.next()) else { return None };
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        let path = self.folder.join("sources").join(name);
        (is_plain && !name.starts_with('.')).then_some(path)
    }

    /// The part of a storage path after the container.
    pub fn within(path: &str) -> Option<&str> {
        path.strip_prefix('/')?.strip_prefix(CONTAINER)?.strip_prefix('/')
    }

    pub fn add(&self, registry: &AzureRegistry, request: &Value) -> Run {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let id = format!("ca{}", runs.len() + 1);
        let now = Timestamp::now().to_string();
        let state = RunState {
            status: "Queued",
            updated: now.clone(),
            started: None,
            finished: None,
            images: Vec::new(),
        };
        let run = Run {
            log: RunLog::new(self.folder.join("logs").join(format!("{id}.log"))),
            id,
            host: registry.host.clone(),
            request: request.clone(),
            created: now,
            stop: CancellationToken::new(),
            state: Arc::new(Mutex::new(state)),
        };
        runs.push(run.clone());
        run
    }

    pub fn find(&self, registry: &AzureRegistry, id: &str) -> Option<Run> {
        self.of(registry).into_iter().find(|run| run.id.eq_ignore_ascii_case(id))
    }

    /// The run whose log has this path in the storage.
    pub fn with_log(&self, path: &str) -> Option<Run> {
        let id = path.strip_prefix("logs/")?.strip_suffix("/rawtext.log")?;
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter().find(|run| run.id == id).cloned()
    }

    /// The runs of a registry, the newest first.
    pub fn of(&self, registry: &AzureRegistry) -> Vec<Run> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let own = runs.iter().rev().filter(|run| run.host == registry.host);
        own.cloned().collect()
    }
}
