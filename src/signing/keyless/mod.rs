//! Signatures without a lasting key, as cosign makes them with Fulcio and Rekor: a certificate
//! says whose key it was for some minutes, and a log says that the signature was made in them.
//!
//! All of it is verified here without a request. What asks Fulcio and Rekor is `sigstore`.

mod certificate;
mod example;
mod inclusion;
mod log_entry;
mod refusal;
mod roots;
mod shown;
mod signer;

pub use certificate::Certificate;
pub use inclusion::InclusionProof;
pub use log_entry::{LogEntry, SignedContent};
pub use refusal::KeylessRefusal;
pub use roots::Roots;
pub use shown::{escaped, quoted};
pub use signer::{IdentityRule, KeylessEvidence, KeylessProof, KeylessSigner, KeylessTrust};

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
