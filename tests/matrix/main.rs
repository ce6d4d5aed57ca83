//! Two matrices: a run that is killed at every point, and one whose every request meets
//! every fault. `tests/run` takes a part of each, `tests/long` all of it; what they
//! found is in `docs/reliability.md`.
//!
//! `SHIPWAY_MATRIX=whole` asks for all of it, `SHIPWAY_MATRIX_ONLY=TEXT` for the cases
//! whose names contain this text.

mod crash;
mod end;
mod faults;
mod figures;
mod proxy;
mod scene;
#[expect(dead_code, reason = "`tests/main.rs` uses the rest")]
#[path = "../support/mod.rs"]
mod support;
mod trials;

// See `tests/main.rs`.
use shipway::testing::{http, oci, progress, registry, secret};
