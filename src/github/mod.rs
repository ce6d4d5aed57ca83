//! GitHub: the Actions protocol, comments, pull requests and deployments.
//!
//! Nothing here knows a plan or a run: callers bring text and numbers.

pub mod actions;
pub mod client;

pub use client::Client;
