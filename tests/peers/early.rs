//! Builds that start while the preflight still checks logins.

use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::eventually;
use crate::support::state::output;
use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

/// The address of a proxy to the registry that accepts connections only once the
/// folder has a file.
fn closed_until_there_is_something_in(folder: PathBuf, registry: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        eventually("the image is made", || fs::read_dir(&folder).ok()?.next().map(drop));
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(&registry).expect("the registry");
            thread::spawn(move || join(&near, &far));
        }
    });
    address
}

fn join(near: &TcpStream, far: &TcpStream) {
    thread::scope(|scope| {
        for (mut from, mut to) in [(near, far), (far, near)] {
            scope.spawn(move || {
                io::copy(&mut from, &mut to).ok();
                to.shutdown(std::net::Shutdown::Write).ok();
            });
        }
    });
}

fn plan(host: &str) -> String {
    format!(
        "name: web
steps:
  - build: {{ layers: [{{ from: a, to: /srv/a }}] }}
  - tag: '{host}/web:v1'
  - push:
"
    )
}

#[test]
fn build_starts_before_the_login_check_ends() {
    let registry = PeerRegistry::open();
    let program = Program::new().file("a", "a file\n");
    let blobs = program.path(".shipway/images/blobs/sha256");
    let host = closed_until_there_is_something_in(blobs, registry.host());
    let program = program.file("shipway.yml", &plan(&host));

    let done = program.run(&["run"]).exits(0);

    assert!(done.stderr.contains("build  started\n"), "{}", done.stderr);
    let packed = "2 entries, 2.6 kB as ";
    let lines: Vec<&str> = done.stderr.lines().filter(|line| line.contains(packed)).collect();
    assert_eq!(lines.len(), 1, "what was said early is said once: {}", done.stderr);
}

#[test]
fn refused_login_reports_nothing_of_the_early_build() {
    let registry = PeerRegistry::with_login("me", "open sesame");
    let program = Program::with_plan(&plan(&registry.host())).file("a", "a file\n");

    let refused = program.run(&["run"]).exits(3);

    assert!(!refused.stderr.contains("build"), "{}", refused.stderr);
    assert!(
        !program.path(".shipway/runs").exists() || {
            let runs = fs::read_dir(program.path(".shipway/runs")).expect("a folder");
            runs.flatten().all(|run| !run.path().join("journal.jsonl").exists())
        }
    );
}

#[test]
fn early_build_sees_outputs_of_earlier_runs() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let program = Program::with_plan(&format!(
        "name: shop
services:
  api:
    steps:
      - build: {{ layers: [{{ from: a, to: /srv/a }}] }}
      - tag: {host}/api:v1
      - push:
  web:
    needs: [api]
    steps:
      - build:
          layers: [{{ from: a, to: /srv/b }}]
          labels: {{ api: '${{{{ services.api.outputs.digest }}}}' }}
      - tag: {host}/web:v1
      - push:
"
    ))
    .file("a", "a file\n");
    program.run(&["run"]).exits(0);
    let digest = output(&program, 1, "digest");

    program.run(&["run", "--from", "web.build"]).exits(0);

    assert_eq!(output(&program, 0, "digest"), digest);
    program.run(&["run", "--only", "web", "--from", "web.build"]).exits(0);
    // The service that is left out comes first.
    assert_eq!(output(&program, 1, "digest"), digest);
}
