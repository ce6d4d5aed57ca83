//! The local Key Vault: its secrets, and the endpoints that read and set them.

mod endpoints;
mod secrets;

pub use endpoints::router;
pub use secrets::Vaults;
