//! The local registries: who may use them, what they hold, and the OCI
//! distribution protocol 1.1 over both.
//!
//! `server` is where a request comes in; `route` says what it is about, `login`
//! whether its sender may do that; `blobs`, `uploads`, `manifests` and `lists`
//! do it. All state is in `accounts`, `storage` and `sessions`; what comes from
//! registries outside comes through `upstream`.

mod accounts;
mod blobs;
mod lists;
mod login;
mod manifests;
mod refused;
mod route;
mod seed;
mod server;
mod sessions;
mod storage;
mod uploads;
mod upstream;

pub use accounts::{Accounts, Admin, Rights, is_azure_name};
pub use seed::{SeedError, seed};
pub use server::Server;
pub use storage::{Storage, StoredManifest};
pub use upstream::{Fetched, Upstream, UpstreamError, fetched};
