//! A local cloud in a process of its own, which can run containers: the built-in
//! runtime starts the program of the cloud again for each of them.

use super::cloud::client;
use serde_json::{Value, json};
use shipway::testing::local::process::{CloudStart, RunningCloud, spawn};
use shipway::testing::local::{CloudFile, LoggedRequest, RequestLog};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const MAX_START_TIME: Duration = Duration::from_mins(1);

/// A running local cloud. Dropping it ends its process and removes its state.
pub struct CloudProcess {
    /// The file for `--cloud`.
    pub path: PathBuf,
    pub file: CloudFile,
    running: Option<RunningCloud>,
    runtime: tokio::runtime::Runtime,
    state: TempDir,
}

impl CloudProcess {
    /// Starts a cloud with this world.
    pub fn start(mut world: Value) -> Self {
        world["runtime"] = "built-in".into();
        let state = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let running = runtime.block_on(spawn(CloudStart {
            program: env!("CARGO_BIN_EXE_shipway").into(),
            arguments: &["local"],
            initial_state: &serde_json::from_value(world).expect("a world"),
            state: state.path().to_owned(),
            within: MAX_START_TIME,
        }));
        let running = running.expect("a local cloud");
        Self {
            path: state.path().join("cloud.json"),
            file: running.cloud.clone(),
            running: Some(running),
            runtime,
            state,
        }
    }

    /// Starts a cloud with the resource group `demo` and a registry of this name in it, from
    /// which anyone may pull.
    pub fn with_registry(name: &str) -> Self {
        Self::start(json!({
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{
                "host": format!("{name}.azurecr.io"), "name": name, "resource-group": "demo",
                "anonymous-pull": true,
            }],
        }))
    }

    /// The same with a registry `demo`, which wants the login of its admin user.
    pub fn with_private_registry() -> Self {
        Self::start(json!({
            "resource-groups": [{"name": "demo", "location": "westeurope"}],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "admin-user": true,
            }],
        }))
    }

    /// The folder of its state.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    pub fn client(&self) -> reqwest::Client {
        client(&self.file)
    }

    /// What was written at GitHub: `comments`, `deployments` and `statuses`.
    pub fn github(&self) -> Value {
        let text = fs::read_to_string(self.state().join("github.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The comments on the pull request.
    pub fn comments(&self) -> Vec<String> {
        let comments = self.github()["comments"].as_array().cloned().unwrap_or_default();
        comments.iter().map(|one| one["body"].as_str().expect("a body").to_owned()).collect()
    }

    /// The requests that were answered so far.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        RequestLog::read(&self.file.request_log).expect("a log")
    }
}

impl Drop for CloudProcess {
    fn drop(&mut self) {
        // Before its folder is removed: until it has ended, it writes there.
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop()).expect("the cloud ends");
        }
    }
}
