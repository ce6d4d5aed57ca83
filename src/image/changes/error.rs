//! Where changes are read from, and why they cannot be a layer.

use std::io;
use std::path::PathBuf;

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
