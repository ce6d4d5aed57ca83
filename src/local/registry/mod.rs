//! The local registries: who may use them, what they hold, and the OCI
//! distribution protocol 1.1 over both.
//!
//! `server` is where a request comes in; `route` says what it is about, `login`
//! whether its sender may do that; `blobs`, `uploads`, `manifests` and `lists`
//! do it. All state is in `accounts`, `storage` and `sessions`; what comes from
//! registries outside comes through `upstream`.

mod accounts;
mod blobs;
mod call;
mod digest;
mod error;
mod headers;
mod lists;
mod login;
mod manifests;
mod preload;
mod registries;
mod route;
mod server;
mod storage;
mod upload_session;
mod uploads;
mod upstream;

pub use accounts::{Accounts, AdminUser, Rights, is_azure_name};
pub use preload::{PreloadError, preload};
pub use registries::Registries;
pub use server::RegistryServer;
pub use storage::StoredManifest;
pub use upstream::{Fetched, UpstreamError, fetched};
