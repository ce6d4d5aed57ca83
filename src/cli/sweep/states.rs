//! Asks GitHub about pull requests and branches.

use crate::cli::removal::resource::TaggedResource;
use crate::cli::session::connections::Connections;
use crate::github::client::{Client, Error, Repo};
use crate::run::outcome::StepError;
use crate::run::perform::retry;
use futures::StreamExt as _;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

const MAX_PARALLEL_REQUESTS: usize = 8;

/// What GitHub says of a pull request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PullState {
    Open,
    Closed {
        at: Option<Timestamp>,
        merged: bool,
    },
    /// It could not be read, for this reason.
    Unknown(String),
}

/// What GitHub says of a branch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BranchState {
    Exists,
    Gone,
    /// It could not be read, for this reason.
    Unknown(String),
}

/// The states of all pull requests and branches that resources name.
#[derive(Clone, Debug, Default)]
pub struct States {
    pub pulls: BTreeMap<u64, PullState>,
    pub branches: BTreeMap<String, BranchState>,
}

impl States {
    /// Asks GitHub, several at a time. What cannot be read is unknown.
    pub async fn of(
        resources: &[TaggedResource],
        connections: &Connections,
        repository: &str,
    ) -> Result<Self, StepError> {
        let pulls: BTreeSet<u64> =
            resources.iter().filter_map(TaggedResource::pull_request).collect();
        let without = resources.iter().filter(|one| one.tags.pull_request.is_none());
        let branches: BTreeSet<String> =
            without.filter_map(|one| one.tags.branch.clone()).collect();
        if pulls.is_empty() && branches.is_empty() {
            return Ok(Self::default());
        }
        let Some(github) = &connections.github else {
            return Ok(Self::unknown(pulls, branches, "there is no token for GitHub"));
        };
        let (client, _) = github.client(&connections.http)?;
        let repo: Repo = repository.parse().map_err(|error: crate::github::client::BadRepo| {
            StepError::new("cannot ask GitHub").because(error.to_string())
        })?;
        let (client, repo) = (&client, &repo);
        let asked = pulls
            .into_iter()
            .map(|number| async move { (number, pull(client, repo, number).await) });
        let pulls = futures::stream::iter(asked).buffered(MAX_PARALLEL_REQUESTS).collect().await;
        let asked = branches.into_iter().map(|name| async move {
            let state = branch(client, repo, &name).await;
            (name, state)
        });
        let branches = futures::stream::iter(asked).buffered(MAX_PARALLEL_REQUESTS).collect().await;
        Ok(Self { pulls, branches })
    }

    fn unknown(pulls: BTreeSet<u64>, branches: BTreeSet<String>, why: &str) -> Self {
        let pull = |number| (number, PullState::Unknown(why.to_owned()));
        let branch = |name| (name, BranchState::Unknown(why.to_owned()));
        Self {
            pulls: pulls.into_iter().map(pull).collect(),
            branches: branches.into_iter().map(branch).collect(),
        }
    }
}

async fn pull(client: &Client, repo: &Repo, number: u64) -> PullState {
    match retry(|| client.pull(repo, number)).await {
        Ok(pull) if pull.state == "open" => PullState::Open,
        Ok(pull) if pull.state == "closed" => PullState::Closed {
            at: pull.closed_at.as_ref().and_then(|time| time.parse().ok()),
            merged: pull.merged_at.is_some(),
        },
        Ok(pull) => PullState::Unknown(format!("GitHub says `{}`", pull.state)),
        Err(error) => PullState::Unknown(why(&error)),
    }
}

async fn branch(client: &Client, repo: &Repo, name: &str) -> BranchState {
    match retry(|| client.has_branch(repo, name)).await {
        Ok(true) => BranchState::Exists,
        Ok(false) => BranchState::Gone,
        Err(error) => BranchState::Unknown(why(&error)),
    }
}

/// Short, because it is a cell of a table.
fn why(error: &Error) -> String {
    match error.source.status() {
        Some(status) => format!("GitHub answered {status}"),
        None => "GitHub did not answer".to_owned(),
    }
}
