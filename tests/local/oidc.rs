//! A run that signs in as a workflow of GitHub Actions does: with a token of GitHub, through
//! the proxy and the certificates that its environment names.

use super::preflight::transient_faults;
use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

const PLAN: &str = "\
name: shop
steps:
  - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
  - tag: demo.azurecr.io/shop:v1
  - push:
";

/// The endpoint of a runner for tokens of its job.
struct TokenEndpoint {
    url: String,
    /// The first line of each request, and its authorization.
    asked: Arc<Mutex<Vec<[String; 2]>>>,
}

impl TokenEndpoint {
    /// The first request meets the fault.
    fn start(fault: Option<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let mut fault = fault;
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                log.lock().expect("no panic").push(request(&stream));
                answer(stream, fault.take());
            }
        });
        Self { url: format!("http://{address}/token?api-version=2.0"), asked }
    }
}

fn request(stream: &TcpStream) -> [String; 2] {
    let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let authorization =
        lines.iter().find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
    [lines[0].clone(), authorization.cloned().unwrap_or_default()]
}

fn answer(mut stream: TcpStream, fault: Option<Value>) {
    let (status, more, body) = match fault {
        None => (200, String::new(), json!({ "value": "header.claims.signature" }).to_string()),
        Some(fault) if fault["reset"] == true => return,
        Some(fault) => {
            let wait = fault["retry-after"].as_u64();
            let more = wait.map(|secs| format!("retry-after: {secs}\r\n")).unwrap_or_default();
            (fault["status"].as_u64().expect("a status"), more, String::new())
        }
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}"
    )
    .expect("it is read");
}

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
        let asked = endpoint.asked.lock().expect("no panic").clone();
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
