//! What is attached to a manifest: SBOMs, provenance, signatures (distribution
//! specification 1.1, "Listing Referrers").
//!
//! Where a registry has no referrers API, clients keep the list as an index under a
//! tag made of the digest ("Referrers Tag Schema").

mod attach;
mod list;
mod tagged;

pub use attach::{Artifact, Attached};
