//! The errors of the client, by stage, with their remedies.

use super::help;
use super::login::LoginError;
use crate::http::{self, Retry, Retryable, SafeUrl};
use crate::oci::{Digest, Reference};
use std::io;
use std::path::PathBuf;

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No response, or one that is an error.
    #[error(transparent)]
    Http(Box<http::Error>),
    #[error(transparent)]
    Login(Box<LoginError>),
    /// The name of the registry is not a host.
    #[error("`{0}` is not the host of a registry")]
    Host(String),
    /// The body to send cannot be read.
    #[error("cannot read the content to upload")]
    Read { source: io::Error },
    /// A blob cannot be fetched from the registry that it is copied from.
    #[error("cannot fetch it from `{name}`")]
    Source {
        /// `host/repository`.
        name: String,
        source: Box<Failure>,
    },
    /// What stands under the tag of an image's signatures cannot be used.
    #[error("{why}")]
    Signatures { tag: String, why: String },
    /// A received blob cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The upload of a body makes no progress.
    #[error("{url}: nothing has moved for {seconds} s")]
    Stalled { url: SafeUrl, seconds: u64 },
    /// The registry redirects to a URL that it must not name, such as a private address.
    #[error("`{host}` redirects the request to `{to}`, which is not allowed")]
    Elsewhere {
        host: String,
        to: String,
        /// The host of `to` where it is refused for its private address alone.
        private_host: Option<String>,
    },
    /// The registry accepted a manifest, and does not return it.
    #[error(
        "the registry answered {status} as if it had stored it, and does not return it: something else may have answered, such as a proxy or a login page"
    )]
    NotStored { status: u16 },
    /// The registry redirects without end.
    #[error("`{host}` redirects the request too often, last to `{to}`")]
    Loop { host: String, to: String },
    /// Content that does not have its digest.
    #[error("the registry has {found} where {expected} was asked for")]
    Digest { expected: Digest, found: Digest },
    /// A response that breaks the protocol.
    #[error("unexpected response: {0}")]
    Unexpected(String),
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        Self::Http(Box::new(error))
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        Self::Login(Box::new(error))
    }
}

impl Failure {
    /// Whether the registry asks for a login that it was not given, or that lacks a
    /// permission.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::Http(error) => matches!(error.status(), Some(401 | 403)),
            Self::Login(error) => {
                matches!(**error, LoginError::Needed { .. } | LoginError::Lacks { .. })
            }
            _ => false,
        }
    }

    /// The status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Http(error) => error.status(),
            _ => None,
        }
    }

    /// The remedy, where `action` (`pull`, `push`) failed at `host`.
    pub fn help_for(&self, host: &str, action: &str) -> Option<String> {
        match self {
            Self::Http(error) if error.status() == Some(403) => {
                Some(help::forbidden(error, host, action))
            }
            Self::Http(error) => help::of_request(error, host),
            Self::Login(error) => error.help(),
            Self::Host(_) => Some("a host is written `demo.azurecr.io` or `127.0.0.1:5000`".into()),
            Self::Read { .. } => Some("build the image again".to_owned()),
            Self::Source { name, source } => {
                source.help_for(name.split('/').next().unwrap_or(name), "pull")
            }
            Self::Write { .. } => Some("is the disk full, or not writable?".to_owned()),
            Self::Stalled { .. } => Some(format!("the connection to `{host}` hangs; try again")),
            Self::Elsewhere { private_host: Some(private), .. } => Some(format!(
                "if `{host}` keeps its content at `{private}`, a private address, name `{private}` \
                 in the environment variable `SHIPWAY_STORAGE_HOSTS`; else it names itself wrongly: \
                 docker-registry is given its address in `REGISTRY_HTTP_HOST`"
            )),
            Self::Elsewhere { private_host: None, .. } => Some(format!(
                "if `{host}` is the registry that you mean, it names itself by another address: \
                 docker-registry is given the right one in `REGISTRY_HTTP_HOST`, a proxy before \
                 it passes `Host` and `X-Forwarded-Proto` on"
            )),
            Self::Loop { .. } | Self::NotStored { .. } | Self::Unexpected(_) => {
                Some(format!("is `{host}` a registry, and the one that you mean?"))
            }
            Self::Signatures { tag, .. } => {
                Some(format!("delete the tag `{tag}` at the registry, and sign the image again"))
            }
            Self::Digest { .. } => {
                Some("something between here and the registry changes what it carries".to_owned())
            }
        }
    }
}

impl Retryable for Failure {
    fn retry(&self) -> Retry {
        match self {
            Self::Http(error) => error.retry(),
            Self::Login(error) => error.retry(),
            Self::Source { source, .. } => source.retry(),
            // Content that was corrupted on the way is unlikely to be so again.
            Self::Stalled { .. } | Self::Digest { .. } => Retry::Backoff,
            Self::Host(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Elsewhere { .. }
            | Self::Loop { .. }
            | Self::NotStored { .. }
            | Self::Signatures { .. }
            | Self::Unexpected(_) => Retry::Never,
        }
    }
}

/// A failed push.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("cannot push: no image reference is given")]
    NoTarget,
    /// It cannot be found out what the registry has.
    #[error("cannot check what `{name}` holds")]
    Discover {
        /// `host/repository`.
        name: String,
        source: Failure,
    },
    #[error("cannot upload {digest} ({size} bytes) to `{name}`")]
    Blob {
        digest: Digest,
        size: u64,
        /// `host/repository`.
        name: String,
        source: Failure,
    },
    #[error("cannot push `{reference}`")]
    Manifest { reference: Reference, source: Failure },
    /// An artifact cannot be attached to a manifest.
    #[error("cannot attach `{artifact_type}` to `{to}`")]
    Attach { artifact_type: String, to: Reference, source: Failure },
    /// A signature cannot be added to those of a manifest.
    #[error("cannot add a signature to those of `{image}`")]
    Sign { image: Reference, source: Failure },
}

impl Retryable for PushError {
    fn retry(&self) -> Retry {
        match self {
            Self::NoTarget => Retry::Never,
            Self::Discover { source, .. }
            | Self::Blob { source, .. }
            | Self::Manifest { source, .. }
            | Self::Attach { source, .. }
            | Self::Sign { source, .. } => source.retry(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::NoTarget => Some("name the image in a `tag` step".to_owned()),
            Self::Discover { name, source } | Self::Blob { name, source, .. } => {
                source.help_for(host_of(name), "push")
            }
            Self::Manifest { reference, source }
            | Self::Attach { to: reference, source, .. }
            | Self::Sign { image: reference, source } => source.help_for(&reference.host, "push"),
        }
    }
}

fn host_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// A failed pull or other reading request.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("cannot find `{reference}`")]
    NotFound { reference: Reference, source: Failure },
    /// The manifest cannot be fetched or read.
    #[error("cannot read the manifest of `{reference}`")]
    Manifest { reference: Reference, source: Failure },
    /// The index lists no image for the platform.
    #[error("`{reference}` is not there for {wanted}, only for {found}")]
    Platform {
        reference: Reference,
        wanted: String,
        /// The platforms that the index lists.
        found: String,
    },
    #[error("cannot fetch {digest} of `{reference}`")]
    Blob { reference: Reference, digest: Digest, source: Failure },
    #[error("cannot list {what} of `{name}`")]
    List {
        /// `the tags`, `the repositories`.
        what: &'static str,
        /// `host` or `host/repository`.
        name: String,
        source: Failure,
    },
    #[error("cannot delete `{reference}`")]
    Delete { reference: Reference, source: Failure },
}

impl PullError {
    /// Whether another login may be able to read it.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::Platform { .. } => false,
            Self::NotFound { source, .. }
            | Self::Manifest { source, .. }
            | Self::Blob { source, .. }
            | Self::List { source, .. }
            | Self::Delete { source, .. } => source.needs_login(),
        }
    }
}

impl Retryable for PullError {
    fn retry(&self) -> Retry {
        match self {
            Self::Platform { .. } => Retry::Never,
            Self::NotFound { source, .. }
            | Self::Manifest { source, .. }
            | Self::Blob { source, .. }
            | Self::List { source, .. }
            | Self::Delete { source, .. } => source.retry(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::NotFound { reference, .. } => Some(format!(
                "check repository and tag; `shipway images` shows what `{}` holds",
                reference.host
            )),
            Self::Platform { .. } => {
                Some("name one of them as `platform`, or another image".to_owned())
            }
            Self::Manifest { reference, source } | Self::Blob { reference, source, .. } => {
                source.help_for(&reference.host, "pull")
            }
            Self::List { name, source, .. } => source.help_for(host_of(name), "pull"),
            // The registry does not support deletion, or the manifest is locked.
            Self::Delete { reference, source } if source.status() == Some(405) => {
                Some(help::deletion(reference))
            }
            Self::Delete { reference, source } => source.help_for(&reference.host, "delete from"),
        }
    }
}
