//! Base images of a dry run: preloaded ones, and ones fetched from outside.

use crate::peer::registry::PeerRegistry;
use crate::peer::{busybox, programs};
use crate::support::state::{output, requests};
use crate::support::{Finished, Program};
use serde_json::json;

const URL: &str = "http://based-demo.westeurope.azurecontainer.io\n";

/// A plan that adds a page to a base image, which serves it.
fn program(base: &str) -> Program {
    Program::with_plan(&format!(
        "name: based
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build:
      base: {base}
      layers: [{{ from: page.html, to: /www/index.html }}]
      entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /www]
  - tag: {{ image: based.azurecr.io/web, tags: [v1] }}
  - push:
  - deploy: {{ aci: {{ dns-label: based-demo, ports: [80] }} }}
  - verify: {{ http: /, expect: {{ status: 200, body: hello }}, within: 1m }}
"
    ))
    .file("page.html", "<h1>hello</h1>\n")
}

#[test]
fn preloaded_image_has_its_real_name() {
    for (base, named) in [
        ("docker.io/library/busybox:1", "docker.io /v2/library/busybox/manifests/1"),
        ("ghcr.io/octo/base:3", "ghcr.io /v2/octo/base/manifests/3"),
        ("staging.azurecr.io/base:3", "staging.azurecr.io /v2/base/manifests/3"),
    ] {
        let program = program(base);
        busybox::layout(&program.path("seed"), &json!({}));

        let seed = format!("{base}=oci:seed");
        let arguments = ["dry-run", "--runtime", "built-in", "--seed-image", &seed];
        let finished = program.run(&arguments).exits(0);

        assert_eq!(finished.stdout, URL);
        let asked = requests(&program);
        assert!(asked.contains(&format!("GET {named} -> 200")), "{asked:#?}");
        assert!(output(&program, 0, "digest").starts_with("sha256:"));
    }
}

/// A registry outside that has busybox as `base:1`.
fn outside() -> PeerRegistry {
    let registry = PeerRegistry::open();
    let work = tempfile::tempdir().expect("a folder");
    busybox::layout(work.path(), &json!({}));
    let layout = format!("oci:{}", work.path().display());
    let to = format!("docker://{}/base:1", registry.host());
    programs::run("skopeo", &["copy", "--dest-tls-verify=false", &layout, &to]);
    registry
}

#[test]
fn base_is_fetched_from_outside_and_listed() {
    let registry = outside();
    let program = program(&format!("{}/base:1", registry.host()));

    let first = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);
    let digest = output(&program, 0, "digest");
    let again = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);

    assert_eq!((first.stdout.as_str(), again.stdout.as_str()), (URL, URL));
    assert_eq!(output(&program, 0, "digest"), digest);
    let notes = |finished: &Finished| -> Vec<String> {
        let said = finished.stderr.replace(&registry.host(), "HOST");
        let notes = said.lines().filter_map(|line| line.trim().strip_prefix("note: "));
        // Every dry run says these.
        let usual = ["the URL was up while", "a dry run does not ask GitHub"];
        let notes = notes.filter(|note| !usual.iter().any(|start| note.starts_with(start)));
        // The registry that it goes to.
        let notes = notes.filter(|note| !note.contains("has no `pull`"));
        let mut notes: Vec<String> = notes.map(str::to_owned).collect();
        notes.dedup();
        notes
    };
    let fetched = notes(&first);
    assert!(
        fetched[0].starts_with("`HOST/base:1` was fetched from outside: sha256:"),
        "{fetched:?}"
    );
    assert!(fetched[1].starts_with("2 blobs of `HOST/base` came with it, "), "{fetched:?}");
    // What the first run brought is not fetched again.
    assert_eq!(notes(&again), fetched[..1]);
}

#[test]
fn offline_names_the_remedy() {
    let registry = outside();
    let base = format!("{}/base:1", registry.host());
    let program = program(&base);

    let refused = program.run(&["dry-run", "--offline"]).exits(4);

    let said = refused.stderr.replace(&registry.host(), "HOST");
    let remedy = "`HOST/base:1` is not here, and `--offline` fetches nothing: give it with \
                  `--seed-image HOST/base:1=oci:FOLDER`";
    assert!(said.contains(remedy), "{said}");
    busybox::layout(&program.path("seed"), &json!({}));
    let seed = format!("{base}=oci:seed");
    let arguments = ["dry-run", "--offline", "--runtime", "built-in", "--seed-image", &seed];
    assert_eq!(program.run(&arguments).exits(0).stdout, URL);
}

#[test]
fn unreachable_registry_of_a_base_is_explained() {
    let registry = outside();
    let host = registry.host();
    drop(registry);
    let program = program(&format!("{host}/base:1"));

    let said = program.run(&["dry-run"]).exits(4).stderr.replace(&host, "HOST");

    assert!(said.contains("cannot read the manifest of `HOST/base:1`"), "{said}");
    assert!(said.contains("fetch `1` from `HOST`: "), "{said}");
    assert!(said.contains("Connection refused"), "{said}");
}
