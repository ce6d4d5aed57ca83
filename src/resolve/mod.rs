//! Resolves the contexts of expressions: git, the GitHub event, the environment,
//! variables.
//!
//! It changes nothing, and knows of the process only what [`HostEnvironment`]
//! holds. [`Resolved::resolve`] reads everything once. Its result goes into the
//! journal, and every [`Scope`](crate::plan::expr::Scope) of the run is made from
//! it, so that a resumed run sees the contexts of the first process.

mod credential_parts;
pub mod credentials;

mod admission;
mod context;
mod dns_label;
mod environment;
mod error;
mod event;
mod git;
mod hash_files;
mod inputs;
mod registry_hosts;
mod resolved;
mod trigger;
pub mod untrusted;
mod version;

pub use admission::{Decision, LeaveOut};
pub use context::with_secrets;
pub use credentials::secret_sources;
pub use environment::ChosenEnvironment;
pub use error::ResolveError;
#[cfg(test)]
pub use event::Trust;
pub use event::{LookupFailure, PullRequest, PullRequestQuery, is_fork};
pub use git::stored::CommitFiles;
pub use git::{Git, changed_since, commit_titles, count_changed, descends_from, tracked_file};
pub use inputs::{
    EventSource, HostEnvironment, ResolveInputs, ResolveRequest, RunIdentity, SourceCommit,
};
pub use registry_hosts::name_registries;
pub use resolved::Resolved;
pub use trigger::{BaseCommit, Trigger};
