//! Revisions of an app and what runs of them, as Azure reports it.

use super::app::text;
use serde::Deserialize;
use serde_json::Value;

/// A version of an app. Only a change of what runs makes a new one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Revision {
    pub document: Value,
}

impl Revision {
    /// `Healthy`, `Unhealthy` or `None`.
    pub fn health(&self) -> &str {
        text(&self.document["properties"]["healthState"])
    }

    /// Such as `Running`, `Processing` or `Failed`.
    pub fn running_state(&self) -> &str {
        text(&self.document["properties"]["runningState"])
    }

    /// Such as `Provisioned` or `Failed`.
    pub fn provisioning_state(&self) -> &str {
        text(&self.document["properties"]["provisioningState"])
    }

    /// Why it was not provisioned; empty where it was.
    pub fn provisioning_error(&self) -> &str {
        text(&self.document["properties"]["provisioningError"])
    }
}

/// A copy of a revision that runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Replica {
    pub name: String,
    pub properties: ReplicaProperties,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicaProperties {
    pub created_time: Option<String>,
    pub containers: Vec<ReplicaContainer>,
}

/// A container of a replica.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicaContainer {
    pub name: String,
    pub ready: bool,
    pub restart_count: u32,
    /// `Running`, `Waiting` or `Terminated`.
    pub running_state: Option<String>,
    /// Why it does not run, in Azure's words.
    pub running_state_details: Option<String>,
    pub log_stream_endpoint: Option<String>,
    pub exec_endpoint: Option<String>,
}

impl ReplicaContainer {
    pub fn is_running(&self) -> bool {
        self.running_state.as_deref() == Some("Running")
    }

    /// Its state in one line.
    pub fn describe(&self) -> String {
        let state = self.running_state.as_deref().unwrap_or("not started yet");
        let mut line = format!("`{}`: {state}", self.name);
        if let Some(details) = self.running_state_details.as_deref().filter(|it| !it.is_empty()) {
            line.push_str(", ");
            line.push_str(details);
        }
        if self.restart_count > 0 {
            line.push_str(", ");
            line.push_str(&self.restart_count.to_string());
            line.push_str(" restarts");
        }
        line
    }
}
