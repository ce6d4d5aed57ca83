//! Dockerfiles built for several platforms: one index from every engine.

use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::output;
use serde_json::{Value, json};
use shipway::testing::http::Retryable as _;
use shipway::testing::image::dockerfile::{BuildRequest, DockerBuilder, Engine, EngineBuild};
use shipway::testing::image::{Store, WorkControl};
use shipway::testing::oci::{Digest, Platform};
use std::fs;
use std::sync::atomic::AtomicBool;

/// What is in the image depends on the platform; nothing has to run.
const DOCKERFILE: &str = "FROM scratch AS files
ARG TARGETARCH
COPY $TARGETARCH.txt /arch
FROM files
COPY both.txt /
";

fn program(image: &str, using: &str) -> Program {
    let program = Program::with_plan(&format!(
        "name: platforms
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build: {{ using: {using}, platforms: [linux/amd64, '${{{{ git.tag }}}}', linux/arm64] }}
  - tag: {image}
  - push:
"
    ));
    let program = program.file("Dockerfile", DOCKERFILE).file("both.txt", "both\n");
    let program = program.file("amd64.txt", "amd\n").file("arm64.txt", "arm\n");
    // Its own storage, with the driver that works on any file system.
    let [root, run] = ["root", "run"]
        .map(|name| program.path(".shipway/storage").join(name).display().to_string());
    let storage =
        format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{root}\"\nrunroot = \"{run}\"\n");
    let conf = program.path("storage.conf").display().to_string();
    program
        .file("storage.conf", &storage)
        .file(".dockerignore", "storage.conf\n")
        .env("CONTAINERS_STORAGE_CONF", &conf)
        .env("BUILDAH_ISOLATION", "chroot")
}

#[track_caller]
fn pushed_as_an_index_by(using: &str) {
    let registry = PeerRegistry::open();
    let name = format!("{}/web:1", registry.host());
    let program = program(&name, using);
    program.run(&["run"]).exits(0);

    let image = format!("docker://{name}");
    let raw = programs::run("skopeo", &["inspect", "--raw", "--tls-verify=false", &image]);
    assert_eq!(Digest::of(raw.as_bytes()).to_string(), output(&program, 0, "digest"));
    let index: Value = serde_json::from_str(&raw).expect("JSON");
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    let listed = index["manifests"].as_array().expect("a list");
    let platforms: Vec<_> = listed.iter().map(|one| &one["platform"]["architecture"]).collect();
    assert_eq!(platforms, [&json!("amd64"), &json!("arm64")]);
    let mut layers = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let of = ["--override-arch", architecture, "inspect", "--tls-verify=false", &image];
        let seen: Value = serde_json::from_str(&programs::run("skopeo", &of)).expect("JSON");
        assert_eq!(seen["Architecture"], architecture);
        layers.push(seen["Layers"].as_array().expect("a list").clone());
    }
    assert_ne!(layers[0].first(), layers[1].first(), "{layers:?}");
}

#[test]
fn without_an_engine() {
    pushed_as_an_index_by("native");
}

#[test]
fn by_buildah() {
    pushed_as_an_index_by("buildah");
}

#[test]
fn by_podman() {
    pushed_as_an_index_by("podman");
}

#[test]
fn pinned_platform_is_refused() {
    let program = program("shipwaydemo.azurecr.io/web:1", "native");
    let program =
        program.file("Dockerfile", "FROM --platform=linux/amd64 scratch\nCOPY both.txt /\n");

    let said = program.run(&["dry-run"]).exits(4).stderr;

    let message =
        "the Dockerfile gives an image for `linux/amd64` where `linux/arm64` is asked for";
    let help = "leave `--platform` out of the `FROM` of the stage that is built";
    assert!(said.contains(message) && said.contains(help), "{said}");
}

/// What buildx writes in one call: an archive with an index of several images.
#[test]
fn all_images_of_an_archive_are_imported() {
    let registry = PeerRegistry::open();
    let name = format!("{}/web:1", registry.host());
    let program = program(&name, "native");
    program.run(&["run"]).exits(0);
    let desk = program.path(".shipway/desk");
    fs::create_dir(&desk).expect("a folder");
    let (from, to) = (format!("docker://{name}"), desk.join("image.tar").display().to_string());
    let to = format!("oci-archive:{to}");
    programs::run("skopeo", &["copy", "--all", "--src-tls-verify=false", &from, &to]);
    let platforms: Vec<Platform> =
        ["linux/arm64", "linux/amd64"].map(|name| name.parse().expect("a platform")).into();
    let request = BuildRequest {
        context: program.folder().to_owned(),
        state: program.path(".shipway"),
        ..BuildRequest::default()
    };
    let builder = DockerBuilder::Buildx { writes_oci: true, attests: true, spread: false };
    let work = EngineBuild::new(Engine::Docker(builder), &request.on(&platforms), &desk);
    let work = work.expect("prepared");
    let store = Store::open(&program.path(".shipway/others")).expect("a store");
    let say = |digest: &str| {
        let said = json!({"containerimage.digest": digest}).to_string();
        fs::write(desk.join("metadata.json"), said).expect("written");
    };

    say(&output(&program, 0, "digest"));
    let images =
        work.collect(&store, &WorkControl::new(&AtomicBool::new(false))).expect("collected");

    let taken: Vec<_> = images.iter().map(|image| image.platform.clone()).collect();
    assert_eq!(taken, platforms);
    assert_ne!(images[0].layers, images[1].layers);
    let other = Digest::of(b"other").to_string();
    say(&other);
    let error = work
        .collect(&store, &WorkControl::new(&AtomicBool::new(false)))
        .expect_err("something else");
    let said = format!("docker (buildx) reported the digest `{other}`, but wrote `sha256:");
    assert!(error.to_string().starts_with(&said), "{error}");
    assert!(error.help().is_some());
}

/// The kernel refuses a file that is not a program with the same error as a
/// program for another platform, whether or not an emulator is installed.
#[test]
fn platform_without_an_emulator_is_explained() {
    let program = program("shipwaydemo.azurecr.io/web:1", "buildah");
    let program = program.file(
        "shipway.yml",
        "name: a
steps:
  - build: { using: buildah, platforms: [linux/s390x, linux/amd64] }
",
    );
    let program = program
        .file("Dockerfile", "FROM scratch\nCOPY --chmod=755 both.txt /make\nRUN [\"/make\"]\n");

    let said = program.run(&["run"]).exits(4).stderr;

    for part in [
        "buildah cannot run programs for `linux/s390x` here",
        "`RUN [\"/make\"]` failed with exit code 1 at `Dockerfile:3`",
        "install an emulator, with the package `qemu-user-static`",
    ] {
        assert!(said.contains(part), "no `{part}` in\n{said}");
    }
}
