//! The plan: its schema, how it is read, its expressions, its checks.
//!
//! Everything here is a function of its arguments: no clock, no environment, no
//! files, no network. Start at `schema`.

pub mod expr;
pub mod schema;
pub mod span;
