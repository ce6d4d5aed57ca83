//! Promotion of multi-platform images from registry to registry by digest.

use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::{newest, output, requests, result};
use serde_json::Value;
use std::fs;

/// Two platforms that share a layer, pushed to one repository; then taken from
/// there to another.
fn plan(staging: &str, live: &str) -> String {
    format!(
        "name: promoted
azure: {{ resource-group: demo, location: westeurope }}
services:
  staging:
    steps:
      - build:
          layers:
            - {{ from: page.html, to: /www/index.html }}
            - {{ from: arm.txt, to: /arm.txt, platform: linux/arm64 }}
          platforms: [linux/amd64, '${{{{ git.tag }}}}', linux/arm64]
      - tag: {staging}:next
      - push:
  live:
    needs: [staging]
    steps:
      - build: {{ image: '${{{{ services.staging.outputs.image }}}}' }}
      - tag: {{ image: {live}, tags: [1.2.3, '1.2', '1'] }}
      - push:
"
    )
}

fn program(staging: &str, live: &str) -> Program {
    Program::with_plan(&plan(staging, live))
        .file("page.html", "<h1>hello</h1>\n")
        .file("arm.txt", "for arm alone\n")
}

/// The requests of this method about this repository, without their statuses.
fn asked(log: &[String], method: &str, host: &str, path: &str) -> Vec<String> {
    let start = format!("{method} {host} /v2/{path}");
    let mut found: Vec<String> = log
        .iter()
        .filter_map(|line| line.strip_prefix(&start)?.split_once(" -> "))
        .map(|(rest, status)| format!("{rest} {status}"))
        .collect();
    found.sort();
    found
}

#[test]
fn promotion_within_a_registry_moves_no_bytes() {
    let host = "shipwaydemo.azurecr.io";
    let program = program(&format!("{host}/staging"), &format!("{host}/live"));
    program.run(&["dry-run"]).exits(0);

    let digest = output(&program, 0, "digest");
    assert_eq!(output(&program, 1, "digest"), digest);
    assert_eq!(output(&program, 1, "bytes-sent"), "0");
    let log = requests(&program);
    let manifests =
        |repository: &str| asked(&log, "PUT", host, &format!("{repository}/manifests/"));
    let children = |repository: &str| {
        let mut children = manifests(repository);
        children.retain(|line| line.starts_with("sha256:"));
        children
    };
    assert_eq!(children("live").len(), 2, "{log:#?}");
    assert_eq!(children("live"), children("staging"), "every platform");
    let mut tags = manifests("live");
    tags.retain(|line| !line.starts_with("sha256:"));
    assert_eq!(tags, ["1 201", "1.2 201", "1.2.3 201"]);
    let opened = asked(&log, "POST", host, "live/blobs/uploads/");
    assert_eq!(opened.len(), 4, "two layers and two configurations: {log:#?}");
    assert!(opened.iter().all(|line| line.contains("mount=") && line.ends_with(" 201")));
    for method in ["PUT", "PATCH"] {
        assert_eq!(asked(&log, method, host, "live/blobs/"), [""; 0], "no byte went up");
    }
    assert_eq!(asked(&log, "GET", host, "staging/blobs/"), [""; 0], "and none came down");
}

#[test]
fn skopeo_podman_and_buildah_see_one_digest_and_select_the_platform() {
    let (staging, live) = (PeerRegistry::open(), PeerRegistry::open());
    let (from, to) = (format!("{}/web", staging.host()), format!("{}/live", live.host()));
    let first = program(&from, &to);
    first.run(&["run", "--only", "staging"]).exits(0);
    let digest = output(&first, 0, "digest");
    let promoting = format!(
        "name: promoting
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build: {{ image: '{from}:next' }}
  - tag: {to}:1.2.3
  - push:
"
    );
    let program = Program::with_plan(&promoting);
    program.run(&["run"]).exits(0);

    assert_eq!(output(&program, 0, "digest"), digest);
    let kept = fs::read_dir(program.path(".shipway/images/blobs/sha256")).expect("a store");
    assert_eq!(kept.count(), 3, "an index and two manifests: no layer was kept");
    let image = format!("docker://{to}:1.2.3");
    let raw = programs::run("skopeo", &["inspect", "--raw", "--tls-verify=false", &image]);
    assert_eq!(shipway::testing::oci::Digest::of(raw.as_bytes()).to_string(), digest);
    let folder = program.path("copied");
    let layout = format!("oci:{}:all", folder.display());
    programs::run("skopeo", &["copy", "--all", "--src-tls-verify=false", &image, &layout]);
    let index = fs::read_to_string(folder.join("index.json")).expect("a layout");
    let index: Value = serde_json::from_str(&index).expect("JSON");
    assert_eq!(index["manifests"][0]["digest"], *digest);
    for (architecture, layers) in [("amd64", 1), ("arm64", 2)] {
        let of = ["--override-arch", architecture, "inspect", "--tls-verify=false", &image];
        let seen: Value = serde_json::from_str(&programs::run("skopeo", &of)).expect("JSON");
        assert_eq!(seen["Architecture"], architecture);
        assert_eq!(seen["Layers"].as_array().map(Vec::len), Some(layers));
    }
    let name = format!("{to}:1.2.3");
    for program in ["podman", "buildah"] {
        let id =
            programs::run(program, &["pull", "-q", "--tls-verify=false", "--arch=arm64", &name]);
        let format = ["inspect", "--type=image", "--format={{.OCIv1.Architecture}}", id.trim()];
        let format = if program == "podman" {
            ["inspect", "--type=image", "--format={{.Architecture}}", id.trim()]
        } else {
            format
        };
        assert_eq!(programs::run(program, &format).trim(), "arm64", "{program}");
        programs::run(program, &["rmi", "-f", id.trim()]);
    }
}

#[test]
fn platform_selects_one_image_of_an_index() {
    let registry = PeerRegistry::open();
    let (from, to) = (format!("{}/web", registry.host()), format!("{}/one", registry.host()));
    program(&from, &to).run(&["run", "--only", "staging"]).exits(0);
    let plan = |platform: &str| {
        Program::with_plan(&format!(
            "name: one
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build: {{ image: '{from}:next', platform: {platform} }}
  - tag: {to}:one
  - push:
"
        ))
    };
    let program = plan("linux/arm64");
    program.run(&["run"]).exits(0);

    let image = format!("docker://{to}:one");
    let raw = programs::run("skopeo", &["inspect", "--raw", "--tls-verify=false", &image]);
    let manifest: Value = serde_json::from_str(&raw).expect("JSON");
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(2), "{manifest:#}");
    let refused = plan("windows/amd64").run(&["run"]).exits(4);
    let said = refused.stderr.replace(&registry.host(), "REGISTRY");
    assert!(
        said.contains(
            "`REGISTRY/web:next` is not there for windows/amd64, only for linux/amd64, linux/arm64"
        ),
        "{said}"
    );
}

/// Gives the same files as the layers of the plan below.
const DOCKERFILE: &str = r#"FROM scratch
COPY busybox /bin/busybox
COPY page.html /www/index.html
EXPOSE 80
ENTRYPOINT ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
"#;

#[test]
fn container_group_gets_an_image_and_never_the_index() {
    let plan = "name: grouped
azure: { resource-group: demo, location: westeurope }
steps:
  - build:
      layers:
        - { from: busybox, to: /bin/busybox, mode: '0755' }
        - { from: page.html, to: /www/index.html }
      platforms: [linux/arm64, linux/amd64]
      entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /www]
      expose: [80]
  - tag: shipwaydemo.azurecr.io/web:1
  - push:
  - deploy: { aci: { dns-label: shipway-grouped, ports: [80], image: IMAGE } }
  - verify: /
";
    let by_default = plan.replace(", image: IMAGE", "");
    let by_name = plan.replace(
        "- deploy: { aci: { dns-label: shipway-grouped, ports: [80], image: IMAGE } }",
        "- deploy:\n      image: ${{ steps.push.outputs.image }}\n      aci: { dns-label: shipway-grouped, ports: [80] }",
    );
    let build = plan.find("      layers:").expect("a build")..plan.find("  - tag:").expect("a tag");
    let mut by_dockerfile = by_default.clone();
    by_dockerfile
        .replace_range(build, "      platforms: [linux/arm64, linux/amd64]\n      using: native\n");
    for plan in [by_default, by_name, by_dockerfile] {
        let program = Program::with_plan(&plan).busybox().file("page.html", "hello\n");
        let program = program.file("Dockerfile", DOCKERFILE);
        program.run(&["dry-run", "--runtime", "built-in"]).exits(0);

        let digest = output(&program, 0, "digest");
        let log = requests(&program);
        let mut manifests = asked(&log, "PUT", "shipwaydemo.azurecr.io", "web/manifests/");
        manifests.retain(|line| line.starts_with("sha256:"));
        assert_eq!(manifests.len(), 2);
        let image = deployed(&program);
        let (_, deployed) = image.split_once('@').expect("by digest");
        assert_ne!(deployed, digest, "the index");
        assert!(manifests.iter().any(|line| line.starts_with(deployed)), "{image}");
    }
}

/// The image that Resource Manager was given.
fn deployed(program: &Program) -> String {
    let folder = newest(program, "local").expect("a cloud");
    let text = fs::read_to_string(folder.join("arm/resources.json")).expect("its memory");
    let (_, image) = text.split_once("shipwaydemo.azurecr.io/web@").expect("a group with an image");
    format!("web@{}", image.split('"').next().unwrap_or_default())
}

/// The notes of a release with what the newest run has released.
fn notes(program: &Program, before: &str) -> String {
    let folder = newest(program, "runs").expect("a run");
    let mut child = std::process::Command::new(program.path("notes.py"))
        .arg(folder.join("result.json"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 is installed by tests/run");
    let mut stdin = child.stdin.take().expect("is piped");
    std::io::Write::write_all(&mut stdin, before.as_bytes()).expect("read");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

#[test]
fn a_release_goes_from_staging_to_production_by_digest() {
    let program = Program::with_workflow("release");
    for arguments in [
        ["init", "--quiet", "--initial-branch=main"].as_slice(),
        &["add", "."],
        &["commit", "--quiet", "--message=release"],
        &["tag", "v1.2.3"],
        &["checkout", "--quiet", "--detach"],
    ] {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let folder = program.folder().display().to_string();
        programs::run("git", &[["-C", &folder].as_slice(), &who, arguments].concat());
    }
    let finished = program.run(&["dry-run", "--event", "push"]).exits(0);

    assert_eq!(finished.stdout, "http://shipway-release.westeurope.azurecontainer.io\n");
    let result = result(&program);
    let digest = output(&program, 1, "digest");
    assert_eq!(output(&program, 0, "digest"), digest, "{result:#}");
    let tags = output(&program, 1, "tags");
    let name = "shipwayproduction.azurecr.io/release";
    assert_eq!(tags, format!("{name}:1.2.3\n{name}:1.2\n{name}:1\n{name}:latest"));
    let log = requests(&program);
    let children = |host: &str| {
        let mut put = asked(&log, "PUT", host, "release/manifests/");
        put.retain(|line| line.starts_with("sha256:"));
        put
    };
    let staged = children("shipwaystaging.azurecr.io");
    assert!(!staged.is_empty());
    let released = children("shipwayproduction.azurecr.io");
    assert!(staged.iter().all(|child| released.contains(child)), "every platform: {released:?}");
    let sboms = output(&program, 1, "sbom");
    let sboms: Vec<String> = sboms.lines().map(|one| format!("`{one}`")).collect();
    assert!(!sboms.is_empty());
    let sboms = sboms.join("<br>");

    let row = format!(
        "| `production` | `{name}@{digest}` | <http://shipway-release.westeurope.azurecontainer.io> | {sboms} |"
    );
    let notes = notes(&program, "New: socks.");
    assert!(notes.starts_with("New: socks.\n\n<!-- shipway: released -->\n| Service |"), "{notes}");
    assert!(notes.contains(&row), "no `{row}` in {notes}");
    assert_eq!(self::notes(&program, &notes), notes, "a second run replaces its own table");
}
