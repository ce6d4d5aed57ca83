//! What is known of a run when it starts, beside its plan.

use crate::image::dockerfile::GitHubCache;
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::secret::Secret;
use crate::value::CommandContext;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Tells whether the commit that is checked out was made from another.
pub type DescendsFrom = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The source that images are built from.
#[derive(Clone, Default)]
pub struct SourceFacts {
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// Such as `refs/heads/main`, where it is known to hold that commit.
    pub reference: Option<String>,
    /// The head of the pull request, which may have been merged for the build.
    pub pull_request_head: Option<String>,
    /// The labels that an image of it gets, by the end of `org.opencontainers.image.…`.
    pub labels: BTreeMap<&'static str, String>,
    pub descends_from: Option<DescendsFrom>,
}

/// How many pull requests may have a preview in the environment of the run.
#[derive(Clone, Copy, Debug)]
pub struct PreviewLimit {
    pub max: u32,
    /// The pull request of the run.
    pub pull_request: u64,
}

/// Facts that stay the same during the whole run.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct RunFacts {
    pub id: String,
    /// The repository of the plan, `owner/name`, if it is known.
    pub repository: Option<String>,
    /// The folder that all runs of the plan share, such as `.shipway`.
    pub state: PathBuf,
    /// The run's own folder.
    pub workspace: PathBuf,
    /// The name of the chosen entry of `environments`.
    pub environment_name: Option<String>,
    /// Whether that environment is protected.
    pub protected: bool,
    /// The number of the pull request whose preview it makes.
    pub pull_request: Option<u64>,
    /// Whether an older commit may replace a newer one.
    pub allow_older: bool,
    /// Whether the run puts an earlier version back, because of what runs now.
    pub takes_back: bool,
    /// Whether the run puts an earlier version back, whatever the reason.
    pub puts_back: bool,
    /// What the run starts again, in place of deploying it.
    pub restarts: Option<TargetId>,
    /// How long what is deployed may live.
    pub expires: Option<Duration>,
    /// `None` where the run is for no pull request, or any number of them may have one.
    pub previews: Option<PreviewLimit>,
    pub source: SourceFacts,
    /// The folder in which each built image is saved as an OCI layout.
    pub save_images: Option<PathBuf>,
    /// Whether the run is against the local cloud.
    pub dry_run: bool,
    /// Whether the steps may have no secret, login or other credential: the code is a
    /// fork's, or may be.
    pub withholds: bool,
    /// Whether servers are only read: nothing is changed, not even by a request that
    /// returns a password.
    pub reads_only: bool,
    /// What commands in messages need to mean the same as the one that runs.
    pub commands: CommandContext,
    /// The variables that child processes inherit, without credentials.
    pub child_environment: BTreeMap<String, String>,
    /// Secret variables of child processes, such as the local cloud's
    /// credentials in a dry run.
    pub child_secrets: BTreeMap<String, Secret>,
    /// GitHub's cache service. Only image builders are given its token.
    pub github_cache: Option<GitHubCache>,
}

impl RunFacts {
    /// The creation time of built images in seconds since 1970: the value of
    /// `SOURCE_DATE_EPOCH`, else 0, so that the same input gives the same digest.
    pub fn created(&self) -> Result<u64, StepError> {
        let Some(text) = self.child_environment.get("SOURCE_DATE_EPOCH") else { return Ok(0) };
        text.parse().map_err(|_| {
            StepError::new(format!("`SOURCE_DATE_EPOCH` is `{text}`, not a number of seconds"))
        })
    }
}
