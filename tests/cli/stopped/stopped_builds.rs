//! Builds of a Dockerfile that are stopped where no child process is there to be stopped.

use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;

fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("the program is there");
}

/// A registry that takes connections and answers nothing.
fn silent_registry() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    (listener, host)
}

/// A build without an engine upon an image of this registry.
fn native(registry: &str, settings: &str) -> Program {
    let plan = format!(
        "name: slow\nreport: none\nsteps:\n  - build: {{ context: ., using: native }}\n{settings}"
    );
    Program::with_plan(&plan).file("Dockerfile", &format!("FROM {registry}/base:1\nUSER nobody\n"))
}

#[test]
fn build_without_an_engine_is_stopped_while_its_base_image_is_fetched() {
    let (listener, host) = silent_registry();
    let program = native(&host, "");
    let child = program.start(&["run"]);
    let _open: (TcpStream, _) = listener.accept().expect("a connection");
    interrupt(&child);

    let finished = program.finish(child).exits(130);
    assert!(finished.stderr.contains("cancelled"), "{}", finished.stderr);
}

#[test]
fn build_without_an_engine_ends_at_its_timeout() {
    let (_listener, host) = silent_registry();
    let program = native(&host, "    timeout: 1s\n");

    let finished = program.run(&["run"]).exits(4);
    assert!(finished.stderr.contains("timed out  after 1"), "{}", finished.stderr);
}

#[test]
fn stop_during_the_probes_of_engines_is_no_lack_of_engines() {
    let docker = "#!/bin/sh\n: > asked\nexec /bin/sleep 600\n";
    let program = Program::with_plan("name: probed\nreport: none\nsteps: [{ build: . }]\n")
        .file("Dockerfile", "FROM scratch\nCOPY shipway.yml /\n")
        .file("bin/docker", docker);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(program.path("bin/docker"), mode).expect("permitted");
    let bin = program.path("bin").display().to_string();
    let program = program.env("PATH", &bin);
    let child = program.start(&["run"]);
    eventually("docker is asked", || program.path("asked").exists().then_some(()));
    interrupt(&child);

    let stderr = program.finish(child).exits(130).stderr;
    assert!(stderr.contains("cancelled"), "{stderr}");
    assert!(!stderr.contains("engine"), "{stderr}");
}
