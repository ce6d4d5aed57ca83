//! Logins to registries: Azure's tokens, or user and password.

mod access;
mod endpoints;
mod scope;

pub use access::{Access, Logins, Permission};
pub use endpoints::{exchange, token};
