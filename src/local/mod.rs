//! The local cloud: a process of its own that answers as the real services do.
//!
//! To its clients it is an HTTP proxy on loopback. `proxy` takes the
//! connections, ends the TLS of the simulated names with leaves of `authority`
//! and hands each request to the service that has that name: `registry`,
//! `entra`, `vault`, `github`, `arm`, or a container of `runtime`. What they all
//! need is in [`CloudState`]; what outlives the process is in the state folder.
//!
//! Nothing in here may use the clients that it answers (`crate::registry`'s
//! client, `azure`, `github`, `http`), so that both sides of a conversation are
//! never the same code. The plain types of `registry` (digest, descriptor,
//! reference) are not a client.

pub mod arm;
pub mod authority;
mod cloud_file;
mod cloud_state;
pub mod entra;
mod faults;
pub mod files;
pub mod github;
mod hidden;
mod identity;
mod initial_state;
pub mod process;
pub mod proxy;
pub mod registry;
pub mod request_log;
pub mod runtime;
mod serve;
pub mod vault;

pub use cloud_file::CloudFile;
pub use hidden::Hidden;
pub use initial_state::{
    AzureRegistry, GitHubRepository, InitialState, OtherRegistry, PreloadedImage, PullRequest,
    RegistryUser, ResourceGroup, Vault, VaultSecret,
};
pub use registry::{Fetched, fetched};
pub use request_log::{LoggedRequest, RequestLog};
pub use runtime::RuntimeChoice;
pub use serve::{Cloud, CloudOptions};
