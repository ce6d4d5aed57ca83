//! What became of a deploy whose service failed.

use super::failure::Failure;
use super::id::StepId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many digits of a commit's hash are shown.
const SHORT_COMMIT_CHARS: usize = 7;
/// How many digits of a digest are shown.
const SHORT_DIGEST_CHARS: usize = 12;

/// The end of a rollback.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rollback {
    /// The deploy that was rolled back.
    pub step: StepId,
    #[serde(rename = "rollback")]
    pub outcome: RollbackOutcome,
    /// The URL of the version that runs now.
    pub url: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum RollbackOutcome {
    /// The version before was put back, runs and was verified.
    RolledBack { to: Revision },
    /// The preview was new and was removed.
    Removed,
    /// There was no version before, and what was deployed is not a preview.
    Kept,
    /// The deploy had changed nothing, so `still` runs; `None` if nothing does.
    Unchanged { still: Option<Revision> },
    /// Another run has deployed since, so nothing was put back.
    Superseded {
        /// The id of that run.
        by: String,
    },
    /// The version before does not run, or a new preview could not be removed.
    Failed { to: Option<Revision>, failure: Failure },
}

/// A deployed version of a target, as far as its tags and image tell.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Revision {
    /// The full hash.
    pub commit: Option<String>,
    /// The digest of its image.
    pub digest: Option<String>,
    /// Its image as the target names it. Earlier journals do not have it.
    #[serde(default)]
    pub image: Option<String>,
}

/// Such as `commit 4e1d2aa (digest sha256:1f0c77aa0b21…)`.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commit = self.commit.as_ref().map(|commit| prefix(commit, SHORT_COMMIT_CHARS));
        let digest = self.digest.as_deref().map(short_digest);
        match (commit, digest) {
            (Some(commit), Some(digest)) => write!(f, "commit {commit} (digest {digest})"),
            (Some(commit), None) => write!(f, "commit {commit}"),
            (None, Some(digest)) => write!(f, "digest {digest}"),
            (None, None) => f.write_str("the version before"),
        }
    }
}

/// Fits after "failed, ".
impl fmt::Display for RollbackOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RolledBack { to } => write!(f, "rolled back to {to}"),
            Self::Removed => f.write_str("the new preview was removed"),
            Self::Kept => f.write_str("kept, because there was no version before it"),
            Self::Unchanged { still: Some(revision) } => write!(f, "{revision} still runs"),
            Self::Unchanged { still: None } => f.write_str("nothing was deployed"),
            Self::Superseded { by } => {
                write!(f, "not rolled back, because run {by} has deployed since")
            }
            Self::Failed { to: Some(revision), .. } => {
                write!(f, "the rollback to {revision} failed")
            }
            Self::Failed { to: None, .. } => f.write_str("the new preview could not be removed"),
        }
    }
}

impl RollbackOutcome {
    /// Why the rollback failed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure, .. } => Some(failure),
            Self::RolledBack { .. }
            | Self::Removed
            | Self::Kept
            | Self::Unchanged { .. }
            | Self::Superseded { .. } => None,
        }
    }
}

fn prefix(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) if hex.len() > SHORT_DIGEST_CHARS => {
            format!("{algorithm}:{}…", prefix(hex, SHORT_DIGEST_CHARS))
        }
        _ => digest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Revision, RollbackOutcome};

    #[test]
    fn a_revision_is_named_by_what_is_known_of_it() {
        let named = |commit: Option<&str>, digest: Option<&str>| {
            let commit = commit.map(str::to_owned);
            Revision { commit, digest: digest.map(str::to_owned), image: None }.to_string()
        };
        let commit = Some("4e1d2aa9f3d6e14c459867679a90fd0f79123456");
        let digest = Some("sha256:1f0c77aa0b214f53cda18c2baa0c0354");
        assert_eq!(named(commit, digest), "commit 4e1d2aa (digest sha256:1f0c77aa0b21…)");
        assert_eq!(named(commit, None), "commit 4e1d2aa");
        assert_eq!(named(None, digest), "digest sha256:1f0c77aa0b21…");
        assert_eq!(named(None, None), "the version before");
    }

    #[test]
    fn every_outcome_fits_after_failed() {
        let revision = Revision { commit: Some("4e1d2aa9".into()), ..Revision::default() };
        let failure = crate::event::Failure::default();
        let outcomes = [
            RollbackOutcome::RolledBack { to: revision.clone() },
            RollbackOutcome::Removed,
            RollbackOutcome::Kept,
            RollbackOutcome::Unchanged { still: Some(revision.clone()) },
            RollbackOutcome::Unchanged { still: None },
            RollbackOutcome::Superseded { by: "01kdt4eyg0000000000000000a".into() },
            RollbackOutcome::Failed { to: Some(revision), failure: failure.clone() },
            RollbackOutcome::Failed { to: None, failure },
        ];
        let said = outcomes.map(|outcome| outcome.to_string()).join("\n");
        assert_eq!(
            said,
            "\
rolled back to commit 4e1d2aa
the new preview was removed
kept, because there was no version before it
commit 4e1d2aa still runs
nothing was deployed
not rolled back, because run 01kdt4eyg0000000000000000a has deployed since
the rollback to commit 4e1d2aa failed
the new preview could not be removed"
        );
    }
}
