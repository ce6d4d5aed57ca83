//! Reads what expressions see: git, the GitHub event, environment, variables.
//!
//! It reads and changes nothing, and knows of the process only what
//! [`HostEnvironment`] tell it. [`Resolved::resolve`] finds everything out once;
//! what it gives goes into the journal, and every [`Scope`](crate::plan::expr::Scope)
//! of the run is made from it, so that a resumed run sees what the first one saw.

pub mod credentials;

mod context;
mod environment;
mod error;
mod event;
mod git;
mod hash_files;
mod resolved;
mod surroundings;
mod version;

pub use context::{ResolveInputs, secret_sources, with_secrets};
pub use environment::{ChosenEnvironment, slug};
pub use error::ResolveError;
pub use event::EventSource;
#[cfg(test)]
pub use event::Trust;
#[cfg(test)]
pub use git::Git;
pub use resolved::Resolved;
pub use surroundings::{HostEnvironment, Request, RunIdentity};
