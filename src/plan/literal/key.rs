//! Keys that verify signatures.

use super::shape::{Shape, expect, rule};
use crate::signing::PublicKey;

rule! {
    /// A public key in PEM, or the name of a file with one.
    PublicKeyOrFile,
    Shape::text("^[\\s\\S]", &["keys/release.pub"]),
    |text| {
        if !PublicKey::is_pem(text) {
            return expect(!text.is_empty(), "expected a file with a public key");
        }
        PublicKey::parse(text).map(drop).map_err(|error| {
            format!("expected a public key of ECDSA on P-256 in PEM, or a file with one: {error}")
        })
    }
}
