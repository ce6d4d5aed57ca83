//! Finds the pull request that an event is about, in the payload or in the
//! reference.

use super::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// GitHub's account for updates. Workflows that it starts get no secrets.
pub const DEPENDABOT: &str = "dependabot[bot]";

/// A pull request.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PullRequest {
    pub number: u64,
    /// The commit at its head, which is not the merge that GitHub checks out.
    pub head_sha: Option<String>,
    /// The branch it comes from.
    pub branch: Option<String>,
    /// The branch it goes to.
    pub base: Option<String>,
    /// The commit of that branch which GitHub compares it with.
    pub base_sha: Option<String>,
    /// The login of the account that opened it.
    pub author: Option<String>,
    /// Whether it comes from another repository, or from dependabot. `None` if the
    /// event does not say.
    pub fork: Option<bool>,
    pub closed: bool,
}

impl PullRequest {
    /// The pull request of an event. `number` is from the command line, `reference`
    /// is `GITHUB_REF`.
    ///
    /// The payload comes before the reference, which is the base branch once a pull
    /// request was merged.
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

fn of_pull_request(event: &Event) -> Option<PullRequest> {
    let number = event.at(&["pull_request", "number"])?.as_u64()?;
    let text = |path: &[&str]| event.text(path).map(str::to_owned);
    let author = text(&["pull_request", "user", "login"]);
    let from = event.text(&["pull_request", "head", "repo", "full_name"]);
    let to = event.text(&["pull_request", "base", "repo", "full_name"]);
    let fork = is_fork(from, to, author.as_deref());
    let closed = event.text(&["pull_request", "state"]) == Some("closed")
        || event.text(&["action"]) == Some("closed");
    Some(PullRequest {
        number,
        head_sha: text(&["pull_request", "head", "sha"]),
        branch: text(&["pull_request", "head", "ref"]),
        base: text(&["pull_request", "base", "ref"]),
        base_sha: text(&["pull_request", "base", "sha"]),
        author,
        fork: Some(fork),
        closed,
    })
}

/// Whether code of the repository `from` counts as a fork's at the repository `to`.
///
/// Not `head.repo.fork`: that is true of every branch of a repository which is
/// itself a fork. A fork that has been deleted is null.
pub fn is_fork(from: Option<&str>, to: Option<&str>, author: Option<&str>) -> bool {
    from.is_none() || from != to || author == Some(DEPENDABOT)
}

/// A comment on a pull request, not on an issue: both are the same event.
fn of_comment(event: &Event) -> Option<PullRequest> {
    event.at(&["issue", "pull_request"])?;
    let number = event.at(&["issue", "number"])?.as_u64()?;
    let author = event.text(&["issue", "user", "login"]).map(str::to_owned);
    let fork = (author.as_deref() == Some(DEPENDABOT)).then_some(true);
    let closed = event.text(&["issue", "state"]) == Some("closed");
    Some(PullRequest { number, author, fork, closed, ..PullRequest::default() })
}

/// The first that is listed. GitHub lists none if a fork started the workflow.
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
        base_sha: text(["base", "sha"]),
        author: None,
        fork: Some(fork),
        // GitHub lists the open ones.
        closed: false,
    })
}

/// Whether the code of another repository started the workflow.
pub fn is_foreign_run(run: &Value) -> Option<bool> {
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
        // Only people with write access can add it to the merge queue.
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
