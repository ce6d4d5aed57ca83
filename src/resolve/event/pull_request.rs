//! Which pull request an event is about.
//!
//! Only what the payload and the reference say. Where neither does, a
//! [`Lookup`] says what to ask GitHub.

use super::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// GitHub's own account, which has no secrets when it starts a workflow.
pub(super) const DEPENDABOT: &str = "dependabot[bot]";

/// A pull request.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// The commit at its head: not the temporary merge that GitHub checks out.
    pub head_sha: Option<String>,
    /// The branch it comes from.
    pub branch: Option<String>,
    /// The branch it goes to.
    pub base: Option<String>,
    /// Who opened it.
    pub author: Option<String>,
    /// Whether it comes from elsewhere, or from dependabot. Unknown where the
    /// event does not say.
    pub fork: Option<bool>,
}

/// What to ask GitHub where the event does not name the pull request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Lookup {
    /// Open ones from this branch, whose head is this commit: the events of
    /// workflows that a fork started do not list them.
    Head {
        /// `owner:branch`
        head: String,
        /// The commit.
        sha: String,
    },
    /// Open ones that hold this commit.
    Commit {
        /// The commit.
        sha: String,
    },
}

impl PullRequest {
    /// The pull request of an event. `number` is what the command line said,
    /// `reference` is `GITHUB_REF`.
    ///
    /// The payload comes before the reference: when one was merged, that is the
    /// base branch.
    pub fn find(event: &Event, number: Option<u64>, reference: Option<&str>) -> Option<Self> {
        let found = [of_pull_request, of_comment, of_workflow_run, of_merge_group]
            .iter()
            .find_map(|of| of(event))
            .or_else(|| of_reference(reference?));
        match number {
            Some(number) if found.as_ref().is_none_or(|found| found.number != number) => {
                Some(Self { number, ..Self::default() })
            }
            _ => found,
        }
    }

    /// `pr-12`, for names and tags.
    pub fn slug(&self) -> String {
        format!("pr-{}", self.number)
    }
}

impl Lookup {
    /// What to ask about an event that names no pull request.
    pub fn of(event: &Event) -> Option<Self> {
        if let Some(run) = event.workflow_run() {
            let owner = run.get("head_repository")?.get("owner")?.get("login")?.as_str()?;
            let branch = run.get("head_branch")?.as_str()?;
            let sha = run.get("head_sha")?.as_str()?.to_owned();
            return Some(Self::Head { head: format!("{owner}:{branch}"), sha });
        }
        let is_branch = event.name == "push" && event.text(&["ref"])?.starts_with("refs/heads/");
        let sha = event.text(&["after"]).filter(|sha| sha.bytes().any(|digit| digit != b'0'))?;
        is_branch.then(|| Self::Commit { sha: sha.to_owned() })
    }
}

fn of_pull_request(event: &Event) -> Option<PullRequest> {
    let number = event.at(&["pull_request", "number"])?.as_u64()?;
    let text = |path: &[&str]| event.text(path).map(str::to_owned);
    let author = text(&["pull_request", "user", "login"]);
    // Not `head.repo.fork`: that is true of every branch of a repository which
    // is itself a fork. A fork that has been deleted is null.
    let from = event.text(&["pull_request", "head", "repo", "full_name"]);
    let to = event.text(&["pull_request", "base", "repo", "full_name"]);
    let fork = from.is_none() || from != to || author.as_deref() == Some(DEPENDABOT);
    Some(PullRequest {
        number,
        head_sha: text(&["pull_request", "head", "sha"]),
        branch: text(&["pull_request", "head", "ref"]),
        base: text(&["pull_request", "base", "ref"]),
        author,
        fork: Some(fork),
    })
}

/// A comment on a pull request, not on an issue: both are the same event.
fn of_comment(event: &Event) -> Option<PullRequest> {
    event.at(&["issue", "pull_request"])?;
    let number = event.at(&["issue", "number"])?.as_u64()?;
    let author = event.text(&["issue", "user", "login"]).map(str::to_owned);
    let fork = (author.as_deref() == Some(DEPENDABOT)).then_some(true);
    Some(PullRequest { number, author, fork, ..PullRequest::default() })
}

/// The first that is listed. None is where a fork started the workflow.
fn of_workflow_run(event: &Event) -> Option<PullRequest> {
    let run = event.workflow_run()?;
    let listed = run.get("pull_requests")?.get(0)?;
    let text = |path: [&str; 2]| Some(listed.get(path[0])?.get(path[1])?.as_str()?.to_owned());
    let repository = |at: &str| listed.get(at)?.get("repo")?.get("id")?.as_u64();
    let started_elsewhere = is_foreign_run(run).unwrap_or(true);
    let fork = started_elsewhere
        || repository("head").is_none()
        || repository("head") != repository("base");
    Some(PullRequest {
        number: listed.get("number")?.as_u64()?,
        head_sha: text(["head", "sha"]),
        branch: text(["head", "ref"]),
        base: text(["base", "ref"]),
        author: None,
        fork: Some(fork),
    })
}

/// Whether another repository's code started the workflow.
pub(super) fn is_foreign_run(run: &Value) -> Option<bool> {
    let name = |at: &str| run.get(at)?.get("full_name")?.as_str();
    if run.get("actor").and_then(|actor| actor.get("login")?.as_str()) == Some(DEPENDABOT) {
        return Some(true);
    }
    Some(name("head_repository")? != name("repository")?)
}

/// `refs/heads/gh-readonly-queue/main/pr-104-929f…`
fn of_merge_group(event: &Event) -> Option<PullRequest> {
    let head = event.text(&["merge_group", "head_ref"])?;
    let (_, last) = head.rsplit_once("/pr-")?;
    let (number, _) = last.split_once('-')?;
    let base = event.text(&["merge_group", "base_ref"])?;
    Some(PullRequest {
        number: number.parse().ok()?,
        base: Some(base.strip_prefix("refs/heads/").unwrap_or(base).to_owned()),
        // It is in the queue of this repository because someone put it there.
        fork: Some(false),
        ..PullRequest::default()
    })
}

/// `refs/pull/12/merge` or `…/head`
fn of_reference(reference: &str) -> Option<PullRequest> {
    let (number, end) = reference.strip_prefix("refs/pull/")?.split_once('/')?;
    let number = number.parse().ok().filter(|_| ["merge", "head"].contains(&end))?;
    Some(PullRequest { number, ..PullRequest::default() })
}
