//! Errors of the image store, and their remedies.

use crate::http::{Retry, Retryable};
use crate::oci::Digest;
use std::io;
use std::path::{Path, PathBuf};

/// The largest blob that is read into memory: manifests and configurations. Registries accept
/// manifests of up to 4 MiB.
pub const MAX_DOCUMENT_BYTES: u64 = 8 << 20;

/// Why the store could not read or write a blob.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot create the folder `{}`", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the image store `{}` has no blob `{digest}`", root.display())]
    Missing { root: PathBuf, digest: Digest },
    #[error(
        "expected `{expected}` of {expected_size} bytes, found `{found}` of {found_size} bytes"
    )]
    Mismatch { expected: Digest, expected_size: u64, found: Digest, found_size: u64 },
    #[error("`{0}` is not a SHA-256 digest, the only kind that the image store supports")]
    Algorithm(Digest),
    #[error(
        "`{digest}` has {size} bytes, and a manifest or configuration has at most {MAX_DOCUMENT_BYTES}"
    )]
    TooLarge { digest: Digest, size: u64 },
}

impl Retryable for StoreError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Create { path, source } | Self::Write { path, source } => disk_help(path, source),
            Self::Missing { .. } | Self::Mismatch { .. } => Some(
                "run the plan again from its `build` step: what was stored is gone or damaged"
                    .into(),
            ),
            Self::Read { .. } | Self::Algorithm(_) | Self::TooLarge { .. } => None,
        }
    }
}

/// The remedy for a failed write, if one is known.
fn disk_help(path: &Path, error: &io::Error) -> Option<String> {
    let file_system = path.parent().unwrap_or(path).display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(format!(
            "there is no space left for `{file_system}`: free some, or choose another place with `--state-dir`"
        )),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(format!(
            "make `{file_system}` writable, or choose another place with `--state-dir`"
        )),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            let file = path.ancestors().find(|path| path.exists() && !path.is_dir())?.display();
            Some(format!(
                "`{file}` must be a folder: remove it, or choose another folder with `--state-dir`"
            ))
        }
        _ => None,
    }
}

/// Why content could not be imported into the store.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot read the content")]
    Source(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}
