//! Why an image could not be described.

use crate::http::{Retry, Retryable};
use crate::image::manifest::ManifestError;
use crate::image::store::StoreError;
use std::io;

/// An image that could not be described.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// A layer is no archive, or a damaged one.
    #[error("read what is in the layer `{digest}`")]
    Layer {
        /// Which.
        digest: String,
        /// Why not.
        source: io::Error,
    },
    /// The store could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The image cannot be used.
    #[error(transparent)]
    Image(#[from] ManifestError),
    /// Nobody waits for it any longer.
    #[error("the description of the image was stopped")]
    Stopped,
}

impl Retryable for SbomError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Layer { .. } => {
                Some("push it without `sbom: true`, or look at it with `umoci unpack`".to_owned())
            }
            Self::Store(error) => error.help(),
            Self::Image(error) => error.help(),
            Self::Stopped => None,
        }
    }
}
