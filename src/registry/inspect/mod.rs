//! What a repository holds, tag by tag: digest, size, platforms, age.
//!
//! Each manifest and each configuration is requested once, several at a time.
//! Content that is not an image is listed as what it is, not refused.

mod azure;
mod describe;
mod exposed;
mod fetch;
mod listed;
mod listing;
mod time;

#[cfg(test)]
pub use listed::ListedPlatform;
pub use listed::{ListedKind, ListedManifest};
