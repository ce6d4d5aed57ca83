//! The local Key Vault: stored secrets, and the endpoints over them.

mod endpoints;
mod secrets;

pub use endpoints::router;
pub use secrets::Vaults;
