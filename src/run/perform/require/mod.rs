//! `require`: what must hold of images before they are deployed, or of those that run.
//!
//! A signature or a provenance of an index counts for its images: the digest of the index
//! covers what it lists.

mod attached;
mod image;
mod named_identity;
mod named_key;
mod named_signer;
mod provenance;
mod requirement;
mod running;
mod signed;

pub use image::RequiredImage;
pub use requirement::{Requirement, in_words};
pub use running::check_running;

#[cfg(test)]
mod tests;
