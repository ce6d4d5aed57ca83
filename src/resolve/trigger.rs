//! What started the run, and the source that it works on: everything that is known
//! before the plan is looked at.

use super::credentials;
use super::event::{
    Checkout, Event, EventError, EventOrigin, LookupFailure, PullRequest, PullRequestQuery, Trust,
    github,
};
use super::git::Git;
use super::inputs::{ResolveInputs, ResolveRequest};
use serde_json::{Map, Value};
use std::fmt;

/// The events for which GitHub checks out a merge of the pull request.
const MERGED_EVENTS: [&str; 3] =
    ["pull_request", "pull_request_review", "pull_request_review_comment"];

pub struct Trigger {
    pub git: Git,
    pub event: Option<Event>,
    /// The `github` context.
    pub github: Map<String, Value>,
    pub pull_request: Option<PullRequest>,
    /// Why GitHub did not tell what the event leaves out.
    pub unknown: Option<LookupFailure>,
    /// What is assumed.
    pub notices: Vec<String>,
}

/// A commit of the branch that a pull request goes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BaseCommit {
    pub commit: String,
    pub branch: String,
}

/// Such as "commit 1234567 of `main`".
impl fmt::Display for BaseCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, branch } = self;
        write!(f, "commit {} of `{branch}`", commit.get(..7).unwrap_or(commit))
    }
}

impl Trigger {
    /// Reads git and the event. First it masks every credential of the process's
    /// environment.
    pub fn read(inputs: &ResolveInputs<'_>, request: &ResolveRequest) -> Result<Self, EventError> {
        credentials::mask(&inputs.host.env, inputs.redactor);
        let git = Git::read(inputs.host).or_of(inputs.host.cloud_repository.as_deref());
        let event = Event::load(&request.event, inputs.host, &git, request.pull_request)?;
        let github = github::context(event.as_ref(), inputs.host);
        let reference = github.get("ref").and_then(Value::as_str);
        let pull_request = match &event {
            Some(event) => PullRequest::find(event, request.pull_request, reference),
            None => {
                request.pull_request.map(|number| PullRequest { number, ..PullRequest::default() })
            }
        };
        let (unknown, notices) = (None, Vec::new());
        let mut trigger = Self { git, event, github, pull_request, unknown, notices };
        if request.run.dry_run {
            let is_used = request.pull_request.is_some() || speaks_of_pull_request(request);
            trigger.assume(is_used);
        }
        Ok(trigger)
    }

    /// What to ask GitHub. A dry run asks nothing.
    pub fn query(&self, request: &ResolveRequest) -> Option<PullRequestQuery> {
        if request.run.dry_run {
            return None;
        }
        let event = self.event.as_ref();
        let simulated = event.and_then(|event| {
            PullRequestQuery::of_simulated(event, request.pull_request, &self.github)
        });
        simulated.or_else(|| PullRequestQuery::of(event, self.pull_request.as_ref(), &self.github))
    }

    /// Takes the answer to the query.
    pub fn answer(
        &mut self,
        query: &PullRequestQuery,
        answer: Result<Vec<PullRequest>, LookupFailure>,
    ) {
        let is_push = self.event.as_ref().is_some_and(|event| event.name == "push");
        match answer {
            Ok(listed) => {
                self.pull_request = query.choose(self.event.as_ref(), listed);
                if self.pull_request.is_none() {
                    self.miss(query);
                }
            }
            // What is pushed is the branch's own code, whatever pull request it has.
            Err(failure) if is_push && self.pull_request.is_none() => {
                let help = failure.help.as_ref().map(|help| format!(" ({help})"));
                let help = help.unwrap_or_default();
                self.notices
                    .push(format!("the pull request of this branch is not known: {failure}{help}"));
            }
            Err(failure) => self.unknown = Some(failure),
        }
    }

    /// Notes that there is no pull request where the event is about one.
    fn miss(&mut self, query: &PullRequestQuery) {
        let Some(event) = &self.event else { return };
        let started_by = event.workflow_run().and_then(|run| run.get("event")?.as_str());
        let is_about_one = event.origin == EventOrigin::Simulated
            || started_by.is_some_and(|name| name.starts_with("pull_request"));
        if !is_about_one {
            return;
        }
        let what = match query {
            PullRequestQuery::Number(number) => format!("there is no pull request {number}"),
            PullRequestQuery::Branch { owner, branch, .. } => {
                format!("there is no open pull request of `{owner}:{branch}`")
            }
            PullRequestQuery::Commit(commit) => {
                format!("there is no open pull request with commit {commit}")
            }
        };
        self.unknown = Some(LookupFailure { chain: vec![what], help: None });
    }

    /// Whether the code is a fork's.
    pub fn is_of_fork(&self) -> bool {
        let trust = Trust::of(self.event.as_ref(), self.pull_request.as_ref(), &self.github);
        matches!(trust, Trust::Fork { .. })
    }

    /// The commit of the branch that the pull request goes to. Events that have the secrets
    /// of the repository are of its default branch, and name the newest commit of it.
    pub fn base_commit(&self) -> Option<BaseCommit> {
        let found = self.pull_request.as_ref()?;
        let branch = found.base.clone()?;
        let is_told = self.is_ours() && self.told("ref") == Some(&format!("refs/heads/{branch}"));
        let newest = self.told("sha").filter(|_| is_told).map(str::to_owned);
        Some(BaseCommit { commit: newest.or_else(|| found.base_sha.clone())?, branch })
    }

    /// Corrects git by the event: Actions checks out a merge where the head of the
    /// pull request is meant, and a commit where a branch or tag is meant. Returns
    /// what is checked out of the pull request.
    pub fn correct_git(&mut self) -> Checkout {
        let checkout = self.checkout();
        if self.git.missing.is_some() {
            self.fill_git();
        }
        let is_merged = self.told("event_name").is_some_and(|name| MERGED_EVENTS.contains(&name));
        let is_assumed = is_merged && (checkout == Checkout::Unknown || !self.is_ours());
        if let Some(found) = &self.pull_request
            && (checkout.is_of_pull_request() || is_assumed)
        {
            let git = &mut self.git;
            git.sha = found.head_sha.clone().or_else(|| git.sha.take());
            git.branch = found.branch.clone().or_else(|| git.branch.take());
            return checkout;
        }
        let told = |member: &str| told(&self.github, member).map(str::to_owned);
        let is_simulated =
            self.event.as_ref().is_some_and(|event| event.origin == EventOrigin::Simulated);
        let here = self.git.head.is_some() && self.git.head == told("sha") && !is_simulated;
        let (kind, name) = (told("ref_type").filter(|_| here), told("ref_name"));
        match kind.as_deref() {
            Some("tag") => self.git.tag = name.or_else(|| self.git.tag.take()),
            Some("branch") if self.git.branch.is_none() => self.git.branch = name,
            _ => {}
        }
        checkout
    }

    fn checkout(&self) -> Checkout {
        let Some(pull_request) = &self.pull_request else { return Checkout::Unknown };
        let own = self.event.as_ref().filter(|event| event.is_ours()).filter(|event| {
            let named = PullRequest::find(event, None, self.told("ref"));
            named.is_some_and(|named| named.number == pull_request.number)
        });
        let is_merged = |event: &&Event| {
            MERGED_EVENTS.contains(&event.name.as_str()) || event.name == "merge_group"
        };
        let merge = own.filter(is_merged).and_then(|_| self.told("sha"));
        Checkout::of(pull_request, &self.git, merge)
    }

    /// Takes from GitHub's variables what git did not tell.
    fn fill_git(&mut self) {
        if !self.is_ours() {
            return;
        }
        let told = |member: &str| told(&self.github, member).map(str::to_owned);
        if let (Some(server), Some(repository)) = (told("server_url"), told("repository")) {
            self.git.remote = Some(format!("{server}/{repository}"));
        }
        let commit = told("sha");
        if self.git.head.is_some() && self.git.head != commit {
            return;
        }
        let (kind, name) = (told("ref_type"), told("ref_name"));
        // The reference of a pull request counts as a branch there, named `7/merge`.
        let is_pull_request = told("ref").is_some_and(|name| name.starts_with("refs/pull/"));
        match kind.as_deref() {
            Some("tag") => self.git.tag = name,
            Some("branch") if !is_pull_request => self.git.branch = name,
            _ => {}
        }
        let pushed = self
            .event
            .as_ref()
            .filter(|event| event.text(&["head_commit", "id"]) == commit.as_deref());
        let time = pushed.and_then(|event| event.text(&["head_commit", "timestamp"]));
        let time = time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
        self.git.committed = time.map(jiff::Timestamp::as_second);
        self.git.sha = commit;
    }

    /// Fills what a dry run would have to ask GitHub for, and notes it where it `is_used`.
    fn assume(&mut self, is_used: bool) {
        let Some(known) = &self.pull_request else { return };
        if PullRequestQuery::of(self.event.as_ref(), Some(known), &self.github).is_none() {
            return;
        }
        let event = self.event.as_ref();
        let base = event.and_then(|event| event.text(&["repository", "default_branch"]));
        let assumed = PullRequest {
            head_sha: known.head_sha.clone().or_else(|| self.git.sha.clone()),
            branch: known.branch.clone().or_else(|| self.git.branch.clone()),
            base: known.base.clone().or_else(|| Some(base.unwrap_or("main").to_owned())),
            fork: known.fork.or(Some(false)),
            ..known.clone()
        };
        if is_used {
            self.notices.push(format!(
                "a dry run does not ask GitHub about pull request {}: what is checked out stands for its head, and it comes from no fork",
                assumed.number
            ));
        }
        self.pull_request = Some(assumed);
    }

    /// The repository, `owner/name`, from the event or else from git's remote.
    pub fn repository(&self) -> Option<String> {
        let told = self.told("repository").map(str::to_owned);
        told.or_else(|| Some(self.git.repository()?.full_name()))
    }

    fn is_ours(&self) -> bool {
        self.event.as_ref().is_some_and(|event| event.origin == EventOrigin::Workflow)
    }

    fn told(&self, member: &str) -> Option<&str> {
        told(&self.github, member)
    }
}

/// Whether the plan says anything of pull requests.
fn speaks_of_pull_request(request: &ResolveRequest) -> bool {
    ["pr.", "pull_request", "pull-request"].iter().any(|word| request.plan_text.contains(word))
}

fn told<'g>(github: &'g Map<String, Value>, member: &str) -> Option<&'g str> {
    github.get(member).and_then(Value::as_str).filter(|text| !text.is_empty())
}
