//! The labels of images, from git and from the plan.

use crate::support::Program;
use serde_json::{Value, json};
use std::fs;

const LAYERS: &str = "name: shop
steps:
  - build: { layers: [{ from: hello, to: /hello }] }
";

const DOCKERFILE: &str = "name: shop
steps:
  - build: { context: ., using: native, labels: { team: web, org.opencontainers.image.title: Shop } }
";

fn program(plan: &str) -> Program {
    let program = Program::with_plan(plan).file("hello", "hello\n").file(
        "Dockerfile",
        "FROM scratch\nLABEL team=none org.opencontainers.image.version=mine\nCOPY hello /\n",
    );
    let program = program.file(".gitignore", ".shipway\nimages\n").committed();
    program.git(&["remote", "add", "origin", "https://me:hunter22@github.com/octo/shop.git"]);
    program
}

/// The labels of the image that a run builds.
fn labels(program: &Program) -> Value {
    program.run(&["run", "--save-images", "images", "--no-report"]).exits(0);
    let read = |path: &str| -> Value {
        let text = fs::read(program.path(path)).expect("saved");
        serde_json::from_slice(&text).expect("JSON")
    };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().expect("a digest").replace(':', "/");
        read(&format!("images/shop/blobs/{digest}"))
    };
    let manifest = blob(&read("images/shop/index.json")["manifests"][0]);
    blob(&manifest["config"])["config"]["Labels"].clone()
}

#[test]
fn image_has_its_repository_and_that_of_a_version_has_its_commit() {
    let program = program(LAYERS);
    let source = json!({ "org.opencontainers.image.source": "https://github.com/octo/shop" });
    assert_eq!(labels(&program), source);

    program.git(&["tag", "v1.2.3"]);
    let commit = program.git(&["rev-parse", "HEAD"]);
    assert_eq!(
        labels(&program),
        json!({
            "org.opencontainers.image.source": "https://github.com/octo/shop",
            "org.opencontainers.image.revision": commit,
            "org.opencontainers.image.version": "1.2.3",
        })
    );
    let program = program.file("hello", "changed\n");
    assert_eq!(labels(&program), source);
}

#[test]
fn labels_of_the_plan_win_and_those_of_the_dockerfile_over_the_repositorys() {
    let program = program(DOCKERFILE);
    program.git(&["tag", "v1.2.3"]);
    let commit = program.git(&["rev-parse", "HEAD"]);
    assert_eq!(
        labels(&program),
        json!({
            "team": "web",
            "org.opencontainers.image.title": "Shop",
            "org.opencontainers.image.source": "https://github.com/octo/shop",
            "org.opencontainers.image.revision": commit,
            "org.opencontainers.image.version": "mine",
        })
    );
}
