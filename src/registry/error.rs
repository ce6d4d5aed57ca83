//! What can go wrong with a registry, by stage, and what to do about it.

use super::login::{LoginError, is_azure_registry, may};
use crate::http::{self, Cause, Retry, Retryable, SafeUrl};
use crate::oci::Digest;
use crate::oci::Reference;
use std::io;
use std::path::PathBuf;

/// A request that did not do what it was for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No answer, or one that is an error.
    #[error(transparent)]
    Http(Box<http::Error>),
    /// Signing in did not work.
    #[error(transparent)]
    Login(Box<LoginError>),
    /// The name of the registry is no host.
    #[error("`{0}` is not the host of a registry")]
    Host(String),
    /// What was to be sent cannot be read.
    #[error("read what is to be sent")]
    Read {
        /// Why not.
        source: io::Error,
    },
    /// What was to be sent on cannot be had from where it is.
    #[error("fetch it from `{name}`")]
    Source {
        /// `host/repository`.
        name: String,
        /// Why not.
        source: Box<Failure>,
    },
    /// What was received cannot be kept.
    #[error("write `{}`", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A body stood still.
    #[error("{url}: nothing has moved for {seconds} s")]
    Stalled {
        /// Where it went.
        url: SafeUrl,
        /// For how long.
        seconds: u64,
    },
    /// The registry sends us where nobody is to be sent.
    #[error("`{host}` sends the request to `{to}`, where none may go")]
    Elsewhere {
        /// The registry.
        host: String,
        /// Where to.
        to: String,
    },
    /// The registry sends us from place to place.
    #[error("`{host}` sends the request from place to place, the last of them `{to}`")]
    Loop {
        /// The registry.
        host: String,
        /// The last place.
        to: String,
    },
    /// Content that is not what its digest says.
    #[error("the registry has {found} where {expected} was asked for")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// An answer that makes no sense.
    #[error("the answer makes no sense: {0}")]
    Nonsense(String),
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
    /// The status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Http(error) => error.status(),
            _ => None,
        }
    }

    /// What to do about it, when `action` (`pull`, `push`) was being done at
    /// `host`.
    pub(super) fn help_for(&self, host: &str, action: &str) -> Option<String> {
        match self {
            Self::Http(error) if error.status() == Some(403) => {
                Some(forbidden(error, host, action))
            }
            Self::Http(error) => help(error, host),
            Self::Login(error) => error.help(),
            Self::Host(_) => Some("a host is written `demo.azurecr.io` or `127.0.0.1:5000`".into()),
            Self::Read { .. } => Some("build the image again".to_owned()),
            Self::Source { name, source } => {
                source.help_for(name.split('/').next().unwrap_or(name), "pull")
            }
            Self::Write { .. } => Some("is the disk full, or not writable?".to_owned()),
            Self::Stalled { .. } => Some(format!("the connection to `{host}` hangs; try again")),
            Self::Elsewhere { .. } | Self::Loop { .. } | Self::Nonsense(_) => {
                Some(format!("is `{host}` a registry, and the one that you mean?"))
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
            // Bytes are changed on the way by chance at most once.
            Self::Stalled { .. } | Self::Digest { .. } => Retry::Backoff,
            Self::Host(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Elsewhere { .. }
            | Self::Loop { .. }
            | Self::Nonsense(_) => Retry::Never,
        }
    }
}

fn forbidden(error: &http::Error, host: &str, action: &str) -> String {
    let text = error.to_string();
    if text.contains("firewall") || text.contains("not allowed access") {
        return format!(
            "the firewall of `{host}` keeps this machine out; allow its address, or run inside the network"
        );
    }
    may(host, action)
}

/// What to do about a request that a registry or its token server did not
/// answer as hoped.
pub(super) fn help(error: &http::Error, host: &str) -> Option<String> {
    match (error.status(), error.cause()) {
        (Some(404), _) => Some(format!("is `{host}` a registry, and is the name spelled right?")),
        (Some(429), _) => Some(format!("`{host}` is asked too often; it lets us in again later")),
        (Some(500..), _) => Some(format!("`{host}` has a fault of its own; try again later")),
        (Some(_), _) => None,
        (None, Some(Cause::Name)) if is_azure_registry(host) => Some(format!(
            "no registry is called `{host}`: check the spelling, or let the plan make it with \
             `create` under `registries`"
        )),
        (None, Some(Cause::Name)) => {
            Some(format!("check the spelling of `{host}` and the network"))
        }
        (None, Some(Cause::Refused)) => {
            Some(format!("nobody listens there: does `{host}` run, and is the port right?"))
        }
        (None, Some(Cause::Tls { untrusted: true })) => Some(format!(
            "this machine does not trust who signed the certificate of `{host}`: name the \
             authority's file in `SSL_CERT_FILE`"
        )),
        (None, Some(Cause::Tls { untrusted: false })) => Some(format!(
            "`{host}` has a certificate that is not good for it, or speaks plain HTTP; that is \
             allowed by `insecure: true` under `registries`"
        )),
        (None, Some(Cause::Broken | Cause::Other)) => {
            Some(format!("the connection to `{host}` broke; try again"))
        }
        (None, None) => Some(format!("`{host}` does not answer in time; try again")),
    }
}

/// A push that did not work.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// There is no reference to push to.
    #[error("push: there is no reference to push to")]
    NoTarget,
    /// What the registry has is not to be found out.
    #[error("ask what `{name}` holds")]
    Discover {
        /// `host/repository`.
        name: String,
        /// Why not.
        source: Failure,
    },
    /// A blob did not get there.
    #[error("upload {digest} ({size} bytes) to `{name}`")]
    Blob {
        /// Which.
        digest: Digest,
        /// In bytes.
        size: u64,
        /// `host/repository`.
        name: String,
        /// Why not.
        source: Failure,
    },
    /// The manifest was not taken.
    #[error("push `{reference}`")]
    Manifest {
        /// Under which name.
        reference: Reference,
        /// Why not.
        source: Failure,
    },
    /// Nothing could be attached to a manifest.
    #[error("attach `{artifact_type}` to `{to}`")]
    Attach {
        /// What.
        artifact_type: String,
        /// To which manifest.
        to: Reference,
        /// Why not.
        source: Failure,
    },
}

impl Retryable for PushError {
    fn retry(&self) -> Retry {
        match self {
            Self::NoTarget => Retry::Never,
            Self::Discover { source, .. }
            | Self::Blob { source, .. }
            | Self::Manifest { source, .. }
            | Self::Attach { source, .. } => source.retry(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::NoTarget => Some("name the image in a `tag` step".to_owned()),
            Self::Discover { name, source } | Self::Blob { name, source, .. } => {
                source.help_for(host_of(name), "push")
            }
            Self::Manifest { reference, source } | Self::Attach { to: reference, source, .. } => {
                source.help_for(&reference.host, "push")
            }
        }
    }
}

fn undeletable(reference: &Reference) -> String {
    if is_azure_registry(&reference.host) {
        return format!(
            "it is locked; `az acr repository update --image {} --delete-enabled true` unlocks it",
            reference.to_string().split_once('/').map_or("", |(_, name)| name)
        );
    }
    format!(
        "`{}` does not let manifests be deleted; docker-registry does with \
         `REGISTRY_STORAGE_DELETE_ENABLED=true`, or `storage: {{ delete: {{ enabled: true }} }}` in its \
         configuration",
        reference.host
    )
}

fn host_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// A question or a pull that did not work.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// There is no such image.
    #[error("find `{reference}`")]
    NotFound {
        /// What was asked for.
        reference: Reference,
        /// The answer.
        source: Failure,
    },
    /// The manifest does not come, or is none.
    #[error("read the manifest of `{reference}`")]
    Manifest {
        /// What was asked for.
        reference: Reference,
        /// Why not.
        source: Failure,
    },
    /// The image is not made for the platform.
    #[error("`{reference}` is not there for {wanted}, only for {found}")]
    Platform {
        /// What was asked for.
        reference: Reference,
        /// The platform.
        wanted: String,
        /// The platforms it is there for.
        found: String,
    },
    /// A blob does not come.
    #[error("fetch {digest} of `{reference}`")]
    Blob {
        /// Of which image.
        reference: Reference,
        /// Which.
        digest: Digest,
        /// Why not.
        source: Failure,
    },
    /// A list does not come.
    #[error("list {what} of `{name}`")]
    List {
        /// `the tags`, `the repositories`.
        what: &'static str,
        /// `host` or `host/repository`.
        name: String,
        /// Why not.
        source: Failure,
    },
    /// A manifest was not to be removed.
    #[error("delete `{reference}`")]
    Delete {
        /// Which.
        reference: Reference,
        /// Why not.
        source: Failure,
    },
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
            // A registry that deletes nothing, or a manifest that is locked.
            Self::Delete { reference, source } if source.status() == Some(405) => {
                Some(undeletable(reference))
            }
            Self::Delete { reference, source } => source.help_for(&reference.host, "delete from"),
        }
    }
}
