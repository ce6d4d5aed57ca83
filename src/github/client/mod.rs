//! The part of GitHub's REST API that reports of a run need.
//!
//! Requests go through octocrab's service and body types over our own HTTP client.
//! More of octocrab would cost more code than it saves:
//!
//! - its default client has its own TLS and retries POSTs, which would comment twice;
//! - its authentication adds the token to every URL of `api.github.com`, also in a
//!   client of an Enterprise Server, whose pages and redirects might lead there;
//! - its pages follow links to any host;
//! - its errors lose the headers `retry-after` and `x-ratelimit-*`, and their messages
//!   contain a backtrace;
//! - its models refuse a comment without an author, which is what the API returns once
//!   the account is deleted, and require a dozen more fields that we do not read.
//!
//! An operation is one request, or a few that belong together. Retrying is up to the
//! caller.

mod branches;
mod built_commit;
mod collaborators;
mod comments;
mod deployments;
mod error;
#[cfg(test)]
pub mod fake;
mod pulls;
mod repo;
mod request;
mod statuses;
mod sticky;
pub mod untrusted;

pub use built_commit::BuiltCommit;
pub use deployments::{DeploymentState, DeploymentStatus, NewDeployment, Successor};
pub use error::{Error, Kind};
pub use pulls::{Pull, PullEnd};
pub use repo::{BadRepo, Repo};
pub use request::Client;
pub use statuses::{CommitState, CommitStatus};
pub use sticky::{Marker, Markers, Posted, StickyComment, Upserted};
