//! `workflows/hello`, from source to a verified URL.

use crate::support::path::without_engines;
use crate::support::state::output;
use crate::support::{Finished, Program};

const URL: &str = "http://shipway-hello-pr-1.westeurope.azurecontainer.io\n";

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
        "\ncomment on the pull request, not posted\nsucceeded  (",
        "\n    note: the URL was up while the run lasted; `shipway dry-run --keep --env preview` keeps the cloud up\n",
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
