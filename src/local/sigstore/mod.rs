//! A Fulcio and a Rekor in place of those that a plan names, and the tokens of the job that
//! signs (sigstore/fulcio, `fulcio.proto`; sigstore/rekor, `openapi.yaml`).
//!
//! `state` is what is kept: in `authority` the keys, which issue certificates, in `log` the
//! entries. `endpoints` hands a request to `fulcio`, `rekor` or `job`.

mod answers;
mod authority;
mod call;
mod endpoints;
mod fulcio;
mod job;
mod log;
mod place;
mod rekor;
mod state;

pub use authority::SigningAuthorityError;
pub use endpoints::router;
pub use job::{DOMAIN as JOB_DOMAIN, TOKEN_URL as JOB_TOKEN_URL};
pub use place::Place;
pub use state::Sigstore;

#[cfg(test)]
mod tests;
