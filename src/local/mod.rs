//! The local cloud: a process of its own that answers as the real services do.
//!
//! To its clients it is an HTTP proxy on loopback. `proxy` takes the
//! connections, ends the TLS of the simulated names with leaves of `authority`
//! and hands each request to the service that has that name: `registry`,
//! `entra`, `vault`, `github`, `arm`, or a container of `runtime`. What they all
//! need is in [`Shared`]; what outlives the process is in the state folder.
//!
//! Nothing in here may use the clients that it answers (`crate::registry`'s
//! client, `azure`, `github`, `http`), so that both sides of a conversation are
//! never the same code. The plain types of `registry` (digest, descriptor,
//! reference) are not a client.

pub mod arm;
pub mod authority;
mod cloud_file;
pub mod entra;
mod faults;
pub mod files;
pub mod github;
mod hidden;
mod identity;
pub mod process;
pub mod proxy;
pub mod registry;
pub mod request_log;
pub mod runtime;
mod serve;
mod shared;
pub mod vault;
mod world;

pub use cloud_file::CloudFile;
pub use hidden::Hidden;
#[cfg(test)]
pub use identity::Identity;
pub use identity::random_uuid;
pub use registry::{Fetched, fetched};
pub use request_log::{Entry, RequestLog};
pub use serve::{Cloud, Options};
#[cfg(test)]
pub use shared::{AsyncReadWrite, Shared};
pub use world::{
    GitHub, Loopback, PullRequest, Registry, ResourceGroup, RuntimeChoice, SeedImage, User, Vault,
    VaultSecret, World,
};
