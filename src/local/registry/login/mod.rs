//! Logins to registries: Azure's tokens, or user and password.

mod access;
mod endpoints;
mod scope;

pub use access::{Access, Logins, Permission, basic};
pub use endpoints::{exchange, pull_token, token};
pub use scope::Grant;
