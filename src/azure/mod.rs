//! Azure: credentials, Resource Manager, container instances, registries, key vault.
//!
//! Clients that return what a service answered, or an error with its remedy. They
//! know nothing of plans and runs, do not retry, and send a token only to the host
//! that it is for.

mod arm;
mod cloud;
pub mod container_apps;
pub mod container_instances;
mod credential;
mod failures;
#[cfg(test)]
pub mod fake;
mod json;
mod key_vault;
pub mod providers;
pub mod registries;
pub mod registry_tasks;
pub mod resource_groups;
mod resource_id;
pub mod rights;
pub mod untrusted;
pub mod vault_access;
mod workload;

pub use crate::value::Cloud;
pub use arm::{Arm, ArmError, ArmRequest, ArmResponse, Busy, Pacing, Refusal, Verb};
pub use cloud::Endpoints;
pub use credential::{Application, Credential, CredentialError, Detection, ShowText};
pub use key_vault::{
    FoundSecret, KeyVault, SecretError, SecretReader, SecretRequest, secret_in_file,
};
pub use workload::{EnvValue, Identities, LAST_LINES_REMEDY, TerminalSize};
