//! Dry runs of an unprivileged user, with ports below 1024.

use crate::support::{Finished, Program};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const NOBODY: u32 = 65534;

/// Two services that both listen on port 80, and wait for each other.
const SIDE_BY_SIDE: &str = "\
name: side-by-side
azure: { resource-group: demo, location: westeurope }
services:
  one:
    steps:
      - build:
          layers:
            - { from: busybox, to: /bin/busybox, mode: '0755' }
            - { from: page.html, to: /www/index.html }
          entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /www]
      - tag: demo.azurecr.io/one:v1
      - push:
      - deploy: { aci: { dns-label: one-on-80, ports: [80] } }
      - verify: { http: /, expect: { body: { contains: hello } } }
  two:
    steps:
      - build:
          layers:
            - { from: busybox, to: /bin/busybox, mode: '0755' }
            - { from: page.html, to: /www/index.html }
          entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /www]
      - tag: demo.azurecr.io/two:v1
      - push:
      - deploy: { aci: { dns-label: two-on-80, ports: [80] } }
      - verify: { http: /, expect: { body: { contains: hello } } }
";

/// Runs a copy of the program in its folder as the user `nobody`.
pub fn run(program: &Program, arguments: &[&str]) -> Finished {
    if nix::unistd::geteuid().is_root() {
        return run_in(program, &Starters::default(), arguments);
    }
    let copy = copied(program);
    output(program, Command::new(copy), arguments)
}

/// Commands that start what follows them.
#[derive(Default)]
pub struct Starters<'a> {
    pub of_root: &'a [&'a str],
    pub of_the_user: &'a [&'a str],
}

/// The same, started by other commands. Needs root.
pub fn run_in(program: &Program, starters: &Starters<'_>, arguments: &[&str]) -> Finished {
    let copy = copied(program);
    // What an earlier run has made may belong to others.
    let is_given = program.folder().metadata().expect("a folder").uid() == NOBODY;
    give(if is_given { &copy } else { program.folder() });
    let id = NOBODY.to_string();
    let change = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--"];
    let words: Vec<&str> = [starters.of_root, &change, starters.of_the_user].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(&copy);
    output(program, command, arguments)
}

fn copied(program: &Program) -> PathBuf {
    let copy = program.path("shipway");
    fs::copy(env!("CARGO_BIN_EXE_shipway"), &copy).expect("copied");
    copy
}

fn output(program: &Program, mut command: Command, arguments: &[&str]) -> Finished {
    let home = program.folder().display().to_string();
    let usual = program.command(arguments);
    command.args(arguments).current_dir(program.folder()).env_clear();
    command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("HOME", &home).env("TMPDIR", &home);
    let output = command.output().expect("setpriv of util-linux is installed");
    Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Gives a folder and everything in it to the user `nobody`.
fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder").flatten() {
            give(&entry.path());
        }
    }
}

#[test]
fn a_step_finds_no_credential_of_its_caller_in_any_process() {
    let program = Program::with_plan(
        "\
name: curious
report: none
azure: { resource-group: demo, location: westeurope }
steps:
  - run: |
      for process in /proc/[0-9]*; do
        { tr '\\0' '\\n' < $process/environ | grep -E 'hunter22|^CLOUD' ; } 2> /dev/null || true
        { tr '\\0' ' ' < $process/cmdline; echo; } 2> /dev/null || true
      done
",
    )
    .env("GITHUB_TOKEN", "ghs_hunter22")
    .env("AZURE_CLIENT_SECRET", "azure_hunter22")
    .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "oidc_hunter22")
    .env("ACR_PASSWORD", "acr_hunter22");
    let finished = run(&program, &["dry-run", "--runtime", "built-in"]).exits(0);

    assert!(finished.stderr.contains("shipway local --state"), "{}", finished.stderr);
    // They are masked too, so the names tell.
    for name in ["GITHUB_TOKEN=", "AZURE_CLIENT_SECRET=", "_REQUEST_TOKEN=", "ACR_PASSWORD="] {
        assert!(!finished.stderr.contains(name), "{name}: {}", finished.stderr);
    }
}

#[test]
fn hello_listens_on_port_80_without_root() {
    let program = Program::with_workflow("hello");
    // Compiled as root, since the toolchain may be in a folder that only root enters.
    fs::create_dir(program.path("dist")).expect("a folder");
    let compiled = Command::new("rustc")
        .args(["-O", "-C", "target-feature=+crt-static", "-o", "dist/server", "server.rs"])
        .current_dir(program.folder())
        .status();
    assert!(compiled.expect("rustc").success());

    let finished = run(&program, &["dry-run", "--skip-run", "--runtime", "built-in"]).exits(0);
    assert_eq!(finished.stdout, "http://shipway-hello-pr-1.westeurope.azurecontainer.io\n");
}

#[test]
fn two_services_listen_on_port_80_side_by_side_without_root() {
    let program = Program::with_plan(SIDE_BY_SIDE).file("page.html", "<h1>hello</h1>\n").busybox();
    let finished = run(&program, &["dry-run", "--runtime", "built-in"]).exits(0);

    assert_eq!(
        finished.stdout,
        "http://one-on-80.westeurope.azurecontainer.io
http://two-on-80.westeurope.azurecontainer.io
"
    );
}
