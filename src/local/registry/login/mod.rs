//! Logins to registries: Azure's tokens, or user and password.

mod access;
mod endpoints;
mod scope;

pub(super) use access::{Access, Logins, Permission};
pub(super) use endpoints::{exchange, token};
