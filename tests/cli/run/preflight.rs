//! What ends a run before its first step, in a dry run as in Azure.

use crate::support::state::requests;
use crate::support::{Finished, Program};
use std::net::TcpListener;

const HEAD: &str = "\
name: opt
azure: { resource-group: demo, location: westeurope }
secrets: { p: { env: P } }
";

/// Builds, tags and pushes an image with this reference.
fn pushing(settings: &str, tag: &str) -> String {
    format!(
        "{HEAD}{settings}steps:\n  - build: {{ layers: [{{ from: busybox, to: /busybox }}], entrypoint: [/busybox, httpd, -f, -p, \"8080\"] }}\n  - tag: {tag}\n  - push:\n"
    )
}

const DEPLOY: &str = "  - deploy: { aci: { ports: [8080] } }\n";

/// A dry run of a plan on a machine without stored logins.
fn dry_run(plan: &str, arguments: &[&str]) -> (Program, Finished) {
    let program = Program::with_plan(plan).applets();
    let folder = program.folder().display().to_string();
    let program = program.env("DOCKER_CONFIG", &folder).env("HOME", &folder);
    let arguments = [&["dry-run", "--runtime", "built-in"], arguments].concat();
    let finished = program.run(&arguments);
    (program, finished)
}

/// The lines of the error that ended a dry run, before which nothing was sent but
/// what signs in.
#[track_caller]
fn refused(plan: &str) -> String {
    refused_with(plan, 3)
}

fn refused_with(plan: &str, code: i32) -> String {
    let (program, finished) = dry_run(plan, &[]);
    let finished = finished.exits(code);
    let asked = requests(&program);
    assert!(!asked.iter().any(|line| line.starts_with("PUT ")), "{asked:#?}");
    let start = finished.stderr.find("error: ").unwrap_or_else(|| panic!("{}", finished.stderr));
    // The reports of the refused run come after it.
    let of_error = |line: &&str| line.starts_with("error: ") || line.starts_with("  ");
    finished.stderr[start..].split_inclusive('\n').take_while(of_error).collect()
}

#[test]
fn empty_user_of_a_registry_is_refused_by_its_name() {
    let login = "registries: { demo.azurecr.io: { login: { username: \"${{ env.NOPE }}\", password: \"${{ secrets.p }}\" } } }\n";
    assert_eq!(
        refused(&pushing(login, "demo.azurecr.io/opt:v1")),
        "error: cannot sign in to `demo.azurecr.io`
  because: `env.NOPE` is empty, and a user's name would be made of it
  help: set it, or write a user's name that is always there
"
    );
}

#[test]
fn registry_that_is_not_there_is_refused_with_the_remedy_of_a_push() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = free.local_addr().expect("an address").to_string();
    drop(free);
    let plan = pushing("", &format!("{host}/opt:v1"));
    let refused = Program::with_plan(&plan).applets().run(&["run"]).exits(3);
    refused.says_in_order(&[
        &format!(
            "error: cannot sign in to `{host}`\n  because: GET http://{host}/v2/: no answer\n"
        ),
        &format!("\n  help: nothing listens there: does `{host}` run, and is the port right?\n"),
    ]);
}

#[test]
fn reference_whose_tag_is_an_expression_is_no_repository_without_a_tag() {
    let tag = "\"demo.azurecr.io/opt:v${{ run.attempt }}\"";
    let (program, finished) = dry_run(&pushing("", tag), &[]);
    finished.exits(0);
    let asked = requests(&program);
    assert!(asked.iter().any(|line| line.contains("/v2/opt/manifests/v1")), "{asked:#?}");
}

#[test]
fn empty_variable_in_a_name_is_refused_before_the_build() {
    for (what, plan) in [
        ("a tag", pushing("", "\"demo.azurecr.io/opt:${{ env.NOPE }}\"")),
        ("a repository", pushing("", "\"demo.azurecr.io/${{ env.NOPE }}:v1\"")),
        (
            "a DNS label",
            pushing("", "demo.azurecr.io/opt:v1")
                + "  - deploy: { aci: { dns-label: \"shop-${{ env.NOPE }}\", ports: [80] } }\n",
        ),
        (
            "a container group",
            pushing("", "demo.azurecr.io/opt:v1")
                + "  - deploy: { aci: { name: \"shop-${{ env.NOPE }}\" } }\n",
        ),
    ] {
        assert_eq!(
            refused(&plan),
            "error: `env.NOPE` is empty, and a name would be made of it
  help: `${{ env.NOPE || 'none' }}` has a name for that case
",
            "{what}"
        );
    }
}

#[test]
fn values_that_no_target_takes_are_refused_before_the_build() {
    for (aci, said) in [
        (
            "dns-label: \"${{ format('Shop/{0}', vars.one) }}\", ports: [80]",
            "error: `dns-label` cannot be `Shop/One`
  because: expected 5 to 63 lower-case letters, digits and `-`, a letter first, no `-` last
  because: `vars.one` is set at shipway.yml:4:14
",
        ),
        (
            "name: \"${{ vars.group }}\"",
            "error: `name` cannot be `Shop_1`
  because: expected 1 to 63 lower-case letters, digits and `-`, no `-` first or last
  because: `vars.group` is set at shipway.yml:4:54
",
        ),
        (
            "cpu: \"${{ vars.cpu }}\"",
            "error: `cpu` is 64, and a container has more than 0 and at most 31 cores
  because: `vars.cpu` is set at shipway.yml:4:24
",
        ),
        (
            "location: \"${{ vars.place }}\"",
            "error: `westeuropa` is not a region of Azure
  because: `vars.place` is set at shipway.yml:4:35
  help: did you mean `westeurope`?
",
        ),
    ] {
        let vars = "vars: { one: One, cpu: 64, place: westeuropa, group: Shop_1 }\n";
        let deploy = format!("  - deploy: {{ aci: {{ {aci} }} }}\n");
        let said_now = refused_with(&(pushing(vars, "demo.azurecr.io/opt:v1") + &deploy), 2);
        assert_eq!(said_now, said, "{aci}");
    }
}

#[test]
fn services_whose_names_become_one_are_refused_before_the_first_step() {
    let service = |name: &str, label: &str| {
        format!(
            "  {name}:\n    steps:\n      - deploy: {{ image: \"demo.azurecr.io/opt:v1\", aci: {{ ports: [80], dns-label: \"{label}\" }} }}\n"
        )
    };
    let plan = format!(
        "name: opt\nazure: {{ resource-group: demo, location: westeurope }}\n\
         vars: {{ one: shop }}\nservices:\n{}{}",
        service("a", "${{ vars.one }}-demo"),
        service("b", "${{ format('{0}-demo', vars.one) }}"),
    );
    assert_eq!(
        refused(&plan),
        "error: `a.deploy` and `b.deploy` both deploy container group `shop-demo` of `demo`
  help: one would overwrite the other: give each its own name or DNS label
  --> shipway.yml:10:9
   |
"
    );
}

#[test]
fn step_whose_condition_is_false_is_not_checked() {
    let plan = pushing("", "demo.azurecr.io/opt:v1")
        + "  - if: github.event_name == 'schedule'\n    deploy: { aci: { name: \"shop-${{ env.NOPE }}\" } }\n";
    let (_, finished) = dry_run(&plan, &[]);
    finished.exits(0);
}

#[test]
fn service_pulls_as_the_user_that_the_plan_gives() {
    let pull = "registries: { demo.azurecr.io: { pull: { username: puller, password: \"${{ secrets.p }}\" } } }\n";
    let (_, finished) = dry_run(&(pushing(pull, "demo.azurecr.io/opt:v1") + DEPLOY), &[]);
    finished.exits(0);
    let pull = "registries: { ghcr.io: { login: { username: me, password: \"${{ secrets.p }}\" }, pull: { username: puller, password: \"${{ secrets.p }}\" } } }\n";
    let (_, finished) = dry_run(&(pushing(pull, "ghcr.io/me/opt:v1") + DEPLOY), &[]);
    finished.exits(0);
}

#[test]
fn login_of_docker_hub_is_found_by_each_of_its_names() {
    for name in ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "Docker.io"]
    {
        let login = format!(
            "registries: {{ {name}: {{ login: {{ username: me, password: \"${{{{ secrets.p }}}}\" }} }} }}\n"
        );
        let (_, finished) = dry_run(&pushing(&login, "me/opt:v1"), &[]);
        finished.exits(0);
    }
}

#[test]
fn push_to_a_public_registry_needs_a_login() {
    for settings in ["", "registries: { ghcr.io: { login: anonymous } }\n"] {
        assert_eq!(
            refused(&pushing(settings, "ghcr.io/me/opt:v1")),
            "error: cannot sign in to `ghcr.io`: it asks for a login, and there is none
  help: name a login for `ghcr.io` under `registries`, or run `docker login ghcr.io`
"
        );
    }
}

#[test]
fn stored_login_stands_for_one_in_a_dry_run() {
    let program = Program::with_plan(&pushing("", "ghcr.io/me/opt:v1")).applets();
    let folder = program.folder().display().to_string();
    let program = program
        .env("DOCKER_CONFIG", &folder)
        .env("HOME", &folder)
        .file("config.json", r#"{"auths": {"ghcr.io": {"auth": "bWU6aHVudGVyMjI="}}}"#);
    program.run(&["dry-run", "--runtime", "built-in"]).exits(0);
}

#[test]
fn image_for_another_platform_is_refused_before_it_is_built() {
    let plan = pushing("", "demo.azurecr.io/opt:v1")
        .replace("entrypoint", "platform: \"${{ env.PLATFORM || 'linux/arm64' }}\", entrypoint");
    assert_eq!(
        refused(&(plan + DEPLOY)),
        "error: the image is for linux/arm64, and Container Instances run linux/amd64
  help: build it for linux/amd64, or for both with `platforms`
"
    );
}
