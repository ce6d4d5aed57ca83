//! The OCI distribution specification, row by row, against the registry that
//! the test binary names: the local one in `tests/main.rs`, docker-registry in
//! `tests/peers/main.rs`.
//!
//! Where docker-registry 2.8 is known to differ, `registry::Deviation` says so,
//! and what it does instead is asserted as exactly as what it should do.

mod blobs;
mod delete;
mod errors;
mod lists;
mod manifests;
mod referrers;
pub mod registry;
mod shapes;
mod uploads;

pub use registry::{Kind, Registry};
