//! Errors of describing an image.

use crate::http::{Retry, Retryable};
use crate::image::manifest::ManifestError;
use crate::image::store::StoreError;
use std::io;

/// Why an image could not be described.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    #[error("cannot read the layer `{digest}`")]
    Layer { digest: String, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Image(#[from] ManifestError),
    #[error("describing the image was stopped")]
    Stopped,
}

impl Retryable for SbomError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Layer { .. } => Some(
                "push the image without `sbom: true`, or inspect it with `umoci unpack`".to_owned(),
            ),
            Self::Store(error) => error.help(),
            Self::Image(error) => error.help(),
            Self::Stopped => None,
        }
    }
}
