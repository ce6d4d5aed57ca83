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
    pub fn name(&self) -> &str {
        text(&self.document["name"])
    }

    /// What it runs.
    pub fn template(&self) -> &Value {
        &self.document["properties"]["template"]
    }

    /// Whether it runs, or would with a request.
    pub fn is_active(&self) -> bool {
        self.document["properties"]["active"] == true
    }

    /// The name under which it alone is reached; empty without ingress.
    pub fn fqdn(&self) -> &str {
        text(&self.document["properties"]["fqdn"])
    }

    /// When it was made; texts of one app are in the order of time.
    pub fn created(&self) -> &str {
        text(&self.document["properties"]["createdTime"])
    }

    /// Whether it can take requests: one that nothing asks may be scaled to nothing.
    pub fn is_ready(&self) -> bool {
        let is = |state: &str, word: &str| state.eq_ignore_ascii_case(word);
        let running = self.running_state();
        let runs = is(self.health(), "Healthy")
            || running.to_ascii_lowercase().starts_with("running")
            || is(running, "ScaledToZero");
        self.is_active() && is(self.provisioning_state(), "Provisioned") && runs
    }

    /// The names of the secrets that its variables have.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        secrets_of(self.template())
    }

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

/// The names of the secrets that the variables of a template have.
pub fn secrets_of(template: &Value) -> impl Iterator<Item = &str> {
    let containers = template["containers"].as_array().into_iter().flatten();
    let env = containers.flat_map(|container| container["env"].as_array().into_iter().flatten());
    env.map(|variable| text(&variable["secretRef"])).filter(|name| !name.is_empty())
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
