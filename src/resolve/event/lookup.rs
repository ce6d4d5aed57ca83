//! What to ask GitHub about the pull request, where the event does not describe it.

use super::{Event, EventOrigin, PullRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The branches that GitHub makes for its merge queue. They have no pull request.
const QUEUE: &str = "gh-readonly-queue/";

/// A question about pull requests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PullRequestQuery {
    /// The one with this number.
    Number(u64),
    /// The open ones of a branch.
    Branch { owner: String, branch: String, commit: String },
    /// The open ones that hold a commit, where its branch is gone.
    Commit(String),
}

/// Why GitHub did not answer.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("{}", .chain.join(": "))]
pub struct LookupFailure {
    /// The error and its causes.
    pub chain: Vec<String>,
    pub help: Option<String>,
}

impl PullRequestQuery {
    /// The question that completes what is known, if one is needed.
    pub fn of(
        event: Option<&Event>,
        known: Option<&PullRequest>,
        github: &Map<String, Value>,
    ) -> Option<Self> {
        let is_in_queue = event.is_some_and(|event| event.name == "merge_group");
        if let Some(known) = known {
            let has_head = known.head_sha.is_some() || is_in_queue;
            return (!has_head || known.fork.is_none()).then_some(Self::Number(known.number));
        }
        let event = event?;
        of_workflow_run(event).or_else(|| of_push(event, github))
    }

    /// The question about a pull request that was made up from what is checked out:
    /// whether there is one.
    pub fn of_simulated(
        event: &Event,
        number: Option<u64>,
        github: &Map<String, Value>,
    ) -> Option<Self> {
        if event.origin != EventOrigin::Simulated || event.name != "pull_request" {
            return None;
        }
        if let Some(number) = number {
            return Some(Self::Number(number));
        }
        let text = |path: &[&str]| event.text(path).map(str::to_owned);
        Some(Self::Branch {
            owner: github.get("repository_owner")?.as_str()?.to_owned(),
            branch: text(&["pull_request", "head", "ref"])?,
            commit: text(&["pull_request", "head", "sha"])?,
        })
    }

    /// Chooses from what GitHub lists: the one whose head is the commit of the
    /// event, else the first. A push counts for a pull request only with its head.
    pub fn choose(
        &self,
        event: Option<&Event>,
        mut listed: Vec<PullRequest>,
    ) -> Option<PullRequest> {
        let commit = match self {
            Self::Number(number) => return listed.into_iter().find(|one| one.number == *number),
            Self::Branch { commit, .. } | Self::Commit(commit) => commit,
        };
        listed.retain(|one| !one.closed);
        let exact = listed.iter().position(|one| one.head_sha.as_ref() == Some(commit));
        let is_push = event.is_some_and(|event| event.name == "push");
        match exact {
            Some(at) => Some(listed.swap_remove(at)),
            None if is_push => None,
            None => listed.into_iter().next(),
        }
    }
}

/// GitHub lists no pull requests of a run that a fork started.
fn of_workflow_run(event: &Event) -> Option<PullRequestQuery> {
    let run = event.workflow_run()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let commit = run.get("head_sha").and_then(text)?;
    let branch = run.get("head_branch").and_then(text);
    // Null once the fork was deleted.
    let owner = run.pointer("/head_repository/owner/login").and_then(text);
    Some(match (owner, branch) {
        (Some(owner), Some(branch)) => PullRequestQuery::Branch { owner, branch, commit },
        _ => PullRequestQuery::Commit(commit),
    })
}

/// The default branch is what pull requests go to, not where they come from.
fn of_push(event: &Event, github: &Map<String, Value>) -> Option<PullRequestQuery> {
    let told = |member: &str| github.get(member).and_then(Value::as_str);
    let is_deleted = event.at(&["deleted"]) == Some(&Value::Bool(true));
    if event.name != "push" || event.origin == EventOrigin::Simulated || is_deleted {
        return None;
    }
    let branch = told("ref")?.strip_prefix("refs/heads/")?;
    let is_default = event.text(&["repository", "default_branch"]) == Some(branch);
    if is_default || branch.starts_with(QUEUE) {
        return None;
    }
    Some(PullRequestQuery::Branch {
        owner: told("repository")?.split_once('/')?.0.to_owned(),
        branch: branch.to_owned(),
        commit: told("sha")?.to_owned(),
    })
}
