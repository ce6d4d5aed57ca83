//! Decides whether the code of an event may be deployed.
//!
//! A pull request from a fork can hold anything. Its code is built and reported, and
//! deployed only if a maintainer has named exactly this commit.

use super::load::Event;
use super::pull_request::{DEPENDABOT, PullRequest, is_foreign_run};
use crate::http::{Retry, Retryable};
use crate::resolve::git::Git;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where the code comes from.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Trust {
    /// From the repository itself, or from the user of this machine.
    #[default]
    Trusted,
    /// The event is about a pull request, of which GitHub has not told whether it comes
    /// from a fork.
    Unknown,
    /// From a fork.
    Fork {
        /// The commit at the head of the pull request, if the event names it.
        head: Option<String>,
        /// The reason, in words that fit after "because".
        why: String,
    },
}

/// A deployment that is not allowed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    message: String,
    help: String,
}

impl Retryable for Refusal {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        Some(self.help.clone())
    }
}

impl Trust {
    pub fn of(
        event: Option<&Event>,
        pull_request: Option<&PullRequest>,
        github: &Map<String, Value>,
    ) -> Self {
        let told = |member: &str| github.get(member).and_then(Value::as_str);
        let fork = |why: &str| Self::Fork {
            head: pull_request.and_then(|found| found.head_sha.clone()),
            why: why.to_owned(),
        };
        if told("actor") == Some(DEPENDABOT) {
            return fork("dependabot started it, which GitHub gives no secrets");
        }
        let run = event.and_then(Event::workflow_run);
        if run.is_some_and(|run| is_foreign_run(run).unwrap_or(true)) {
            return fork("a fork started the workflow that this one follows");
        }
        match pull_request.map(|found| (found.fork, found.author.as_deref())) {
            // Where it is not known, nothing is deployed until GitHub has told.
            None | Some((Some(false) | None, _)) => Self::Trusted,
            Some((Some(true), Some(DEPENDABOT))) => fork("the pull request is dependabot's"),
            Some((Some(true), _)) => fork("the pull request comes from a fork"),
        }
    }

    /// Whether the code may have no secret, login or other credential. `allowed` is the
    /// commit of `--allow-fork-deploy`.
    pub fn withholds(&self, allowed: Option<&str>, git: &Git) -> bool {
        match self {
            Self::Trusted => false,
            Self::Unknown => true,
            Self::Fork { .. } => self.deploy(allowed, git).is_err(),
        }
    }

    /// Checks that what is checked out may be deployed. `allowed` is the commit of
    /// `--allow-fork-deploy`: it must be the whole hash of both the pull request's
    /// head and what is checked out.
    pub fn deploy(&self, allowed: Option<&str>, git: &Git) -> Result<(), Refusal> {
        // What is not known is refused where it is looked whether the pull request is.
        let Self::Fork { head, why } = self else { return Ok(()) };
        let refuse = |message: String, help: String| Err(Refusal { message, help });
        let commit = head.as_deref().or(git.head.as_deref()).unwrap_or("SHA");
        let Some(allowed) = allowed else {
            let message = format!("nothing is deployed, because {why}");
            let help = format!(
                "a maintainer who has read commit {commit} can check it out and run with `--allow-fork-deploy {commit}`"
            );
            return refuse(message, help);
        };
        let is = |commit: Option<&String>| {
            commit.is_some_and(|commit| commit.eq_ignore_ascii_case(allowed))
        };
        if let Some(head) = head.as_ref().filter(|head| !is(Some(head))) {
            let message = format!(
                "`--allow-fork-deploy` names {allowed}, and the pull request's head is {head}"
            );
            return refuse(
                message,
                "read what has changed since, and name the whole hash of the head".to_owned(),
            );
        }
        if !is(git.head.as_ref()) {
            let here = git.head.as_deref().unwrap_or("no commit");
            let message =
                format!("`--allow-fork-deploy` names {allowed}, and {here} is checked out");
            return refuse(
                message,
                format!("check out {allowed}, with `ref:` of actions/checkout"),
            );
        }
        Ok(())
    }
}
