//! The blobs of an image as files of this machine.

use crate::oci::Digest;
use std::error::Error;
use std::path::PathBuf;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    /// The reference that the container asked for, for messages:
    /// `demo.azurecr.io/web@sha256:…`.
    pub reference: String,
    /// The digest of the manifest.
    pub digest: Digest,
    pub config: PathBuf,
    /// The layers, the lowest first: tar archives, plain or compressed by gzip or
    /// zstd.
    pub layers: Vec<PathBuf>,
}

/// An image that cannot be made into the root of a container.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// `read`, `write`, `create`, `remove`.
        verb: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot read the configuration of `{reference}`")]
    Config { reference: String, source: serde_json::Error },
    #[error(transparent)]
    Unpack(Box<dyn Error + Send + Sync>),
}
