//! Azure: credentials, Resource Manager, container instances, registries, key vault.
//!
//! Thin clients that say what a service answered and what to do about it. They
//! know nothing of plans and runs, never wait between attempts, and send a
//! token to no host but the one it is for.

mod arm;
mod cloud;
pub mod container_instances;
mod credential;
#[cfg(test)]
mod fake;
mod key_vault;
pub mod registries;
pub mod resource_groups;

pub use arm::{Answer, Arm, ArmError, Call, Pacing, Refusal, Verb};
pub use cloud::{Cloud, Endpoints};
pub use credential::{Application, Credential, CredentialError, Detection};
pub use key_vault::{KeyVault, SecretError, SecretReader, SecretRequest};
