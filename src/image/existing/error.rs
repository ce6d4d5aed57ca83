//! What can go wrong with an image that is there already.

use crate::http::{Retry, Retryable};
use crate::image::manifest::ManifestError;
use crate::image::store::{ImportError, StoreError};
use std::io;
use std::path::PathBuf;

/// An image that could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ExistingError {
    /// Nothing is there.
    #[error("there is no {what} `{}`", path.display())]
    Missing {
        /// `folder` or `file`.
        what: &'static str,
        /// Which.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not what it is said to be.
    #[error("`{}` is no {what}: it holds no `{lacks}`", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// `OCI layout` or `docker archive`.
        what: &'static str,
        /// The file that every such thing has.
        lacks: &'static str,
    },
    /// An entry's name leads out of the archive.
    #[error("`{}` holds `{name}`, a name that leads out of it", path.display())]
    Outside {
        /// The archive.
        path: PathBuf,
        /// The name, or the target of a link.
        name: String,
    },
    /// It ends before its content does.
    #[error("`{}` ends within `{name}`", path.display())]
    Truncated {
        /// The archive.
        path: PathBuf,
        /// The entry that is not whole.
        name: String,
    },
    /// Something that it refers to is not in it.
    #[error("`{}` does not hold `{name}`, which it refers to", path.display())]
    Incomplete {
        /// The archive or folder.
        path: PathBuf,
        /// What is missing.
        name: String,
    },
    /// A document in it is too large to be one.
    #[error("`{name}` in `{}` has {size} bytes, which is too much for what it is", path.display())]
    TooLarge {
        /// The archive or folder.
        path: PathBuf,
        /// The document.
        name: String,
        /// In bytes.
        size: u64,
    },
    /// A document in it cannot be read.
    #[error("read `{name}` in `{}`", path.display())]
    Document {
        /// The archive or folder.
        path: PathBuf,
        /// The document.
        name: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// A layer is not the one that its configuration names.
    #[error("`{name}` in `{}` is not the layer `{expected}` but `{found}`", path.display())]
    Layer {
        /// The archive.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The configuration's word.
        expected: String,
        /// Its digest in truth.
        found: String,
    },
    /// The configuration and the list of layers disagree.
    #[error("`{}` holds {layers} layers where its configuration names {diff_ids}", path.display())]
    LayerCount {
        /// The archive.
        path: PathBuf,
        /// How many there are.
        layers: usize,
        /// How many there should be.
        diff_ids: usize,
    },
    /// No image has the name that is asked for.
    #[error("`{}` holds no image called `{name}`", path.display())]
    NoSuchName {
        /// The archive or folder.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// What there is.
        there: Vec<String>,
    },
    /// No image is for the platform that is asked for.
    #[error("`{}` holds no image for {wanted}", path.display())]
    NoSuchPlatform {
        /// The archive or folder.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What there is.
        there: Vec<String>,
    },
    /// Several images are as good as each other.
    #[error("`{}` holds several images", path.display())]
    Ambiguous {
        /// The archive or folder.
        path: PathBuf,
        /// What they are called.
        there: Vec<String>,
    },
    /// Indexes lie within indexes without an end.
    #[error("the indexes in `{}` are nested too deep", path.display())]
    TooDeep {
        /// The archive or folder.
        path: PathBuf,
    },
    /// A blob could not be taken in.
    #[error("copy `{name}` from `{}`", path.display())]
    Blob {
        /// The archive or folder.
        path: PathBuf,
        /// The blob.
        name: String,
        /// Why not.
        source: ImportError,
    },
    /// The run was cancelled.
    #[error("reading the image was stopped")]
    Stopped,
    /// The store could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A manifest or configuration could not be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Retryable for ExistingError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some(
                "is it made by a `run` step, and does that step come before this one? The path is relative to the plan's folder".into(),
            ),
            Self::Format { what: "OCI layout", .. } => Some(
                "what `docker save` writes is named `docker-archive:FILE`; an OCI layout in one file is named `oci-archive:FILE`".into(),
            ),
            Self::Format { .. } => Some(
                "an OCI layout in one file is named `oci-archive:FILE`, one in a folder `oci:DIRECTORY`".into(),
            ),
            Self::Outside { .. }
            | Self::Truncated { .. }
            | Self::Incomplete { .. }
            | Self::Layer { .. }
            | Self::LayerCount { .. }
            | Self::Blob { source: ImportError::Store(StoreError::Mismatch { .. }), .. } => {
                Some("write it anew: it is damaged, or not from who you think".into())
            }
            Self::NoSuchName { there, .. } | Self::Ambiguous { there, .. } => {
                Some(format!("name one after the path: {}", list(there)))
            }
            Self::NoSuchPlatform { there, .. } => {
                Some(format!("write `platform:` with what is there: {}", list(there)))
            }
            Self::Blob { source: ImportError::Store(error), .. } | Self::Store(error) => error.help(),
            Self::Manifest(error) => error.help(),
            Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::Document { .. }
            | Self::TooDeep { .. }
            | Self::Blob { .. }
            | Self::Stopped => None,
        }
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing has a name there".into(),
        _ => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
