//! GitHub: the Actions protocol, comments, pull requests and deployments.
//!
//! Nothing here depends on a plan or a run: callers pass text and numbers.

pub mod actions;
pub mod client;
