//! What resolving is given: the environment, the folder, the command line.
//!
//! Nothing in `resolve` looks at the process itself, so that a test is a machine
//! of its own.

use super::event::EventSource;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where Shipway was started.
#[derive(Clone, Debug, Default)]
pub struct HostEnvironment {
    /// The variables of the process.
    pub env: BTreeMap<String, String>,
    /// The plan's folder, absolute.
    pub dir: PathBuf,
}

impl HostEnvironment {
    /// A variable that is set to something.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a workflow of GitHub, or something that acts as one, runs this.
    pub fn in_actions(&self) -> bool {
        self.var("GITHUB_ACTIONS") == Some("true") || self.var("GITHUB_EVENT_NAME").is_some()
    }
}

/// What the command line said.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `--env NAME`
    pub environment: Option<String>,
    /// `--set NAME=VALUE`, in order; the last of a name counts.
    pub set: Vec<(String, String)>,
    /// `--event`
    pub event: EventSource,
    /// `--pr N`
    pub pull_request: Option<u64>,
    /// Which run this is.
    pub run: RunIdentity,
    /// The plan as it is written. Of the variables of the process, those whose
    /// names occur in it are recorded.
    pub plan_text: String,
}

/// Which run this is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunIdentity {
    /// Its id.
    pub id: String,
    /// Counted from 1; a resumed run is the next attempt.
    pub attempt: u32,
    /// Whether it runs against the local cloud.
    pub dry_run: bool,
}
