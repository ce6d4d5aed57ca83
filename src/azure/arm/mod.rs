//! Resource Manager: requests, long-running operations and errors.
//!
//! It knows no resource. Only the remedies for error codes of container groups and
//! registries are here, in one table, because the services share their codes.

mod client;
mod error;
mod operation;
mod pacing;
mod refusal;
mod remedy;
#[cfg(test)]
mod tests;
pub mod untrusted;

pub use client::{Arm, ArmRequest, ArmResponse, Busy, Verb};
pub use error::ArmError;
pub use pacing::Pacing;
pub use refusal::Refusal;
