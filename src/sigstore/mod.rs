//! A client of Fulcio, which certifies the key of one signature, and of Rekor, which logs the
//! signature (sigstore/fulcio, `fulcio.proto`; sigstore/rekor, `openapi.yaml`).
//!
//! What they answer is verified by `signing`, as it is verified when it is required of an image.

mod error;
mod expected;
mod fulcio;
mod rekor;
mod request;
mod tokens;

pub use error::SigstoreError;
pub use fulcio::{Fulcio, IssuedCertificate};
pub use rekor::Rekor;
pub use tokens::{IdentityToken, TokenSource};

#[cfg(test)]
mod tests;
