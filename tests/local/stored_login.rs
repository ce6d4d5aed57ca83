//! How the service pulls: with a stored login (`login: docker-config`), or without any.

use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program};
use serde_json::json;

const LOGIN: &str = r#"{"auths": {"ghcr.io": {"auth": "bWU6aHVudGVyMjI="}}}"#;

const TOKEN: &str = r#"{"auths": {"ghcr.io": {"identitytoken": "hunter22"}}}"#;

const HEAD: &str = "\
name: stored
azure: { resource-group: demo, location: westeurope }
registries: { ghcr.io: { login: docker-config } }
steps:
";

const PUSH: &str = "  - build: { layers: [{ from: busybox, to: /busybox }], entrypoint: [/busybox, httpd, -f, -p, \"8080\"] }
  - tag: ghcr.io/me/opt:v1
  - push:
  - deploy: { aci: { ports: [8080] } }
";

const DEPLOY: &str = "  - deploy: { image: \"ghcr.io/me/opt:v1\", aci: { ports: [8080] } }\n";

/// Runs these steps with these stored logins, against a registry that asks for one.
fn run(steps: &str, logins: &str) -> Finished {
    let cloud = CloudProcess::start(json!({
        "resource-groups": [{"name": "demo", "location": "westeurope"}],
        "other-registries": [{
            "host": "ghcr.io", "users": [{"username": "me", "password": "hunter22"}],
        }],
    }));
    let program = Program::with_plan(&format!("{HEAD}{steps}")).applets();
    let folder = program.folder().display().to_string();
    let program =
        program.env("DOCKER_CONFIG", &folder).env("HOME", &folder).file("config.json", logins);
    program.run(&["run", "--cloud", &cloud.path.display().to_string()])
}

#[test]
fn service_pulls_with_the_stored_login() {
    let finished = run(PUSH, LOGIN).exits(0);
    assert!(!finished.stderr.contains("hunter22"), "{}", finished.stderr);
}

#[test]
fn service_of_a_dry_run_pulls_without_a_login_where_the_plan_says_so() {
    let plan = format!("{HEAD}{PUSH}")
        .replace("ghcr.io/me/opt", "demo.azurecr.io/opt")
        .replace("ghcr.io: { login: docker-config }", "demo.azurecr.io: { pull: anonymous }");
    let program = Program::with_plan(&plan).applets();
    let run = ["dry-run", "--runtime", "built-in", "--event", "push"];
    program.run(&run).exits(0);
}

#[test]
fn missing_stored_login_is_refused_with_what_to_write() {
    for (logins, why) in [
        ("{}", "no login to it is stored on this machine"),
        (TOKEN, "the stored login is a token, which expires"),
    ] {
        let finished = run(DEPLOY, logins).exits(3);
        assert!(
            finished.stderr.contains(&format!(
                "error: the service could not pull its image from `ghcr.io`
  because: {why}
  help: run `docker login ghcr.io` with a user and a password or access token, or set `pull: {{ username: …, password: … }}` under `registries.ghcr.io`
"
            )),
            "{}",
            finished.stderr
        );
    }
}
