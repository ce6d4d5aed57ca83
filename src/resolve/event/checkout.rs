//! Whether what is checked out is the code of a pull request.

use super::PullRequest;
use crate::resolve::git::Git;
use serde::{Deserialize, Serialize};

/// What is checked out, compared with a pull request.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checkout {
    /// The head of the pull request.
    Head,
    /// A merge of its head into its base.
    Merge,
    /// Another commit, such as the base branch.
    Other,
    /// Not known, because git or GitHub did not tell.
    #[default]
    Unknown,
}

impl Checkout {
    /// `merge` is the commit that GitHub made of this pull request for the event.
    pub fn of(pull_request: &PullRequest, git: &Git, merge: Option<&str>) -> Self {
        let Some(here) = git.head.as_deref() else { return Self::Unknown };
        if merge == Some(here) {
            return Self::Merge;
        }
        let Some(head) = pull_request.head_sha.as_deref() else {
            return if merge.is_some() { Self::Other } else { Self::Unknown };
        };
        // GitHub merges the head into the base, so the head is the second parent.
        let is_merge = git.parents.len() == 2 && git.parents[1] == head;
        if here == head {
            Self::Head
        } else if is_merge {
            Self::Merge
        } else {
            Self::Other
        }
    }

    /// Whether it is the code of the pull request.
    pub fn is_of_pull_request(self) -> bool {
        matches!(self, Self::Head | Self::Merge)
    }
}
