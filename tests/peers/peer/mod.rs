//! The peers: how each is started, spoken to and stopped.

pub mod busybox;
pub mod dockerd;
#[path = "../../../src/image/testing/export.rs"]
pub mod export;
pub mod keeping_registry;
pub mod programs;
pub mod registry;
pub mod talking;
