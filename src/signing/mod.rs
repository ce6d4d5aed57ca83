//! Signatures of images as cosign makes them: keys, certificates, and the payload that is
//! signed.
//!
//! ECDSA on P-256 over SHA-256, the default of cosign, and no other algorithm. Nothing
//! here knows a registry: where signatures are kept is said in `registry/signatures`.

mod bundle;
mod encrypted_key;
mod keyless;
mod payload;
mod public_key;
mod signing_key;
mod signing_key_error;

pub use bundle::Bundle;
pub use keyless::{
    Certificate, IdentityRule, KeylessEvidence, KeylessProof, KeylessRefusal, KeylessSigner,
    KeylessTrust, LogEntry, Roots, SignedContent, quoted,
};
pub use payload::{Payload, payload};
pub use public_key::PublicKey;
pub use signing_key::SigningKey;
pub use signing_key_error::SigningKeyError;

#[cfg(test)]
pub mod testing;
