//! Tests against the programs that other people run: docker-registry, skopeo,
//! podman, buildah, docker, umoci, act, az, zsh, fish, and static busybox in containers.
//! Some need root. `tests/run` installs all of it and runs them; a program that
//! is missing fails its test.

mod act;
mod action;
mod az;
mod bases;
mod browser;
mod cancelled_builds;
mod completions;
#[expect(dead_code, reason = "the rest is for the local registry, see `tests/main.rs`")]
#[path = "../conformance/mod.rs"]
mod conformance;
mod contained;
mod dockerfile;
mod doctor;
mod early;
mod engine_store;
mod engines;
mod exec;
mod faults;
mod fork_pair;
mod groups;
mod images;
mod keep;
mod killed;
mod layers;
mod local_clients;
mod local_upstream;
mod pages;
mod peer;
mod plan_output;
mod promote;
mod push;
mod registry_client;
mod resume;
mod runtime;
mod store;
mod subscription;
#[expect(dead_code, reason = "`tests/main.rs` uses the rest")]
#[path = "../support/mod.rs"]
mod support;
mod trial;
mod unprivileged;
mod workflows;

// See `tests/main.rs`.
use shipway::testing::{http, image, oci, progress, registry, secret};

/// The registry that `conformance` checks here: docker-registry. A check that a
/// widely used registry fails would be one of our own making.
fn registry_under_test() -> conformance::Registry {
    peer::registry::under_test()
}
