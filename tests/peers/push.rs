//! Pushes to docker-registry.

use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::{output, result};
use serde_json::Value;

const USER: &str = "ci";
const PASSWORD: &str = "correct-horse-battery";

/// One layer, two tags, a login by user and password.
fn program(registry: &PeerRegistry) -> Program {
    let host = registry.host();
    Program::with_plan(&format!(
        "name: pushed
secrets: {{ password: {{ env: REGISTRY_PASSWORD }} }}
azure: {{ resource-group: demo, location: westeurope }}
registries:
  {host}: {{ login: {{ username: {USER}, password: '${{{{ secrets.password }}}}' }} }}
steps:
  - run: touch changed
  - build:
      layers: [{{ from: page.html, to: /www/index.html }}]
  - tag: {{ image: {host}/web, tags: [v1, '1.10'] }}
  - push:
  - deploy: {{ aci: {{ dns-label: pushed, ports: [80] }} }}
"
    ))
    .file("page.html", "<h1>hello</h1>\n")
}

#[test]
fn both_tags_have_one_digest() {
    let registry = PeerRegistry::with_login(USER, PASSWORD);
    let program = program(&registry).env("REGISTRY_PASSWORD", PASSWORD);
    program.run(&["run", "--until", "push"]).exits(0);

    let digest = output(&program, 0, "digest");
    let login = format!("{USER}:{PASSWORD}");
    for tag in ["v1", "1.10"] {
        let image = format!("docker://{}/web:{tag}", registry.host());
        let inspect = ["inspect", "--tls-verify=false", "--creds", &login, &image];
        let inspected: Value =
            serde_json::from_str(&programs::run("skopeo", &inspect)).expect("JSON");
        assert_eq!(inspected["Digest"], digest, "{tag}");
    }

    program.run(&["run", "--until", "push"]).exits(0);
    assert_eq!(output(&program, 0, "digest"), digest);
    assert_eq!(output(&program, 0, "bytes-sent"), "0", "{:#}", result(&program));
}

#[test]
fn wrong_password_is_found_before_any_effect() {
    let registry = PeerRegistry::with_login(USER, PASSWORD);
    let program = program(&registry).env("REGISTRY_PASSWORD", "another one");
    let finished = program.run(&["run", "--until", "push"]).exits(3);

    assert_eq!(
        finished.stderr.replace(&registry.host(), "REGISTRY"),
        "error: cannot sign in to `REGISTRY` as `ci` with the password from `secrets.password`
  because: GET http://REGISTRY/v2/: 401: UNAUTHORIZED: authentication required
  help: check that `secrets.password` holds the present password of `ci`
",
    );
    assert!(!program.path("changed").exists());
    let catalog = format!("http://{USER}:{PASSWORD}@{}/v2/_catalog", registry.host());
    assert_eq!(programs::run("curl", &["-sS", &catalog]), "{\"repositories\":[]}\n");
}
