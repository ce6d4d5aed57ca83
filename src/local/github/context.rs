//! What every endpoint is given: the repository, and the request.

use super::activity::ActivityRecord;
use super::error::GithubApiError;
use super::head::EventPullRequest;
use crate::local::files::FileError;
use crate::local::hidden::Hidden;
use crate::local::initial_state::{GitHubRepository, PullRequest};
use crate::oci::Digest;
use http::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The fields of a query, by name.
pub type Fields = BTreeMap<String, String>;

#[derive(Debug)]
pub struct RepositoryContext {
    /// `owner/name`.
    pub repository: String,
    /// A number derived from the name.
    pub repository_id: u64,
    /// The login of the token's owner.
    pub login: String,
    pull_request: EventPullRequest,
    further: Vec<PullRequest>,
    branches: Vec<String>,
    /// Roles by the login in lower case.
    collaborators: BTreeMap<String, String>,
    /// What the token may not write.
    denied: Vec<String>,
    pub record: ActivityRecord,
    token: Hidden,
}

impl RepositoryContext {
    pub fn open(
        github: &GitHubRepository,
        pull_request: EventPullRequest,
        token: Hidden,
        state: &Path,
    ) -> Result<Self, FileError> {
        // Tokens of Actions begin with `ghs_` and belong to an app, all others to
        // a person.
        let person = || github.pull_request.as_ref().map_or("octocat", |pull| pull.author.as_str());
        let app = token.expose().starts_with("ghs_");
        let login = if app { "github-actions[bot]" } else { person() };
        let digest = Digest::of(github.repository.as_bytes());
        let repository_id = u64::from_str_radix(&digest.hex()[..7], 16).unwrap_or(1);
        Ok(Self {
            repository: github.repository.clone(),
            repository_id,
            login: login.to_owned(),
            pull_request,
            further: github.pull_requests.clone(),
            branches: github.branches.clone(),
            collaborators: github
                .collaborators
                .iter()
                .map(|(login, role)| (login.to_lowercase(), role.clone()))
                .collect(),
            denied: github.denied.clone(),
            record: ActivityRecord::open(state)?,
            token,
        })
    }

    /// The role of an account, `read` if none is known.
    pub fn role_of(&self, login: &str) -> &str {
        self.collaborators.get(&login.to_lowercase()).map_or("read", String::as_str)
    }

    pub fn accepts(&self, token: &str) -> bool {
        token == self.token.expose()
    }

    /// Whether the token may write this kind of thing.
    pub fn may_write(&self, permission: &str) -> bool {
        !self.denied.iter().any(|denied| denied == permission)
    }

    pub fn default_branch(&self) -> String {
        self.pull_request.get().map_or_else(|| "main".to_owned(), |pull| pull.base_ref)
    }

    /// The commit that a branch, tag or commit id means.
    pub fn resolve(&self, reference: &str) -> String {
        let short = reference.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/");
        match self.pulls().into_iter().find(|pull| pull.head_ref == short) {
            Some(pull) => pull.head_sha,
            None if is_commit(short) => short.to_owned(),
            None => Self::commit_of(short),
        }
    }

    /// An invented commit id for a branch whose commit is unknown.
    pub fn commit_of(branch: &str) -> String {
        Digest::of(branch.as_bytes()).hex()[..40].to_owned()
    }

    pub fn pull(&self, number: &str) -> Result<PullRequest, GithubApiError> {
        let found = self.pulls().into_iter().find(|pull| pull.number.to_string() == number);
        found.ok_or_else(GithubApiError::not_found)
    }

    pub fn pulls(&self) -> Vec<PullRequest> {
        self.pull_request.get().into_iter().chain(self.further.iter().cloned()).collect()
    }

    /// The names of all branches, each once, in order.
    pub fn branches(&self) -> BTreeSet<String> {
        let open = self.pulls().into_iter().filter(|pull| pull.state == "open");
        let own = self.branches.iter().cloned();
        own.chain(open.map(|pull| pull.head_ref)).chain([self.default_branch()]).collect()
    }
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A request that was authenticated.
pub struct ApiCall {
    pub method: Method,
    pub query: Fields,
    /// `null` without a body.
    pub body: Value,
}

impl ApiCall {
    /// A string field of the body.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }
}
