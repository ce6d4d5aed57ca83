//! GitHub's REST API, as far as a pipeline reports to it: one repository, one
//! pull request, comments, deployments and statuses.
//!
//! `router` lets requests in, `record` keeps what was said, `shapes` writes the
//! bodies as GitHub does; the other files are the endpoints.

mod comments;
mod deployments;
mod fault;
mod page;
mod pulls;
mod record;
mod router;
mod shapes;
mod statuses;

pub use router::router;

#[cfg(test)]
mod tests;
