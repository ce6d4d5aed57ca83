//! The event that started the run: GitHub's, one from a file, or a simulated one.
//!
//! [`github`] makes the `github` context from it, [`PullRequest`] finds the pull
//! request in it, [`Trust`] says whether its code may be deployed.

pub mod github;
mod load;
mod pull_request;
mod simulated;
mod trust;

pub use load::{Event, EventError};
pub use pull_request::PullRequest;
pub use trust::Trust;

#[cfg(test)]
mod tests;
