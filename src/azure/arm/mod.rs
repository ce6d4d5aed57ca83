//! Resource Manager: requests, its errors, and operations that take long.
//!
//! Knows no resource. What a code means for a container group or a registry is
//! said in [`error`] all the same, in one table, because the codes are shared.

mod client;
mod error;
mod operation;
mod remedy;
#[cfg(test)]
mod tests;

pub use client::{Answer, Arm, Call, Verb};
pub use error::{ArmError, Refusal};
pub use operation::Pacing;
