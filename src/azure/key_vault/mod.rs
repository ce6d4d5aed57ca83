//! Key Vault: reads secrets, and the secrets of a plan from wherever they are.
//!
//! The conversation with a vault is Microsoft's client over our transport, with
//! the challenge's host checked against the vault's.

mod error;
mod reader;
#[cfg(test)]
mod tests;
mod vault;

pub use error::SecretError;
pub use reader::{SecretReader, Wanted};
pub use vault::KeyVault;
