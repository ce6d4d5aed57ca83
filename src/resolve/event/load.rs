//! Reads or simulates the event.

use super::simulated;
use crate::resolve::git::Git;
use crate::resolve::inputs::{EventSource, HostEnvironment};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// GitHub sends at most 25 MB to a webhook.
const MAX_EVENT_BYTES: u64 = 32 * 1024 * 1024;

/// An event of GitHub.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The name, such as `pull_request`.
    pub name: String,
    /// A JSON object.
    pub payload: Value,
    pub origin: EventOrigin,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventOrigin {
    /// It started the workflow that runs this process, so that the `GITHUB_*`
    /// variables describe the same event.
    Workflow,
    /// A payload in a file.
    File,
    /// Made up from what is checked out.
    Simulated,
}

/// An event that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error("cannot read the event in `{}`", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the event in `{}` is not JSON", .path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("`{}` is not an event of GitHub", .path.display())]
    Unknown { path: PathBuf },
    /// Of the file that `--event` names.
    #[error(transparent)]
    Given(Box<Self>),
}

impl Event {
    /// The event of a source, or `None` outside of GitHub Actions.
    pub fn load(
        source: &EventSource,
        host: &HostEnvironment,
        git: &Git,
        number: Option<u64>,
    ) -> Result<Option<Self>, EventError> {
        let simulate = |name: &str, payload| Self {
            name: name.to_owned(),
            payload,
            origin: EventOrigin::Simulated,
        };
        let number = number.unwrap_or(1);
        match source {
            EventSource::Environment | EventSource::EnvironmentOrPullRequest
                if host.in_actions() =>
            {
                Self::of_environment(host).map(Some)
            }
            EventSource::Environment => Ok(None),
            EventSource::File(path) => {
                Self::of_file(path).map(Some).map_err(|error| EventError::Given(Box::new(error)))
            }
            EventSource::EnvironmentOrPullRequest | EventSource::PullRequest => {
                Ok(Some(simulate("pull_request", simulated::pull_request(host, git, number))))
            }
            EventSource::Push => Ok(Some(simulate("push", simulated::push(host, git)))),
        }
    }

    /// Whether the `GITHUB_*` variables describe it.
    pub fn is_ours(&self) -> bool {
        self.origin == EventOrigin::Workflow
    }

    /// A member of the payload by its path, if it is a string and not empty.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str().filter(|text| !text.is_empty())
    }

    /// The workflow run that a `workflow_run` event is about.
    pub fn workflow_run(&self) -> Option<&Value> {
        self.at(&["workflow_run"]).filter(|_| self.name == "workflow_run")
    }

    /// A member of the payload by its path, if it is not null.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.payload, |value, name| value.get(name))
            .filter(|value| !value.is_null())
    }

    fn of_environment(host: &HostEnvironment) -> Result<Self, EventError> {
        let payload = match host.var("GITHUB_EVENT_PATH") {
            Some(path) => read(Path::new(path))?,
            None => Value::Object(serde_json::Map::new()),
        };
        let name = host.var("GITHUB_EVENT_NAME").unwrap_or_default().to_owned();
        Ok(Self { name, payload, origin: EventOrigin::Workflow })
    }

    fn of_file(path: &Path) -> Result<Self, EventError> {
        let payload = read(path)?;
        match guess_name(&payload) {
            Some(name) => Ok(Self { name: name.to_owned(), payload, origin: EventOrigin::File }),
            None => Err(EventError::Unknown { path: path.to_owned() }),
        }
    }
}

fn read(path: &Path) -> Result<Value, EventError> {
    let failed = |source| EventError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_EVENT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_EVENT_BYTES {
        return Err(failed(std::io::Error::other("it is larger than 32 MiB")));
    }
    let payload: Value = serde_json::from_slice(&bytes)
        .map_err(|source| EventError::Json { path: path.to_owned(), source })?;
    if payload.is_object() {
        Ok(payload)
    } else {
        Err(EventError::Unknown { path: path.to_owned() })
    }
}

/// The name of the event. A payload does not say it, so it is guessed from the
/// members that only this event has.
pub fn guess_name(payload: &Value) -> Option<&'static str> {
    const MARKS: [(&str, &str); 10] = [
        ("comment", "issue_comment"),
        ("pull_request", "pull_request"),
        // Before `workflow_run`, which both of these may hold too.
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
