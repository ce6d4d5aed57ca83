//! The event that started the run: GitHub's, one from a file, or a simulated one.
//!
//! [`github`] makes the `github` context from it, [`PullRequest`] finds the pull
//! request in it, [`PullRequestQuery`] says what it leaves out, [`Trust`] whether
//! its code comes from a fork, [`Checkout`] whether that code is checked out.

mod checkout;
pub mod github;
mod load;
mod lookup;
mod pull_request;
mod simulated;
mod trust;

pub use checkout::Checkout;
pub use load::{Event, EventError, EventOrigin, guess_name};
pub use lookup::{LookupFailure, PullRequestQuery};
pub use pull_request::{PullRequest, is_fork};
pub use trust::{Refusal, Trust};

#[cfg(test)]
mod tests;
