//! What stops a run before it has begun, with the exit code of each.

use super::event::EventError;
use crate::http::{Retry, Retryable};
use crate::plan::expr::EvalError;

/// Contexts that cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// An expression of the plan. Its span points into the plan.
    #[error(transparent)]
    Expression(#[from] EvalError),
    /// The event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// `--env` names none.
    #[error("the plan has no environment called `{name}`")]
    UnknownEnvironment {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// The one that is nearly called so.
        near: Option<String>,
    },
    /// `--set` names none.
    #[error("the plan has no variable called `{name}`")]
    UnknownVariable {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// The one that is nearly called so.
        near: Option<String>,
    },
    /// A protected environment and changes that nobody has committed.
    #[error("`{environment}` is protected, and the tree differs from its commit: {}", listed(.files, *.count))]
    DirtyTree {
        /// The environment.
        environment: String,
        /// The first of the files.
        files: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// A protected environment and nothing that could be clean.
    #[error("`{environment}` is protected, and there is no commit to deploy: {why}")]
    NoCommit {
        /// The environment.
        environment: String,
        /// Why there is none.
        why: String,
    },
}

fn listed(files: &[String], count: usize) -> String {
    let named: Vec<_> = files.iter().map(|file| format!("`{file}`")).collect();
    match count.saturating_sub(files.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

impl ResolveError {
    /// 2 where the plan or the command line is wrong, 3 where something needed
    /// was not to be had.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Expression(_)
            | Self::UnknownEnvironment { .. }
            | Self::UnknownVariable { .. } => 2,
            Self::Event(_) | Self::DirtyTree { .. } | Self::NoCommit { .. } => 3,
        }
    }
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
            Self::Event(
                EventError::File { .. } | EventError::Json { .. } | EventError::Unknown { .. },
            ) => Some(
                "give a payload as GitHub sends it, or `--event push`, or `--event pull_request`"
                    .to_owned(),
            ),
            Self::UnknownEnvironment { known, near, .. } => {
                Some(suggestion(near.as_ref(), known, "environments"))
            }
            Self::UnknownVariable { known, near, .. } => {
                Some(suggestion(near.as_ref(), known, "variables"))
            }
            Self::DirtyTree { .. } => {
                Some("commit or remove them, or list them in `.gitignore`".to_owned())
            }
            Self::NoCommit { .. } => {
                Some("deploy to it from a checkout of the repository".to_owned())
            }
        }
    }
}
