//! Errors of fetching from registries outside, and the responses that they become.

use crate::http;
use crate::local::files::FileError;
use crate::local::registry::error::DistributionError;
use crate::oci::Digest;
use crate::registry::Failure;
use ::http::{StatusCode, header};
use serde_json::json;
use std::error::Error;
use std::time::Duration;

/// Content that cannot be fetched from outside.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error(
        "`{reference}` is not here, and `--offline` fetches nothing: give it with \
         `--seed-image {reference}=oci:FOLDER`"
    )]
    Offline { reference: String },
    #[error(
        "`{host}` asks for a login for `{reference}`, and the local cloud sends none: give the \
         image with `--seed-image {reference}=oci:FOLDER`"
    )]
    Denied { host: String, reference: String },
    #[error("`{host}` has no `{name}` either")]
    Missing { host: String, name: String },
    #[error("`{host}` limits the rate of requests")]
    Busy { host: String, retry_after: Option<Duration> },
    #[error("`{host}` answered {} for `{name}`", shown(*status))]
    Status { host: String, status: u16, name: String },
    #[error("cannot fetch `{name}` from `{host}`")]
    Fetch { host: String, name: String, source: Box<Failure> },
    #[error("unexpected response from `{host}` for `{name}`: {reason}")]
    Unexpected { host: String, name: String, reason: String },
    #[error("`{host}` sent content with the digest {found} for {expected}, which was discarded")]
    Digest { host: String, expected: Digest, found: Digest },
    /// The content cannot be stored here.
    #[error(transparent)]
    Keep(#[from] FileError),
    #[error(transparent)]
    Client(http::BuildError),
}

fn shown(status: u16) -> String {
    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
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

    /// The response to a client of the local registry.
    ///
    /// 424 (RFC 4918, section 11.4) says that another server failed. Unlike a 5xx,
    /// clients do not repeat it, and the requests to that server were repeated already.
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
                    Some(pause) => busy.with(header::RETRY_AFTER, pause.as_secs().to_string()),
                    None => busy,
                }
            }
            Self::Keep(_) | Self::Client(_) => {
                DistributionError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &words)
            }
            Self::Offline { .. } | Self::Denied { .. } => {
                DistributionError::new(StatusCode::FAILED_DEPENDENCY, "DENIED", &words)
            }
            Self::Status { .. }
            | Self::Fetch { .. }
            | Self::Unexpected { .. }
            | Self::Digest { .. } => {
                DistributionError::new(StatusCode::FAILED_DEPENDENCY, "UNAVAILABLE", &words)
            }
        }
    }
}
