//! What a command has changed in a root file system, as a layer (OCI image specification,
//! "Image Layer Filesystem Changeset").
//!
//! The changes are the upper folder of an overlay (`overlayfs`), or a copy of the lower
//! files in which the command ran. What is written is what `BuildKit` writes: explicit
//! whiteouts alone, no entry that is unchanged, capabilities and no other attribute, hard
//! links by inode, times in seconds, no sockets.

mod compare;
mod error;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

pub use error::ChangeFormat;
pub use walk::write_changes;
