//! Why contexts cannot be resolved.

use super::event::EventError;
use crate::http::{Retry, Retryable};
use crate::plan::expr::EvalError;

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
    /// Of `--set`.
    #[error("there is no variable `{name}`")]
    UnknownVariable {
        name: String,
        known: Vec<String>,
        /// The known name closest to it.
        near: Option<String>,
    },
    /// Of a protected environment.
    #[error("`{environment}` is protected, and the tree differs from its commit: {}", listed(.files, *.count))]
    DirtyTree {
        environment: String,
        /// The first files that differ.
        files: Vec<String>,
        /// The number of all such files.
        count: usize,
    },
    /// Of a protected environment.
    #[error("`{environment}` is protected, and there is no commit to deploy: {why}")]
    NoCommit { environment: String, why: String },
}

fn listed(files: &[String], count: usize) -> String {
    let named: Vec<_> = files.iter().map(|file| format!("`{file}`")).collect();
    match count.saturating_sub(files.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

impl ResolveError {
    /// Whether the plan or the command line is wrong, rather than something that
    /// the run needs missing.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Expression(_)
            | Self::UnknownEnvironment { .. }
            | Self::UnknownVariable { .. } => true,
            Self::Event(_) | Self::DirtyTree { .. } | Self::NoCommit { .. } => false,
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
