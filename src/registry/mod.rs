//! A client of OCI registries: logins, blobs, manifests.
//!
//! It speaks the OCI distribution specification 1.1, and tolerates what the
//! registries in use make of it. It knows neither plans nor runs.
//!
//! From the bottom up: `wire` sends the requests of one registry, signed in by
//! `login`; `client` holds the registries; each feature (`check`, `inspect`, `pull`,
//! `push`, `referrers`, `signatures`) is a module above it.

mod azure;
mod blob_stream;
mod check;
mod client;
mod error;
mod help;
mod inspect;
mod login;
mod manifest;
mod manifest_requests;
mod memory;
mod pull;
mod push;
mod referrers;
mod referrers_lock;
mod remote_blob;
mod settings;
mod signatures;
mod small_blob;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod try_join_bounded;
#[doc(hidden)]
pub mod untrusted;
mod wire;

pub use azure::{is_azure_registry, registry_name};
pub use blob_stream::BlobStream;
pub use client::Client;
pub use error::{Failure, PullError, PushError};
#[cfg(test)]
pub use inspect::ListedPlatform;
pub use inspect::{ListedKind, ListedManifest};
pub use login::{EntraTokens, Login, StoredLogin, StoredLogins, StoredUser};
pub use manifest_requests::RawManifest;
pub use push::{Blob, BlobSource, EarlyUploads, Push, PushManifest, Pushed};
pub use referrers::{Artifact, Attached};
#[cfg(test)]
pub use settings::UploadParts;
pub use settings::{HostAccess, RegistryTiming, Settings};
pub use signatures::{KeylessAnnotations, NewSignature, StoredSignature, signature_tag};
pub use wire::NamedHosts;
