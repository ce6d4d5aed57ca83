//! Images of the stores of docker and podman, pushed as they are.

use crate::peer::dockerd::Dockerd;
use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::output;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// A plan that pushes an image of a store.
fn plan(host: &str, image: &str) -> Program {
    Program::with_plan(&format!(
        "name: stored
report: none
steps:
  - build: {image}
  - tag: {host}/web:v1
  - push:
"
    ))
}

/// Makes an image of one file, `web:v1`, with this engine, and returns its ID.
fn import(engine: &dyn Fn() -> Command, program: &Program) -> String {
    fs::write(program.path("page"), "hello").expect("a file");
    let archive = program.path("root.tar").display().to_string();
    let folder = program.folder().display().to_string();
    programs::run("tar", &["--create", "--file", &archive, "--directory", &folder, "page"]);
    said(engine().args(["import", &archive, "web:v1"]));
    said(engine().args(["image", "inspect", "--format", "{{.Id}}", "web:v1"]))
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// The ID of the pushed image: the digest of its configuration.
fn pushed_id(registry: &PeerRegistry, program: &Program) -> String {
    let image = format!("docker://{}/web@{}", registry.host(), output(program, 0, "digest"));
    let manifest = programs::run("skopeo", &["inspect", "--raw", "--tls-verify=false", &image]);
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    manifest["config"]["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn image_of_docker_is_pushed_with_its_id() {
    let (dockerd, registry) = (Dockerd::start(), PeerRegistry::open());
    let program = plan(&registry.host(), "{ image: 'docker-daemon:web:v1' }");
    let program = program.env("DOCKER_HOST", &dockerd.host());
    let docker = || {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", dockerd.host());
        command
    };
    let id = import(&docker, &program);

    let finished = program.run(&["run"]).exits(0);

    assert_eq!(pushed_id(&registry, &program), id);
    let note = format!("`docker-daemon:web:v1` is {id}");
    assert!(finished.stderr.contains(&note), "{}", finished.stderr);
    let digest = output(&program, 0, "digest");
    // By its ID, and again: the same image, of which nothing is sent.
    let by_id = plan(&registry.host(), &format!("{{ image: 'docker-daemon:{id}' }}"));
    let by_id = by_id.env("DOCKER_HOST", &dockerd.host());
    by_id.run(&["run"]).exits(0);
    assert_eq!(output(&by_id, 0, "digest"), digest);
    assert_eq!(output(&by_id, 0, "bytes-sent"), "0");

    let missing = plan(&registry.host(), "{ image: 'docker-daemon:gone:v1' }");
    let missing = missing.env("DOCKER_HOST", &dockerd.host());
    missing.run(&["run"]).exits(4).says_in_order(&[
        "docker has no image `gone:v1`",
        "help: `docker image ls` lists what is there; build, load or pull it in a step before, or \
         name another one",
    ]);
    let other = "{ image: 'docker-daemon:web:v1', platform: linux/s390x }";
    let other = plan(&registry.host(), other).env("DOCKER_HOST", &dockerd.host());
    other.run(&["run"]).exits(4).says_in_order(&[
        "cannot import `docker-daemon:web:v1`",
        "`docker-daemon:web:v1` holds no image for linux/s390x",
        "help: write `platform:` with what is there: `linux/",
    ]);
}

#[test]
fn image_of_podman_is_pushed_with_its_id() {
    let registry = PeerRegistry::open();
    let program = plan(&registry.host(), "{ image: 'containers-storage:localhost/web:v1' }");
    let store = tempfile::tempdir().expect("a folder");
    let at = |name: &str| store.path().join(name).display().to_string();
    let config = at("storage.conf");
    let (root, run) = (at("root"), at("run"));
    fs::write(
        &config,
        format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{root}\"\nrunroot = \"{run}\"\n"),
    )
    .expect("a file");
    let program = program.env("CONTAINERS_STORAGE_CONF", &config);
    let podman = || {
        let mut command = Command::new("podman");
        command.env("CONTAINERS_STORAGE_CONF", &config);
        command
    };
    let id = import(&podman, &program);

    program.run(&["run"]).exits(0);

    assert_eq!(pushed_id(&registry, &program), format!("sha256:{id}"));
}

#[test]
fn engine_that_does_not_answer_is_named_with_another_way() {
    let program = plan("127.0.0.1:1", "{ image: 'docker-daemon:web:v1' }");
    let program = program.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    program.run(&["run", "--until", "build"]).exits(4).says_in_order(&[
        "cannot take `docker-daemon:web:v1` from the store of docker",
        "`docker` says: ",
        "help: make sure that `docker info` works here; or let `docker save --output FILE web:v1` \
         write the image where it is, and name the file: `docker-archive:FILE`",
    ]);
}
