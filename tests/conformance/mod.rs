//! The checks of the OCI distribution specification, row by row, against the
//! local registry and Debian's docker-registry: a check that a registry of the
//! field fails would be a check of our own making.
//!
//! Where docker-registry 2.8 is known to differ, it says so in `registry`, and
//! what it does instead is asserted as exactly as what it should do.

mod blobs;
mod delete;
mod errors;
mod lists;
mod manifests;
mod parallel;
mod referrers;
mod registry;
mod shapes;
mod uploads;
