//! Decides whether a run may push and deploy: the right code to the right
//! environment, or nothing.
//!
//! A pure function of what is known, so that all cases stand in one table, which
//! is the snapshot of its test.

use super::error::{ResolveError, UnmatchedEnvironment};
use super::event::{Checkout, EventOrigin, LookupFailure, PullRequest, Trust};
use super::git::Git;

/// What the decision depends on.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Where the event comes from; `None` without one.
    pub origin: Option<EventOrigin>,
    /// The event's name; empty without one.
    pub event: &'a str,
    pub dry_run: bool,
    pub pull_request: Option<&'a PullRequest>,
    pub trust: &'a Trust,
    pub git: &'a Git,
    pub checkout: Checkout,
    /// Why the pull request is not known.
    pub unknown: Option<&'a LookupFailure>,
    pub environment: EnvironmentFacts<'a>,
    /// The commit of `--allow-fork-deploy`.
    pub allowed: Option<&'a str>,
}

/// The environment of a run.
#[derive(Clone, Debug)]
pub enum EnvironmentFacts<'a> {
    /// One is chosen, or the plan has none.
    Settled,
    /// The plan has these, and none of them matches.
    NoMatch(Vec<UnmatchedEnvironment>),
    /// The one that matches is protected, and the event cannot choose it.
    Withheld(&'a str),
}

/// Whether steps may push and deploy.
#[derive(Debug)]
pub enum Decision {
    Go,
    /// Such steps are left out, and the run is no failure.
    LeaveOut(LeaveOut),
    /// This is a dry run, which goes on where a real run would end.
    Note(ResolveError),
    Refuse(ResolveError),
}

/// Why steps are left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeaveOut {
    /// The code comes from a fork.
    Fork,
    /// The pull request is closed: what is deployed for it would stay for ever.
    Closed,
}

impl Facts<'_> {
    pub fn decide(&self) -> Decision {
        if self.pull_request.is_some_and(|one| one.closed) {
            return Decision::LeaveOut(LeaveOut::Closed);
        }
        match self.trust.deploy(self.allowed, self.git) {
            Ok(()) => {}
            Err(_) if self.allowed.is_none() => return Decision::LeaveOut(LeaveOut::Fork),
            Err(refusal) => return Decision::Refuse(refusal.into()),
        }
        if let Some(error) = self.environment_error() {
            // What it made up is no reason to refuse a rehearsal.
            let is_made_up = matches!(self.origin, None | Some(EventOrigin::Simulated));
            let is_withheld = matches!(error, ResolveError::Withheld { .. });
            return if self.dry_run && (is_made_up || !is_withheld) {
                Decision::Note(error)
            } else {
                Decision::Refuse(error)
            };
        }
        match self.code_error() {
            None => Decision::Go,
            // A payload in a file is rehearsed with whatever is checked out.
            Some(error) if self.dry_run && self.origin == Some(EventOrigin::File) => {
                Decision::Note(error)
            }
            Some(error @ ResolveError::UnknownCheckout { .. }) if self.dry_run => {
                Decision::Note(error)
            }
            Some(error) => Decision::Refuse(error),
        }
    }

    fn environment_error(&self) -> Option<ResolveError> {
        match &self.environment {
            EnvironmentFacts::Settled => None,
            EnvironmentFacts::NoMatch(known) => {
                Some(ResolveError::NoEnvironment { known: known.clone() })
            }
            EnvironmentFacts::Withheld(name) => Some(ResolveError::Withheld {
                environment: (*name).to_owned(),
                event: self.event.to_owned(),
            }),
        }
    }

    /// Why what is checked out is not proved to be the code of the pull request.
    fn code_error(&self) -> Option<ResolveError> {
        // A dry run takes what is checked out for the pull request that it makes up.
        if self.dry_run && matches!(self.origin, None | Some(EventOrigin::Simulated)) {
            return None;
        }
        let number = self.pull_request.map(|one| one.number);
        if let Some(failure) = self.unknown {
            return Some(ResolveError::UnknownPullRequest { number, source: failure.clone() });
        }
        let pull_request = self.pull_request?;
        let here = self.git.head.clone();
        match (self.checkout, here) {
            (Checkout::Head | Checkout::Merge, _) => None,
            (Checkout::Other, Some(here)) => Some(ResolveError::WrongCheckout {
                number: pull_request.number,
                here,
                head: pull_request.head_sha.clone(),
                remedy: self.remedy(pull_request.number),
            }),
            (Checkout::Other | Checkout::Unknown, _) => Some(ResolveError::UnknownCheckout {
                number: pull_request.number,
                why: self.git.missing.clone(),
            }),
        }
    }

    /// How to check out the pull request.
    fn remedy(&self, number: u64) -> String {
        let reference = match (self.origin, self.event) {
            (Some(EventOrigin::Workflow), name) if name.starts_with("pull_request") => {
                "${{ github.event.pull_request.head.sha }}".to_owned()
            }
            (Some(EventOrigin::Workflow), "issue_comment") => {
                "refs/pull/${{ github.event.issue.number }}/head".to_owned()
            }
            (Some(EventOrigin::Workflow), "workflow_run") => {
                "${{ github.event.workflow_run.head_sha }}".to_owned()
            }
            (Some(EventOrigin::Workflow), _) => format!("refs/pull/{number}/head"),
            _ => {
                return format!(
                    "check it out: `git fetch origin pull/{number}/head && git checkout FETCH_HEAD`"
                );
            }
        };
        format!("give actions/checkout `ref: {reference}`")
    }
}

#[cfg(test)]
mod tests;
