//! The local registries: the OCI distribution protocol 1.1, Azure's logins, and
//! Azure's additional endpoints.
//!
//! `server` receives a request, `route` parses its path, `login` checks the sender;
//! `blobs`, `uploads`, `manifests` and `lists` answer it. State is in `registries`
//! (`accounts`, `storage`, `upstream` for registries outside) and `upload_session`.

mod accounts;
mod acr;
mod attributes;
mod blobs;
mod call;
mod digest;
mod direct;
mod error;
mod headers;
mod import;
mod lists;
mod login;
mod manifests;
mod preload;
mod registries;
mod route;
mod scope_logins;
mod scope_tokens;
mod server;
mod storage;
mod upload_session;
mod uploads;
mod upstream;

pub use accounts::{Accounts, AdminUser, PulledImage, Rights, is_azure_name};
pub use import::{ImportError, ImportTarget, TaggedRepository, import};
pub use preload::{PreloadError, preload};
pub use registries::Registries;
pub use scope_tokens::{ScopeMap, ScopeToken, TokenPassword, built_in, grant, new_password};
pub use server::RegistryServer;
pub use storage::{Storage, StoredManifest};
pub use upstream::{Fetched, UpstreamError, fetched};
