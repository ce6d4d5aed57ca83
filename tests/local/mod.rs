//! The local cloud as a client sees it.

mod deployed_image;
mod described;
mod device_code;
mod emulator;
mod fork_pair;
mod good_run;
mod keyless;
mod language;
mod left_up;
mod oidc;
mod parallel;
mod preflight;
mod pull_requests;
mod registry_build;
mod rehearse;
mod removal;
mod signed;
mod stored_login;
mod upstream;

use crate::conformance::{Kind, Registry};
use crate::support::cloud::{LocalCloud, state};
use serde_json::json;

const HOST: &str = "127.0.0.1:5000";

/// The registry of a local cloud of its own.
pub fn registry() -> Registry {
    let state = state();
    let world = json!({"other-registries": [{"host": HOST}]});
    let cloud = LocalCloud::start(state.path(), world);
    let client = cloud.client();
    Registry::new(Kind::Local, client, HOST, (cloud, state))
}
