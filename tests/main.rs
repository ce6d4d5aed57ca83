//! Tests of the program from outside, and of the source tree. They need Rust
//! and nothing else; what needs root or other programs is in `peers/`.
//!
//! One binary, so that it is linked once, with a module for each subject.

mod cli;
#[expect(dead_code, reason = "the rest is for docker-registry, see `peers/main.rs`")]
mod conformance;
mod dependencies;
mod docs;
mod layers;
mod local;
#[expect(dead_code, reason = "`peers/main.rs` uses the rest")]
mod support;

// The fakes in `src/registry/testing` name the library's modules as
// `crate::oci`, whichever crate they are compiled into.
use shipway::testing::{http, oci, progress, registry, secret};

/// The registry that `conformance` checks here: the one of the local cloud.
fn registry_under_test() -> conformance::Registry {
    local::registry()
}
