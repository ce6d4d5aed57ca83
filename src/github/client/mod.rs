//! The REST API of GitHub, as far as reporting a run needs it.
//!
//! octocrab carries the requests on our own HTTP client: its retries would send
//! a POST twice, its default transport brings a second TLS stack, and its error
//! type loses the headers that say when to ask again, so answers are read here.
//! One operation is one request, or a few that belong together; waiting and
//! trying again are for the caller.

mod ask;
mod comments;
mod deployments;
mod error;
#[cfg(test)]
mod fake;
mod pulls;
mod repo;
mod statuses;
mod sticky;

pub use ask::Client;
pub use deployments::{DeploymentState, DeploymentStatus, NewDeployment};
pub use error::Error;
#[cfg(test)]
pub use error::Kind;
pub use repo::{BadRepo, Repo};
pub use statuses::{CommitState, CommitStatus};
pub use sticky::Marker;

/// The most characters a comment may have, counted as GitHub counts them: code
/// points.
pub const LONGEST_COMMENT: usize = 65_536;
