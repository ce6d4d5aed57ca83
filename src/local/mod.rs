//! The local cloud: a separate process that imitates Azure, GitHub and registries.
//!
//! To its clients it is an HTTP proxy on loopback. `proxy` accepts connections,
//! terminates TLS with certificates that `authority` issues, and hands each request
//! to the service with that host name: `registry`, `entra`, `vault`, `github`,
//! `arm`, `sigstore`, or a container of `runtime`. `serve` starts all of it; `cloud_state` opens
//! the state folder, which holds what must survive a restart.
//!
//! Nothing here may use the clients that talk to it (`azure`, `github`), so that
//! both sides of a conversation are never the same code.

pub mod access;
mod arm;
pub mod authority;
mod cloud_file;
mod cloud_file_claim;
mod cloud_state;
mod domains;
pub mod entra;
mod exchange;
mod faults;
pub mod files;
pub mod github;
mod hidden;
mod identity;
mod initial_state;
mod inventory;
mod left_variables;
mod news;
pub mod process;
pub mod proxy;
pub mod registry;
pub mod request_log;
pub mod runtime;
mod serve;
mod sigstore;
mod terminate;
pub mod vault;

pub use arm::{Workloads, public_url, workloads};
pub use cloud_file::{CloudFile, DEFAULT_CLOUD, SigningAccess};
pub use faults::{FaultRecord, FaultRule, FaultState};
pub use hidden::Hidden;
pub use initial_state::{
    AccessRules, AnonymousAccess, AppEnvironment, AzureRegistry, EarlierApp, GitHubRepository,
    InitialState, OtherRegistry, PreloadedImage, PullRequest, RegistryUser, ResourceGroup,
    RoleGrant, SigstoreHosts, Vault, VaultSecret,
};
pub use inventory::{HeldRegistry, HeldResourceGroup, HeldVault, HeldWorkload, Inventory};
pub use left_variables::EndedCloud;
pub use news::News;
pub use proxy::{AddedFaults, FAULTS, FaultList, HEAD, HOST, INVENTORY, PullRequestHead};
pub use registry::{Fetched, fetched};
pub use request_log::{LoggedRequest, RequestLog};
pub use runtime::RuntimeChoice;
pub use serve::{Cloud, CloudOptions, ServeError};
pub use terminate::{Termination, is_up, terminate};
