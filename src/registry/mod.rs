//! A client of OCI registries: references, login, blobs, manifests.
//!
//! It speaks the OCI distribution specification 1.1 and what registries of the
//! field make of it. It knows neither plans nor runs.

mod descriptor;
mod digest;
mod reference;

pub use descriptor::{Descriptor, Platform, media_type};
pub use digest::{Digest, InvalidDigest};
pub use reference::{InvalidReference, Reference};
