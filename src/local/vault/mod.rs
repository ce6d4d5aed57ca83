//! The local Key Vault.

mod secrets;

pub use secrets::{Found, Vaults};
