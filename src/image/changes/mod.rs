//! What a command has changed in a root file system, as a layer (OCI image specification,
//! "Image Layer Filesystem Changeset").
//!
//! The changes are the upper folder of an overlay (`overlayfs`), or a copy of the lower
//! files in which the command ran. What is written is what `BuildKit` writes: explicit
//! whiteouts alone, no entry that is unchanged, capabilities and no other attribute, hard
//! links by inode, times in seconds, no sockets.

mod compare;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

use std::io;
use std::path::PathBuf;

pub use walk::write_changes;

/// Where the changed files are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeFormat {
    /// In the upper folder of an overlay that root has mounted.
    Overlay,
    /// In that of an overlay mounted with `userxattr`.
    UserOverlay,
    /// In a copy of the lower files.
    Copy,
}

#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "it makes a file at `{path}`, a name that marks another file as removed in a layer (a whiteout)"
    )]
    Whiteout { path: String },
}
