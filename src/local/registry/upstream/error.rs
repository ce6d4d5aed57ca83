//! What can go wrong with a registry outside, and how its asker is told.

use crate::local::files::FileError;
use crate::local::registry::error::DistributionError;
use crate::oci::Digest;
use http::{StatusCode, header};
use serde_json::json;
use std::error::Error;

/// Something that does not come from outside.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing may come from there at all.
    #[error(
        "`{reference}` is not here, and `--offline` fetches nothing: give it with \
         `--seed-image {reference}=oci:FOLDER`"
    )]
    Offline {
        /// The image.
        reference: String,
    },
    /// It does not come without a login.
    #[error(
        "`{host}` answers {status} to who has no login, and none goes there from here: give the \
         image with `--seed-image {reference}=oci:FOLDER`"
    )]
    Denied {
        /// The registry.
        host: String,
        /// What it answered.
        status: StatusCode,
        /// The image.
        reference: String,
    },
    /// It is not there either.
    #[error("`{host}` has no `{name}` either")]
    Missing {
        /// The registry.
        host: String,
        /// The image or blob.
        name: String,
    },
    /// The registry is asked too often.
    #[error("`{host}` is asked too often")]
    Busy {
        /// The registry.
        host: String,
        /// When to ask again, as it says.
        retry_after: Option<String>,
    },
    /// Another answer than hoped for.
    #[error("`{host}` answers {status} where `{name}` was asked for")]
    Status {
        /// The registry.
        host: String,
        /// What it answered.
        status: StatusCode,
        /// The image or blob.
        name: String,
    },
    /// No answer, or one that broke off.
    #[error("fetch `{name}` from `{host}`")]
    Transport {
        /// The registry.
        host: String,
        /// The image or blob.
        name: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// An answer that makes no sense.
    #[error("`{host}` answers nonsense where `{name}` was asked for: {why}")]
    Nonsense {
        /// The registry.
        host: String,
        /// The image or blob.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Content that is not what its name says: it is not kept.
    #[error("what `{host}` has as {expected} is {found}, and was thrown away")]
    Digest {
        /// The registry.
        host: String,
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// It cannot be kept.
    #[error(transparent)]
    Keep(#[from] FileError),
}

impl UpstreamError {
    /// The error with its causes, on one line.
    pub fn words(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        text
    }

    /// How a client is told. That something else has failed is a status of its
    /// own (RFC 4918, section 11.4), so that no client repeats what was
    /// repeated here already.
    pub(in crate::local::registry) fn refused(&self) -> DistributionError {
        let words = self.words();
        match self {
            Self::Missing { name, .. } => {
                let code =
                    if name.starts_with("sha") { "BLOB_UNKNOWN" } else { "MANIFEST_UNKNOWN" };
                DistributionError::new(StatusCode::NOT_FOUND, code, &words)
                    .about(json!({"name": name}))
            }
            Self::Busy { retry_after, .. } => {
                let busy = DistributionError::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "TOOMANYREQUESTS",
                    &words,
                );
                match retry_after {
                    Some(when) => busy.with(header::RETRY_AFTER, when.clone()),
                    None => busy,
                }
            }
            Self::Keep(_) => {
                DistributionError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &words)
            }
            Self::Offline { .. } | Self::Denied { .. } => {
                DistributionError::new(StatusCode::FAILED_DEPENDENCY, "DENIED", &words)
            }
            Self::Status { .. }
            | Self::Transport { .. }
            | Self::Nonsense { .. }
            | Self::Digest { .. } => {
                DistributionError::new(StatusCode::FAILED_DEPENDENCY, "UNAVAILABLE", &words)
            }
        }
    }
}
