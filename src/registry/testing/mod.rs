//! Fakes for tests of the registry client.
//!
//! The integration tests include the same files by path (`tests/support/mod.rs`).

#[expect(dead_code, reason = "the integration tests use the rest")]
pub mod fake_registry;
pub mod images;
pub mod waiting;
