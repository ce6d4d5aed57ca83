//! What clients manage in a cloud that starts empty: vaults, identities, roles, images.

mod identities;
mod images;
mod locks;
mod names;
mod templates;
mod tokens;
mod vaults;

use super::azure::Azure;
use super::{Emulator, STATE};
use crate::support::Program;
use crate::support::layout::layout;
use reqwest::Method;
use serde_json::{Value, json};

const GROUP: &str = "/resourceGroups/demo";
const VERSION: &str = "2023-07-01";
const REGION: &str = "westeurope";

/// A cloud with the group `demo`, and the registry `demo` of a preloaded image.
async fn cloud() -> (Emulator, Azure) {
    let program = Program::new();
    let config = json!({ "Entrypoint": ["/app"] });
    layout(&program.path("image"), &[("app", b"#!/bin/sh\n".to_vec())], &config);
    let seed = "demo.azurecr.io/hello:v1=oci:image";
    let start = ["local", "--detach", "--runtime", "built-in", "--seed-image", seed];
    let started = program.run(&start).exits(0);
    let emulator = Emulator { program, said: started.stderr, exports: started.stdout };
    let azure = Azure::of(emulator.file());
    let body = json!({ "location": REGION });
    assert_eq!(azure.arm(Method::PUT, GROUP, "2024-11-01", body).await.0, 201);
    (emulator, azure)
}

fn error(answer: &Value) -> (&str, &str) {
    let text = |name: &str| answer["error"][name].as_str().unwrap_or_default();
    (text("code"), text("message"))
}

#[test]
fn damaged_state_is_named_with_the_way_out() {
    let program = Program::new();
    let state = program.path(STATE);
    std::fs::create_dir_all(&state).expect("a folder");
    std::fs::write(state.join("vault.json"), "{").expect("a file");

    let refused = program.run(&["local", "--detach", "--runtime", "built-in"]).exits(3).stderr;

    assert!(
        refused.contains(&format!(
            "help: the file is damaged, or was written by another version: `rm -r DIR/{STATE}` \
             removes what the cloud held, and the next start begins with an empty one"
        )),
        "{refused}"
    );
}
