//! A job of the GitHub action in `act`.

use crate::peer::programs;
use crate::support::Program;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const JOB: &str = "\
on: push
jobs:
  ship:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: ship
        uses: ./
        with:
          command: dry-run
          plan: workflows/hello/shipway.yml
      - env:
          URL: ${{ steps.ship.outputs.url }}
          IMAGE: ${{ steps.ship.outputs.image }}
          STATUS: ${{ steps.ship.outputs.status }}
        run: |
          echo \"the url is <$URL>\"
          echo \"the status is <$STATUS>\"
          echo \"the image is <${IMAGE%@*}>\"
";

/// Puts the tested program where the action would build it, and a `cargo` that
/// builds nothing before the real one: a build would take minutes.
fn built(target: &Path, bin: &Path) {
    let release = target.join("release");
    fs::create_dir_all(&release).expect("a folder");
    fs::copy(env!("CARGO_BIN_EXE_shipway"), release.join("shipway")).expect("copied");
    let cargo = bin.join("cargo");
    fs::write(&cargo, "#!/bin/sh\n[ \"$1\" = build ]\n").expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&cargo, mode).expect("a program");
}

/// The path of `act`, which `tests/run` installs.
fn act() -> PathBuf {
    let given = std::env::var_os("SHIPWAY_TEST_PEERS").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| repository().join("target/peers/bin"));
    folder.join("act")
}

#[test]
fn act_runs_the_action_and_sees_the_url() {
    let program = Program::new().file(".github/workflows/ship.yml", JOB);
    let folder = program.folder().to_owned();
    let bin = tempfile::tempdir().expect("a folder");
    built(&bin.path().join("target"), bin.path());
    fs::copy(repository().join("action.yml"), program.path("action.yml")).expect("copied");
    fs::create_dir_all(program.path(".github/action")).expect("a folder");
    for name in [".github/action/install.sh", ".github/action/release.txt"] {
        fs::copy(repository().join(name), program.path(name)).expect("copied");
    }
    let hello = program.path("workflows/hello");
    fs::create_dir_all(&hello).expect("a folder");
    for name in ["shipway.yml", "server.rs"] {
        fs::copy(repository().join("workflows/hello").join(name), hello.join(name))
            .expect("copied");
    }
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["remote", "add", "origin", "https://github.com/octo/demo.git"],
        &["add", "-A"],
        &["-c", "user.name=octo", "-c", "user.email=octo@example.com", "commit", "-qm", "first"],
    ] {
        programs::run_in(&folder, "git", arguments);
    }
    let path = std::env::var("PATH").expect("a PATH");
    let usual = program.command(&[]);
    let mut command = Command::new(act());
    command
        .args(["push", "-P", "ubuntu-latest=-self-hosted", "--no-cache-server"])
        .current_dir(&folder)
        .env_clear()
        .envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("XDG_CACHE_HOME", bin.path().join("cache"))
        .env("XDG_CONFIG_HOME", bin.path().join("config"))
        .env("CARGO_TARGET_DIR", bin.path().join("target"))
        .env("PATH", format!("{}:{path}", bin.path().display()));
    let output = command.output().expect("act is installed by tests/run");
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    for line in [
        "the url is <http://shipway-hello.westeurope.azurecontainer.io>",
        "the status is <succeeded>",
        "the image is <shipwayhello.azurecr.io/hello>",
    ] {
        assert!(said.contains(line), "no `{line}` in\n{said}{wrong}");
    }
}
