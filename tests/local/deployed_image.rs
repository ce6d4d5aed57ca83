//! `deploy: { image: … }`: what runs is the digest that was there when the run began.

use crate::support::cloud_process::CloudProcess;
use crate::support::state::{output, result};
use crate::support::{Finished, Program};

/// A cloud with one registry, and a program in a folder with busybox.
struct Scene {
    cloud: CloudProcess,
    program: Program,
}

impl Scene {
    fn new() -> Self {
        let cloud = CloudProcess::with_private_registry();
        Self { cloud, program: Program::new().applets() }
    }

    /// Writes a plan with these steps, and runs it.
    fn run(&self, name: &str, steps: &str) -> Finished {
        self.write(name, steps);
        self.program.run(&["run", name, "--cloud", &self.cloud.path.display().to_string()])
    }

    fn write(&self, name: &str, steps: &str) {
        let plan = format!(
            "name: pinned\nazure: {{ resource-group: demo, location: westeurope }}\nsteps:\n{steps}"
        );
        std::fs::write(self.program.path(name), plan).expect("a file can be written");
    }

    /// The digests of what is pushed under these tags.
    fn push(&self, tag: &str, platforms: &str) -> String {
        self.run("push.yml", &push(tag, platforms)).exits(0);
        output(&self.program, 0, "digest")
    }
}

/// The steps that push an image whose content depends on the tag.
fn push(tag: &str, platforms: &str) -> String {
    format!(
        "  - build: {{ layers: [{{ from: busybox, to: /busybox }}], entrypoint: [/busybox, httpd, -f, -p, \"8080\"], labels: {{ for: \"{tag} {platforms}\" }}, {platforms} }}\n  - tag: demo.azurecr.io/web:{tag}\n  - push:\n"
    )
}

fn deploy(tag: &str) -> String {
    format!("  - deploy: {{ image: \"demo.azurecr.io/web:{tag}\", aci: {{ ports: [8080] }} }}\n")
}

#[test]
fn tag_that_moves_during_the_run_does_not_change_what_is_deployed() {
    let scene = Scene::new();
    let before = scene.push("v1", "platform: linux/amd64");
    scene.write("move.yml", &push("v1", "platforms: [linux/amd64]"));
    let program = env!("CARGO_BIN_EXE_shipway");
    let cloud = scene.cloud.path.display();
    let moved = format!(
        "  - run: [\"{program}\", run, move.yml, --state-dir, moved, --cloud, \"{cloud}\"]\n"
    );
    let finished = scene.run("deploy.yml", &(moved + &deploy("v1"))).exits(0);

    let image = format!("demo.azurecr.io/web@{before}");
    let results = result(&scene.program);
    assert_eq!(results["services"][0]["outputs"]["image"], image.as_str(), "{results:#}");
    assert!(finished.stderr.contains(&format!("`demo.azurecr.io/web:v1` is {image}\n")));
}

#[test]
fn image_for_azures_platform_is_taken_of_an_index() {
    let scene = Scene::new();
    let index = scene.push("both", "platforms: [linux/arm64, linux/amd64]");
    scene.run("deploy.yml", &deploy("both")).exits(0);

    let image = output(&scene.program, 0, "image");
    assert!(image.starts_with("demo.azurecr.io/web@sha256:"), "{image}");
    assert!(!image.ends_with(&index), "an index cannot be deployed: {image}");
}

#[test]
fn image_for_another_platform_is_refused_before_the_first_step() {
    let scene = Scene::new();
    scene.push("arm", "platform: linux/arm64");
    let steps = "  - run: touch begun\n".to_owned() + &deploy("arm");
    let finished = scene.run("deploy.yml", &steps).exits(3);

    assert!(
        finished.stderr.contains(
            "error: `demo.azurecr.io/web:arm` is not there for linux/amd64, only for linux/arm64\n  help: push one for linux/amd64, or name another image\n"
        ),
        "{}",
        finished.stderr
    );
    assert!(!scene.program.path("begun").exists());
}

#[test]
fn missing_image_is_refused_before_the_first_step() {
    let scene = Scene::new();
    let steps = "  - run: touch begun\n".to_owned() + &deploy("v9");
    let finished = scene.run("deploy.yml", &steps).exits(3);

    assert!(
        finished.stderr.contains("error: cannot find `demo.azurecr.io/web:v9`\n"),
        "{}",
        finished.stderr
    );
    assert!(!scene.program.path("begun").exists());
}

#[test]
fn copied_image_for_another_platform_is_refused_before_it_is_pushed() {
    let scene = Scene::new();
    scene.push("arm", "platform: linux/arm64");
    let steps = "  - build: { image: \"demo.azurecr.io/web:arm\" }\n  - tag: demo.azurecr.io/copy:v1\n  - push:\n  - deploy: { aci: { ports: [8080] } }\n";
    let finished = scene.run("copy.yml", steps).exits(4);

    let said = "the image is for linux/arm64, and Container Instances run linux/amd64";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    let pushed = scene
        .cloud
        .requests()
        .into_iter()
        .filter(|it| it.path.contains("/copy/") && it.method == "PUT");
    assert_eq!(pushed.count(), 0);
}

#[test]
fn image_that_the_run_pushes_is_deployed_by_its_digest() {
    let scene = Scene::new();
    let finished = scene.run("both.yml", &(push("new", "platform: linux/amd64") + &deploy("new")));
    finished.exits(0);

    let outputs = &result(&scene.program)["services"][0]["outputs"];
    let digest = outputs["digest"].as_str().expect("a digest");
    assert_eq!(outputs["image"], format!("demo.azurecr.io/web@{digest}"));
}

#[test]
fn image_that_another_service_pushes_is_promoted_by_its_tag_in_a_dry_run() {
    let plan = "name: release
services:
  stage:
    steps:
      - build: { layers: [{ from: busybox, to: /busybox }] }
      - tag: demo.azurecr.io/stage:v1
      - push:
  live:
    needs: [stage]
    steps:
      - build: { image: demo.azurecr.io/stage:v1 }
      - tag: demo.azurecr.io/live:v1
      - push:
";
    let program = Program::with_plan(plan).applets();
    program.run(&["dry-run"]).exits(0);
    assert_eq!(output(&program, 0, "digest"), output(&program, 1, "digest"));
}
