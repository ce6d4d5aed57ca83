//! Reads the secrets of a plan from Key Vault and from environment variables.
//!
//! Microsoft's client talks to the vault over our transport, and checks that the
//! resource of the vault's challenge is the vault itself.

mod error;
mod reader;
#[cfg(test)]
mod tests;
pub mod untrusted;
mod vault;

pub use error::SecretError;
pub use reader::{FoundSecret, SecretReader, SecretRequest, secret_in_file};
pub use vault::KeyVault;
