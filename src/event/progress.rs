//! The progress of a transfer.

use serde::{Deserialize, Serialize};

/// The progress of a transfer, in bytes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Progress {
    pub verb: Verb,
    pub done: u64,
    /// As far as is known: grows while layers are discovered.
    pub total: u64,
    /// The layers that changed since the previous event; all of them in the
    /// first event.
    pub layers: Vec<LayerProgress>,
}

impl Progress {
    /// Merges a later event of the same transfer.
    pub fn merge(&mut self, later: Self) {
        (self.done, self.total) = (later.done, later.total);
        for layer in later.layers {
            match self.layers.iter_mut().find(|known| known.name == layer.name) {
                Some(known) => *known = layer,
                None => self.layers.push(layer),
            }
        }
    }
}

/// What has happened to the bytes counted as done.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Uploaded to registries, or found there.
    Pushed,
    /// Downloaded from a registry.
    Pulled,
    /// Read, to be packed into layers.
    Packed,
    /// Copied from an OCI layout or an archive.
    Copied,
}

/// The progress of one part of a transfer: a layer or an image's configuration.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LayerProgress {
    /// The digest, or the source of a layer that is still being packed.
    pub name: String,
    pub done: u64,
    pub total: u64,
}
