//! Images as the runtime takes them: blobs on this machine, and what becomes of
//! them. Nothing here fetches anything.

mod config;
mod place;
mod tree;
mod unpack;

pub(crate) use config::Config;
pub(crate) use tree::{Trees, remove_tree};
pub(crate) use unpack::open_layer;
pub use unpack::unpack;

use crate::oci::Digest;
use std::path::PathBuf;

/// An image whose blobs are files of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    /// What the container asked for, for messages: `demo.azurecr.io/web@sha256:…`.
    pub reference: String,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The file of its configuration.
    pub config: PathBuf,
    /// The files of its layers, the lowest first: tar archives, plain or
    /// compressed by gzip or zstd.
    pub layers: Vec<PathBuf>,
}

/// An image that cannot be made into a root.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file that cannot be read or written.
    #[error("{verb} `{}`", path.display())]
    Io {
        /// `read`, `write`, `create`.
        verb: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A configuration that is none.
    #[error("understand the configuration of `{reference}`")]
    Config {
        /// The image.
        reference: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// A layer with an entry that must not be.
    #[error("unpack `{entry}` of a layer: {reason}")]
    Entry {
        /// The path as the layer spells it.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
}
