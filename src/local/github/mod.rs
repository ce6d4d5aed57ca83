//! GitHub's REST API, as far as a pipeline reports to it: one repository, one
//! pull request, comments, deployments and statuses.
//!
//! `router` lets requests in, `record` keeps what was said, `shapes` writes the
//! bodies as GitHub does; the other files are the endpoints.

mod activity;
mod comments;
mod context;
mod deployments;
mod error;
mod page;
mod pulls;
mod router;
mod shapes;
mod statuses;

pub use router::router;

#[cfg(test)]
mod tests;
