//! What is built on: images that a dry run is given, and images that it
//! fetches from outside.

use crate::support::state::{output, requests};
use crate::support::{Program, busybox};
use serde_json::json;

const URL: &str = "http://based-demo.westeurope.azurecontainer.io\n";

/// A page onto a base that serves it.
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
fn a_seeded_image_is_found_under_its_real_name() {
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
