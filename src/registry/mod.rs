//! A client of OCI registries: references, login, blobs, manifests.
//!
//! It speaks the OCI distribution specification 1.1 and what registries of the
//! field make of it. It knows neither plans nor runs.
//!
//! Begin at `client`; `push` and `pull` are its two large verbs, `wire` sends
//! their requests, `login` decides what goes into `Authorization`.

mod client;
mod error;
mod inspect;
mod login;
mod manifest;
mod pull;
mod push;
mod referrers;
mod settings;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
#[doc(hidden)]
pub mod untrusted;
mod wire;

pub use client::Client;
pub use error::{Failure, PullError, PushError};
#[cfg(test)]
pub use inspect::ListedPlatform;
pub use inspect::{ListedKind, ListedManifest};
pub use login::{EntraTokens, Login, Stored, is_azure_registry};
pub use push::{Ahead, Blob, BlobSource, Push, PushManifest, Pushed};
pub use referrers::{Artifact, Attached};
pub use settings::{Access, Parts, Settings, Timing};
