//! Fakes for tests of the registry client.
//!
//! The integration tests include the same files by path (`tests/support/mod.rs`).

pub mod fake_registry;
pub mod images;
pub mod waiting;
