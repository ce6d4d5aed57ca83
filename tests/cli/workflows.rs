//! The plans in `workflows/`, from source to a verified URL.

use crate::support::program::workflows;
use crate::support::state::output;
use crate::support::{Finished, Program};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

const URL: &str = "http://shipway-hello-pr-1.westeurope.azurecontainer.io\n";

/// The programs of the container engines.
const ENGINES: [&str; 6] = ["docker", "podman", "buildah", "crun", "runc", "nerdctl"];

/// A dry run that succeeds; the digest of what it pushed.
#[track_caller]
fn digest(program: &Program, arguments: &[&str]) -> (Finished, String) {
    let finished = program.run(&[&["dry-run"], arguments].concat()).exits(0);
    let digest = output(program, 0, "digest");
    (finished, digest)
}

#[test]
fn hello_ends_with_one_url_and_shows_each_step() {
    let program = Program::with_workflow("hello");
    let (finished, digest) = digest(&program, &[]);

    assert_eq!(finished.stdout, URL);
    let said = finished.stderr;
    for step in ["run", "build", "tag", "push", "deploy", "verify"] {
        for word in ["started", "ok"] {
            let is_it = |line: &str| line.split_whitespace().take(2).eq([step, word]);
            assert!(said.lines().any(is_it), "no `{step} {word}` in\n{said}");
        }
    }
    for part in [
        digest.as_str(),
        "deploy  ok  http://shipway-hello-pr-1.westeurope.azurecontainer.io",
        "\ncomment on the pull request: https://github.com/",
        "\n    | hello: succeeded (dry run)\n    |   hello  succeeded  http://shipway-hello-pr-1.",
    ] {
        assert!(said.contains(part), "no `{part}` in\n{said}");
    }
}

#[test]
fn hello_is_reproducible() {
    let program = Program::with_workflow("hello");
    let (_, first) = digest(&program, &["--runtime", "built-in"]);
    let (again, second) = digest(&program, &["--runtime", "built-in"]);

    assert_eq!(again.stdout, URL);
    assert_eq!(first, second);
}

#[test]
fn hello_needs_no_container_engine() {
    let bin = tempfile::tempdir().expect("a folder");
    without_engines(bin.path());
    let path = bin.path().display().to_string();
    let program = Program::with_workflow("hello").env("PATH", &path);
    let (finished, _) = digest(&program, &[]);

    assert_eq!(finished.stdout, URL);
}

#[test]
fn dockerfile_without_run_needs_no_container_engine() {
    let bin = tempfile::tempdir().expect("a folder");
    without_engines(bin.path());
    let path = bin.path().display().to_string();
    let program = Program::with_workflow("dockerfile").env("PATH", &path);
    let (finished, _) = digest(&program, &[]);

    let said = finished.stderr;
    assert!(finished.stdout.ends_with(".azurecontainer.io\n"), "{}", finished.stdout);
    let how = "built without an engine, since none works here: nothing in it has to run";
    assert!(said.contains(how), "{said}");
}

#[test]
fn dockerfile_with_run_names_the_missing_engines() {
    let bin = tempfile::tempdir().expect("a folder");
    without_engines(bin.path());
    let path = bin.path().display().to_string();
    let program = Program::with_workflow("dockerfile").env("PATH", &path);
    let dockerfile = program.folder().join("Dockerfile");
    let text = fs::read_to_string(&dockerfile).expect("a Dockerfile");
    fs::write(&dockerfile, text.replace("ARG", "RUN make\nARG")).expect("written");

    let said = program.run(&["dry-run"]).exits(4).stderr;
    for part in [
        "`Dockerfile:5` has `RUN`, which needs a container engine, and none works here: `docker` is not installed; `podman` is not installed; `buildah` is not installed",
        "install docker, podman or buildah and make sure that its `info` works, or build the image from `layers`, which needs no engine; ACR Tasks (`using: acr`) are not supported yet",
    ] {
        assert!(said.contains(part), "no `{part}` in\n{said}");
    }
}

/// Links to every program that is on the PATH, except the engines.
fn without_engines(bin: &Path) {
    let path = std::env::var_os("PATH").expect("a PATH");
    for folder in std::env::split_paths(&path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_engine = |engine| name.to_string_lossy().starts_with(engine);
            if !ENGINES.into_iter().any(is_engine) {
                // The first of a name wins, as on the PATH.
                symlink(entry.path(), bin.join(name)).ok();
            }
        }
    }
}

#[test]
fn every_plan_in_workflows_runs() {
    let mut ran = 0;
    for entry in fs::read_dir(workflows()).expect("workflows").flatten() {
        let name = entry.file_name().into_string().expect("text");
        // Containers in containers: the engines need no namespaces of their own.
        let program = Program::with_workflow(&name).env("BUILDAH_ISOLATION", "chroot");
        let finished = program.run(&["dry-run"]).exits(0);
        let is_url =
            |line: &str| line.starts_with("http://") && line.ends_with("azurecontainer.io");
        assert!(finished.stdout.lines().all(is_url), "{name}: {}", finished.stdout);
        assert!(!finished.stdout.is_empty(), "{name}");
        ran += 1;
    }
    assert!(ran >= 3, "{ran} plans");
}
