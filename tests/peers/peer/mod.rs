//! The peers: how each is started, spoken to and stopped.

pub mod busybox;
pub mod dockerd;
pub mod keeping_registry;
pub mod programs;
pub mod registry;
pub mod talking;
