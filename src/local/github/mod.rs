//! The part of GitHub's REST API that a pipeline reports to: one repository, its
//! branches and pull requests, comments, deployments and statuses.
//!
//! `router` authenticates and routes, `activity` stores what clients create,
//! `shapes` builds the JSON bodies; the other files are the endpoints.

mod activity;
mod branches;
mod collaborators;
mod comments;
mod context;
mod deployments;
mod error;
mod head;
mod page;
mod pulls;
mod router;
mod shapes;
mod statuses;

pub use head::EventPullRequest;
pub use router::router;

#[cfg(test)]
mod tests;
