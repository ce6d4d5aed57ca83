//! Performs one attempt of one step. Everything that reaches out does so here.
//!
//! A performer knows nothing of retries, timeouts of other steps or the
//! journal: it does what the step says once, and tells how that went.

mod again;
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
mod run;
mod scratch;
mod source;
mod tag;
mod verify;

pub use again::again;
pub use clients::{Clients, ClientsConfig};
pub use early::Early;
pub use performer::{Job, Performer, Say};
pub use preflight::Preflight;
pub use push::ahead::Underway;
pub use source::PlanSource;
