//! The SBOM and the provenance of a push, read by other programs.

use super::{AZURE, Cloud, pages, rows};
use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::output;
use serde_json::{Value, json};

const SBOM: &str = "application/spdx+json";
const STATEMENT: &str = "application/vnd.in-toto+json";
const SECRET: &str = "hunter2-and-more-than-that";

/// What is attached to `web:v1`.
fn attached(program: &Program, host: &str) -> Value {
    let image = format!("{host}/web:v1");
    rows(&program.run(&["images", &image, "--referrers", "--output", "json"]).exits(0))
}

/// The content of the one of a type: its only layer.
fn content(host: &str, attached: &Value, kind: &str) -> String {
    let all = attached.as_array().expect("a list");
    let one = all.iter().find(|one| one["artifact-type"] == kind).expect("one of that type");
    let reference = format!("docker://{}", one["reference"].as_str().expect("a name"));
    let raw = programs::run("skopeo", &["inspect", "--raw", "--tls-verify=false", &reference]);
    let manifest: Value = serde_json::from_str(&raw).expect("JSON");
    assert_eq!(manifest["artifactType"], kind);
    let digest = manifest["layers"][0]["digest"].as_str().expect("a digest");
    programs::run("curl", &["-sSf", &format!("http://{host}/v2/web/blobs/{digest}")])
}

/// An SBOM that the tools of SPDX find nothing wrong with.
fn validated(program: &Program, document: &str) -> Value {
    let path = program.path("sbom.spdx.json");
    std::fs::write(&path, document).expect("a file");
    let validator = programs::python("pyspdxtools").display().to_string();
    programs::run(&validator, &["-i", &path.display().to_string()]);
    serde_json::from_str(document).expect("JSON")
}

/// A commit of all that is in the folder.
fn commit(program: &Program) -> String {
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["remote", "add", "origin", "https://me:battery-horse@github.com/octo/demo.git"],
        &["add", "-A"],
        &["-c", "user.name=octo", "-c", "user.email=octo@example.com", "commit", "-qm", "first"],
    ] {
        programs::run_in(program.folder(), "git", arguments);
    }
    programs::run_in(program.folder(), "git", &["rev-parse", "HEAD"]).trim().to_owned()
}

#[test]
fn sbom_and_provenance_are_attached_once() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let program = pages(&host, "{ sbom: true, provenance: true }");
    let sha = commit(&program);

    let first = program.run(&["run"]).exits(0);
    let digest = output(&program, 0, "digest");
    let sbom = output(&program, 0, "sbom");
    let again = program.run(&["run"]).exits(0);

    assert!(first.stderr.contains("sbom of 1 file and 0 packages attached to `"), "{first:?}");
    assert!(again.stderr.contains("provenance was attached to `"), "{again:?}");
    assert_eq!(output(&program, 0, "sbom"), sbom, "the same bytes");
    let attached = attached(&program, &host);
    let types: Vec<&Value> =
        attached.as_array().expect("a list").iter().map(|one| &one["artifact-type"]).collect();
    assert_eq!(types, [SBOM, STATEMENT]);
    assert_eq!(attached[0]["reference"], sbom);

    let document = content(&host, &attached, SBOM);
    let document = validated(&program, &document);
    assert_eq!(document["files"][0]["fileName"], "./www/index.html");
    assert_eq!(document["packages"][0]["versionInfo"], digest);

    let statement: Value =
        serde_json::from_str(&content(&host, &attached, STATEMENT)).expect("JSON");
    let hex = digest.trim_start_matches("sha256:");
    let name = format!("{host}/web");
    assert_eq!(statement["subject"], json!([{ "name": name, "digest": { "sha256": hex } }]));
    let build = &statement["predicate"]["buildDefinition"];
    assert_eq!(build["externalParameters"]["plan"], "shipway.yml");
    assert_eq!(build["externalParameters"]["targets"], json!([format!("{host}/web:v1")]));
    assert_eq!(
        build["resolvedDependencies"],
        json!([{
            "uri": "git+https://github.com/octo/demo.git",
            "digest": { "gitCommit": sha },
        }])
    );
}

#[test]
fn sbom_lists_dpkg_and_apk_packages_and_is_valid() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let program = pages(&host, "{ sbom: true }");
    let plan = std::fs::read_to_string(program.path("shipway.yml")).expect("a plan");
    let layers = "layers:
        - { from: status, to: /var/lib/dpkg/status }
        - { from: installed, to: /lib/apk/db/installed }
        - { from: os-release, to: /etc/os-release }";
    let plan = plan.replace("layers: [{ from: page.html, to: /www/index.html }]", layers);
    let program = program
        .file("shipway.yml", &plan)
        .file(
            "status",
            "Package: libstdc++6
Status: install ok installed
Maintainer: Debian GCC Maintainers <debian-gcc@lists.debian.org>
Architecture: amd64
Version: 1:12.2.0-14+deb12u1~x
Description: GNU Standard C++ Library v3
 more of it

Package: gone
Status: deinstall ok config-files
Version: 1
",
        )
        .file("installed", "C:Q1abc=\nP:musl\nV:1.2.5_git20240101-r0\nA:x86_64\nL:MIT\n\n")
        .file("os-release", "ID=debian\nVERSION_ID=\"12\"\n");

    let finished = program.run(&["run"]).exits(0);

    let said = "sbom of 3 files and 2 packages attached to `";
    assert!(finished.stderr.contains(said), "{finished:?}");
    let attached = attached(&program, &host);
    let document = validated(&program, &content(&host, &attached, SBOM));
    let packages = document["packages"].as_array().expect("packages");
    let named = |name: &str| {
        let one = packages.iter().find(|one| one["name"] == name).expect("the package");
        (one["versionInfo"].clone(), one["externalRefs"][0]["referenceLocator"].clone())
    };
    assert_eq!(
        named("libstdc++6"),
        (
            json!("1:12.2.0-14+deb12u1~x"),
            json!(
                "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1~x?arch=amd64&distro=debian-12"
            )
        )
    );
    let (version, _) = named("musl");
    assert_eq!(version, "1.2.5_git20240101-r0");
    assert!(packages.iter().all(|one| one["name"] != "gone"));
}

#[test]
fn provenance_names_the_base_by_digest() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let below = pages(&host, "");
    super::push(&below, "below", "below");
    let base = output(&below, 0, "digest");
    let program = pages(&host, "{ provenance: true }");
    let plan = std::fs::read_to_string(program.path("shipway.yml")).expect("a plan");
    let layers = format!("base: '{host}/web:below'\n      layers:");
    let program = program.file("shipway.yml", &plan.replace("layers:", &layers));

    program.run(&["run"]).exits(0);

    let attached = attached(&program, &host);
    let statement: Value =
        serde_json::from_str(&content(&host, &attached, STATEMENT)).expect("JSON");
    assert_eq!(
        statement["predicate"]["buildDefinition"]["resolvedDependencies"],
        json!([{
            "name": "base image",
            "uri": format!("oci://{host}/web"),
            "digest": { "sha256": base.trim_start_matches("sha256:") },
        }])
    );
}

#[test]
fn attachments_contain_no_secret() {
    let registry = PeerRegistry::with_login("ci", SECRET);
    let host = registry.host();
    let program = Program::with_plan(&format!(
        "name: secretive
secrets: {{ password: {{ env: REGISTRY_PASSWORD }} }}
env: {{ VISIBLE: a-plain-value }}
registries:
  '{host}': {{ login: {{ username: ci, password: '${{{{ secrets.password }}}}' }} }}
steps:
  - run: test -n \"$TOKEN\"
    env: {{ TOKEN: '${{{{ secrets.password }}}}' }}
  - build:
      layers: [{{ from: page.html, to: /www/index.html }}]
      env: {{ MODE: another-plain-value }}
  - tag: '{host}/web:v1'
  - push: {{ sbom: true, provenance: true }}
"
    ))
    .file("page.html", "<h1>hello</h1>\n")
    .env("REGISTRY_PASSWORD", SECRET);
    program.run(&["run"]).exits(0);

    let attached = attached(&program, &host);
    let login = format!("ci:{SECRET}");
    for one in attached.as_array().expect("a list") {
        let reference = format!("docker://{}", one["reference"].as_str().expect("a name"));
        let inspect = ["inspect", "--raw", "--tls-verify=false", "--creds", &login, &reference];
        let manifest = programs::run("skopeo", &inspect);
        let read: Value = serde_json::from_str(&manifest).expect("JSON");
        let digest = read["layers"][0]["digest"].as_str().expect("a digest");
        let url = format!("http://{login}@{host}/v2/web/blobs/{digest}");
        for text in [programs::run("curl", &["-sSf", &url]), manifest] {
            for value in [SECRET, "a-plain-value", "another-plain-value"] {
                assert!(!text.contains(value), "{value} in\n{text}");
            }
        }
    }
    assert_eq!(attached.as_array().map(Vec::len), Some(2));
}

#[test]
fn registry_with_referrers_gets_no_tag() {
    let cloud = Cloud::start("{ sbom: true, provenance: true }");
    let image = format!("{AZURE}/web:v1");

    let listed = rows(&cloud.images(&[&image, "--referrers", "--output", "json"]).exits(0));
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed:#}");
    let one = ["--referrers", "--artifact-type", SBOM];
    let shown = cloud.images(&[&[image.as_str()], &one[..]].concat()).exits(0).stdout;
    assert_eq!(shown.lines().count(), 2, "{shown}");

    // What is attached goes with the image, and is no tag meanwhile.
    cloud.push("pr-7", "seven");
    let tags = super::column(&cloud.listed(), "tag");
    assert_eq!(tags, ["pr-7", "v1"]);
    let done = rows(&cloud.images(&["--prune", "--pr", "7", "--yes", "--output", "json"]).exits(0));
    assert_eq!(done["removed"].as_array().map(Vec::len), Some(3), "{done:#}");
}
