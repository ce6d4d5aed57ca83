//! What resolving is given: the plan, the environment, the command line.
//!
//! Nothing else in `resolve` reads variables or the command line, so that a test
//! can describe a whole machine.

use crate::plan::schema::Plan;
use crate::secret::Redactor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the contexts of a run are made from.
#[derive(Clone, Copy)]
pub struct ResolveInputs<'a> {
    pub plan: &'a Plan,
    pub host: &'a HostEnvironment,
    /// Secrets that are found on the way are registered here.
    pub redactor: &'a Redactor,
    /// The commit of `--allow-fork-deploy`.
    pub allowed: Option<&'a str>,
}

/// The machine and the folder of the plan.
#[derive(Clone, Debug, Default)]
pub struct HostEnvironment {
    /// The variables of the process.
    pub env: BTreeMap<String, String>,
    /// The plan's folder, absolute.
    pub dir: PathBuf,
    /// `owner/name` that a folder without a remote is of: that of the local cloud which the
    /// command line names.
    pub cloud_repository: Option<String>,
}

impl HostEnvironment {
    /// A variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether this process runs in a GitHub workflow, or in a tool that acts as
    /// one.
    pub fn in_actions(&self) -> bool {
        self.var("GITHUB_ACTIONS") == Some("true") || self.var("GITHUB_EVENT_NAME").is_some()
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct ResolveRequest {
    /// `--env NAME`
    pub environment: Option<String>,
    /// `--set NAME=VALUE`, in order. The last of a name counts.
    pub set: Vec<(String, String)>,
    /// `--event`
    pub event: EventSource,
    /// `--pr N`
    pub pull_request: Option<u64>,
    pub run: RunIdentity,
    /// Whether a protected environment may be chosen with any tree, because nothing
    /// of the tree is deployed.
    pub any_tree: bool,
    /// What the `git` context is about instead of what is checked out.
    pub source: Option<SourceCommit>,
    /// The text of the plan. Only the variables of the process whose names occur
    /// in it are recorded.
    pub plan_text: String,
}

/// The commit that a version which is put back was made from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SourceCommit {
    pub commit: Option<String>,
    /// The commit time in seconds since 1970.
    pub committed: Option<i64>,
    /// `None` leaves the branch that is checked out.
    pub branch: Option<String>,
    /// Whether the tree had changes beside it.
    pub dirty: bool,
}

/// The `run` context.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunIdentity {
    pub id: String,
    /// When it began, as RFC 3339 has it; a resumed run began when it was first started.
    #[serde(default)]
    pub started: Option<String>,
    /// Counted from 1.
    pub attempt: u32,
    pub dry_run: bool,
}

/// Where the event comes from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum EventSource {
    /// The workflow that runs this process. Elsewhere there is no event.
    #[default]
    Environment,
    /// The workflow that runs this process. Elsewhere a simulated pull request, as
    /// in a dry run.
    EnvironmentOrPullRequest,
    /// A file with a payload as GitHub sends it.
    File(PathBuf),
    /// A simulated pull request of what is checked out.
    PullRequest,
    /// A simulated push of what is checked out.
    Push,
}

impl EventSource {
    /// Reads `--event FILE|push|pull_request`. The file is relative to `dir`.
    pub fn parse(text: &str, dir: &Path) -> Self {
        match text {
            "push" => Self::Push,
            "pull_request" => Self::PullRequest,
            file => Self::File(dir.join(file)),
        }
    }
}
