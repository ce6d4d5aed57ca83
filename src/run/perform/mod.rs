//! Performs one attempt of one step. Everything that reaches out does so here.
//!
//! A performer knows nothing of retries, timeouts of other steps or the
//! journal: it does what the step says once, and tells how that went.

mod attest;
mod build;
mod clients;
mod create;
mod deploy;
mod early;
mod names;
mod performer;
mod preflight;
mod progress;
mod push;
mod retry;
mod run;
mod scratch;
mod source;
mod subscription;
mod tag;
mod verify;

pub use clients::{Clients, ClientsConfig};
pub use early::Early;
pub use performer::{Job, Performer, Say};
pub use preflight::Preflight;
pub use push::ahead::Underway;
pub use retry::retry;
pub use source::PlanSource;
