//! Why a command has no result.

use crate::oci::Digest;

#[derive(Debug)]
pub enum HelperError {
    /// The command was not started, or its changes cannot be a layer.
    Refused(String),
    /// A layer has another content than its digest says.
    Damaged(Digest),
}

impl From<String> for HelperError {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}
