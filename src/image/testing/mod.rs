//! Writers of image formats for tests.
//!
//! The integration tests include the same file by path (`tests/peers/peer/mod.rs`).

pub mod export;
