//! The local Key Vault: stored secrets, and the endpoints over them.

mod answer;
mod deleted;
mod endpoints;
mod error;
mod limits;
mod operation;
mod page;
mod request;
mod secret;
mod settings;
mod store;
#[cfg(test)]
mod tests;

pub use endpoints::router;
pub use limits::{is_name as is_secret_name, value_mistake};
pub use secret::StoredSecret;
pub use settings::{AccessPolicy, VaultSettings};
pub use store::Vaults;
