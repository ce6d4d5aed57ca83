//! The event that started this: GitHub's, one from a file, or a simulated one.
//!
//! [`github`] makes the `github` context of it, [`PullRequest`] finds the pull
//! request in it, [`Trust`] says whether its code may be deployed.

pub(super) mod github;
mod pull_request;
mod simulated;
mod trust;

pub use pull_request::{Lookup, PullRequest};
pub use trust::Trust;

use super::git::Git;
use super::surroundings::HostEnvironment;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Larger than any event that GitHub sends.
const LARGEST: u64 = 32 * 1024 * 1024;

/// Where the event comes from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum EventSource {
    /// From the environment, where a workflow runs this; else there is none.
    #[default]
    Environment,
    /// From the environment, or else a simulated pull request, as a dry run
    /// takes it.
    EnvironmentOrPullRequest,
    /// A payload as GitHub sends it.
    File(PathBuf),
    /// A pull request of what is checked out.
    PullRequest,
    /// A push of what is checked out.
    Push,
}

impl EventSource {
    /// Reads `--event FILE|push|pull_request`. A file is found from `dir`.
    pub fn parse(text: &str, dir: &Path) -> Self {
        match text {
            "push" => Self::Push,
            "pull_request" => Self::PullRequest,
            file => Self::File(dir.join(file)),
        }
    }
}

/// What happened at GitHub.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Such as `pull_request`.
    pub name: String,
    /// What GitHub says of it: an object.
    pub payload: Value,
    /// Whether this process runs in the workflow that it started, so that the
    /// environment speaks of the same event.
    pub ours: bool,
}

/// An event that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The file.
    #[error("read the event in `{}`", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What is in it.
    #[error("the event in `{}` is no JSON", .path.display())]
    Json {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// It is not one.
    #[error("`{}` holds no event of GitHub", .path.display())]
    Unknown {
        /// Which.
        path: PathBuf,
    },
}

impl Event {
    /// Finds the event, if there is one.
    pub fn load(
        source: &EventSource,
        surroundings: &HostEnvironment,
        git: &Git,
        number: Option<u64>,
    ) -> Result<Option<Self>, EventError> {
        let simulate = |name: &str, payload| Self { name: name.to_owned(), payload, ours: false };
        let number = number.unwrap_or(1);
        match source {
            EventSource::Environment | EventSource::EnvironmentOrPullRequest
                if surroundings.in_actions() =>
            {
                Self::of_environment(surroundings).map(Some)
            }
            EventSource::Environment => Ok(None),
            EventSource::File(path) => Self::of_file(path).map(Some),
            EventSource::EnvironmentOrPullRequest | EventSource::PullRequest => Ok(Some(simulate(
                "pull_request",
                simulated::pull_request(surroundings, git, number),
            ))),
            EventSource::Push => Ok(Some(simulate("push", simulated::push(surroundings, git)))),
        }
    }

    /// A member of the payload, by its path.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str().filter(|text| !text.is_empty())
    }

    /// The run of a workflow that the event is about.
    fn workflow_run(&self) -> Option<&Value> {
        self.at(&["workflow_run"]).filter(|_| self.name == "workflow_run")
    }

    pub(super) fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.payload, |value, name| value.get(name))
            .filter(|value| !value.is_null())
    }

    fn of_environment(surroundings: &HostEnvironment) -> Result<Self, EventError> {
        let payload = match surroundings.var("GITHUB_EVENT_PATH") {
            Some(path) => read(Path::new(path))?,
            None => Value::Object(serde_json::Map::new()),
        };
        let name = surroundings.var("GITHUB_EVENT_NAME").unwrap_or_default().to_owned();
        Ok(Self { name, payload, ours: true })
    }

    fn of_file(path: &Path) -> Result<Self, EventError> {
        let payload = read(path)?;
        match guess_name(&payload) {
            Some(name) => Ok(Self { name: name.to_owned(), payload, ours: false }),
            None => Err(EventError::Unknown { path: path.to_owned() }),
        }
    }
}

fn read(path: &Path) -> Result<Value, EventError> {
    let failed = |source| EventError::File { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > LARGEST {
        return Err(failed(std::io::Error::other("it is larger than 32 MiB")));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let payload: Value = serde_json::from_slice(&bytes)
        .map_err(|source| EventError::Json { path: path.to_owned(), source })?;
    if payload.is_object() {
        Ok(payload)
    } else {
        Err(EventError::Unknown { path: path.to_owned() })
    }
}

/// A payload does not say what it is of: it is known by what it holds.
fn guess_name(payload: &Value) -> Option<&'static str> {
    const MARKS: [(&str, &str); 10] = [
        ("comment", "issue_comment"),
        ("pull_request", "pull_request"),
        // Both may hold the run of the workflow that made them.
        ("deployment_status", "deployment_status"),
        ("deployment", "deployment"),
        ("workflow_run", "workflow_run"),
        ("merge_group", "merge_group"),
        ("release", "release"),
        ("issue", "issues"),
        ("schedule", "schedule"),
        ("commits", "push"),
    ];
    if payload.get("review").is_some() {
        return Some("pull_request_review");
    }
    if payload.get("comment").is_some() && payload.get("pull_request").is_some() {
        return Some("pull_request_review_comment");
    }
    let found = MARKS.iter().find(|(mark, _)| payload.get(mark).is_some()).map(|(_, name)| *name);
    let dispatched = payload.get("inputs").is_some() || payload.get("workflow").is_some();
    found.or_else(|| dispatched.then_some("workflow_dispatch"))
}

#[cfg(test)]
mod tests;
