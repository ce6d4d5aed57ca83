//! GitHub: the Actions protocol, tokens of jobs, comments, pull requests and deployments.
//!
//! Nothing here depends on a plan or a run: callers pass text and numbers.

pub mod actions;
pub mod client;
mod job_tokens;

pub use job_tokens::{JOB_TOKEN_URL, JobTokens};
