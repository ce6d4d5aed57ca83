//! The words of OCI: digests, references, descriptors, platforms, media types.
//!
//! Data alone, which every other module may use: nothing here knows a client,
//! a file or a plan (OCI image specification 1.1, distribution specification 1.1).

mod descriptor;
mod digest;
mod reference;

pub use descriptor::{Descriptor, Platform, media_type};
pub use digest::{Digest, Hasher};
pub use reference::{InvalidReference, Reference};
