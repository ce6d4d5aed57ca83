//! Why contexts cannot be resolved.

use super::event::{EventError, LookupFailure, Refusal};
use super::git::safe_directory;
use crate::http::{Retry, Retryable};
use crate::plan::expr::EvalError;
use crate::plan::schema::{PROTECTED_EVENTS, Plan};
use std::fmt;

/// An environment whose `if` is false.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnmatchedEnvironment {
    pub name: String,
    /// Its `if`, as the plan spells it.
    pub condition: String,
}

impl UnmatchedEnvironment {
    pub fn all(plan: &Plan) -> Vec<Self> {
        let conditions = plan.environments.iter().map(|(name, environment)| Self {
            name: name.value.clone(),
            condition: environment.condition.as_ref().map_or_else(String::new, |condition| {
                condition.source.split_whitespace().collect::<Vec<_>>().join(" ")
            }),
        });
        conditions.collect()
    }
}

impl fmt::Display for UnmatchedEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, condition } = self;
        write!(f, "`{name}` needs `{condition}`, or `--env {name}`")
    }
}

/// Contexts that cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// An expression of the plan, at its span.
    #[error(transparent)]
    Expression(#[from] EvalError),
    #[error(transparent)]
    Event(#[from] EventError),
    /// Of `--env`.
    #[error("there is no environment `{name}`")]
    UnknownEnvironment {
        name: String,
        known: Vec<String>,
        /// The known name closest to it.
        near: Option<String>,
    },
    /// Of a run that pushes or deploys.
    #[error("no environment matches this run, and its steps push or deploy")]
    NoEnvironment { known: Vec<UnmatchedEnvironment> },
    /// Of a run that pushes or deploys.
    #[error("`{environment}` is protected, and {} cannot choose it", cause(.event))]
    Withheld {
        environment: String,
        /// The event's name; empty without an event.
        event: String,
    },
    /// Of `--set`.
    #[error("there is no variable `{name}`")]
    UnknownVariable {
        name: String,
        known: Vec<String>,
        /// The known name closest to it.
        near: Option<String>,
    },
    /// Of a protected environment.
    #[error("`{environment}` is protected, and the tree differs from its commit: {files}")]
    DirtyTree {
        environment: String,
        /// The first files that differ.
        files: String,
    },
    /// Of a protected environment.
    #[error("`{environment}` is protected, and there is no commit to deploy: {why}")]
    NoCommit { environment: String, why: String },
    /// Of the code of a fork.
    #[error(transparent)]
    Fork(#[from] Refusal),
    /// Of a run that pushes or deploys.
    #[error("nothing is pushed or deployed, because {} is not known", named(*.number))]
    UnknownPullRequest { number: Option<u64>, source: LookupFailure },
    /// Of a run that pushes or deploys.
    #[error(
        "nothing is pushed or deployed, because commit {} is checked out, which is neither \
         the head of pull request {number}{} nor its merge commit",
        short(.here),
        .head.as_ref().map(|head| format!(" ({})", short(head))).unwrap_or_default()
    )]
    WrongCheckout { number: u64, here: String, head: Option<String>, remedy: String },
    /// Of a run that pushes or deploys.
    #[error(
        "nothing is pushed or deployed, because it is not known whether pull request {number} \
         is checked out{}",
        .why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
    )]
    UnknownCheckout { number: u64, why: Option<String> },
}

fn named(number: Option<u64>) -> String {
    number.map_or_else(|| "the pull request".to_owned(), |number| format!("pull request {number}"))
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

fn cause(event: &str) -> String {
    if event.is_empty() { "a run without an event".to_owned() } else { format!("`{event}`") }
}

impl ResolveError {
    /// Whether the plan or the command line is wrong, rather than something that
    /// the run needs missing.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Expression(_)
            | Self::UnknownEnvironment { .. }
            | Self::NoEnvironment { .. }
            | Self::Withheld { .. }
            | Self::UnknownVariable { .. }
            | Self::Event(EventError::Given(_)) => true,
            Self::Event(_)
            | Self::DirtyTree { .. }
            | Self::NoCommit { .. }
            | Self::Fork(_)
            | Self::UnknownPullRequest { .. }
            | Self::WrongCheckout { .. }
            | Self::UnknownCheckout { .. } => false,
        }
    }
}

impl ResolveError {
    /// Whether the run has no environment that it may push or deploy to.
    pub fn lacks_environment(&self) -> bool {
        match self {
            Self::NoEnvironment { .. } | Self::Withheld { .. } => true,
            Self::Expression(_)
            | Self::Event(_)
            | Self::UnknownEnvironment { .. }
            | Self::UnknownVariable { .. }
            | Self::DirtyTree { .. }
            | Self::NoCommit { .. }
            | Self::Fork(_)
            | Self::UnknownPullRequest { .. }
            | Self::WrongCheckout { .. }
            | Self::UnknownCheckout { .. } => false,
        }
    }
}

/// The remedy where git does not tell what is checked out.
fn of_checkout(missing: Option<&str>) -> String {
    missing.and_then(safe_directory).unwrap_or_else(|| {
        "deploy from a clone of the repository; actions/checkout makes one where `git` is installed"
            .to_owned()
    })
}

fn suggestion(near: Option<&String>, known: &[String], kind: &str) -> String {
    let named: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("the plan has no {kind}"),
        None => format!("its {kind} are {}", named.join(", ")),
    }
}

impl Retryable for ResolveError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Expression(error) => error.help.clone(),
            Self::Event(_) => Some(
                "give a payload as GitHub sends it, or `--event push`, or `--event pull_request`"
                    .to_owned(),
            ),
            Self::UnknownEnvironment { known, near, .. } => {
                Some(suggestion(near.as_ref(), known, "environments"))
            }
            Self::NoEnvironment { known } => {
                let ways: Vec<String> = known.iter().map(ToString::to_string).collect();
                Some(ways.join("; "))
            }
            Self::Withheld { environment, .. } => Some(format!(
                "only `{}` choose it by its `if`; `--env {environment}` chooses it by hand",
                PROTECTED_EVENTS.join("`, `")
            )),
            Self::UnknownVariable { known, near, .. } => {
                Some(suggestion(near.as_ref(), known, "variables"))
            }
            Self::DirtyTree { .. } => {
                Some("commit or remove them, or list them in `.gitignore`".to_owned())
            }
            Self::NoCommit { why, .. } => Some(of_checkout(Some(why))),
            Self::Fork(refusal) => refusal.help(),
            Self::UnknownPullRequest { source, .. } => source.help.clone(),
            Self::WrongCheckout { remedy, .. } => Some(remedy.clone()),
            Self::UnknownCheckout { why, .. } => Some(of_checkout(why.as_deref())),
        }
    }
}
