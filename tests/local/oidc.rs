//! A run that signs in as a workflow of GitHub Actions does: with a token of GitHub, through
//! the proxy and the certificates that its environment names.

use super::preflight::transient_faults;
use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use crate::support::job_tokens::TokenEndpoint;
use serde_json::{Value, json};
use std::thread;

const PLAN: &str = "\
name: shop
steps:
  - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
  - tag: demo.azurecr.io/shop:v1
  - push:
";

#[test]
fn tokens_of_github_sign_in_and_may_fail_once_with_any_transient_fault() {
    let run = |fault: Option<Value>| {
        let state = state();
        let world = json!({
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{ "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo" }],
        });
        let cloud = LocalCloud::start(state.path(), world);
        let endpoint = TokenEndpoint::start(fault);
        let mut program = Program::with_plan(PLAN).committed().in_actions("push", &json!({}));
        for (name, value) in cloud.file.variables() {
            if name != "AZURE_CLIENT_SECRET" {
                program = program.env(name, value);
            }
        }
        let program = program
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", &endpoint.url)
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-token");
        let finished = program.run(&["run"]);
        let asked = endpoint.asked();
        (finished, asked)
    };
    let (finished, asked) = run(None);
    finished.exits(0);
    let expected = [
        "GET /token?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange HTTP/1.1",
        "authorization: Bearer runner-token",
    ];
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|request| *request == expected), "{asked:?}");
    let count = asked.len();

    thread::scope(|scope| {
        for fault in transient_faults() {
            scope.spawn(move || {
                let (finished, asked) = run(Some(fault.clone()));
                assert_eq!(finished.code, 0, "{fault}: {}", finished.stderr);
                // Two that wait for the token at the same time may both ask again.
                let more = asked.len() - count;
                assert!((1..=2).contains(&more), "{fault}: {asked:?}");
            });
        }
    });
}
