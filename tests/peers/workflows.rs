//! The plans in `workflows/`, from source to a verified URL. One copies a static
//! busybox into its image.

use crate::peer::programs;
use crate::support::Program;
use crate::support::path::without_engines;
use crate::support::program::workflows;
use std::fs;

#[test]
fn dockerfile_without_run_needs_no_container_engine() {
    let bin = tempfile::tempdir().expect("a folder");
    without_engines(bin.path());
    let path = bin.path().display().to_string();
    let program = Program::with_workflow("dockerfile").env("PATH", &path);
    let finished = program.run(&["dry-run"]).exits(0);

    let said = finished.stderr;
    assert!(finished.stdout.ends_with(".azurecontainer.io\n"), "{}", finished.stdout);
    let how = "built without an engine, since none works here: nothing in it has to run";
    assert!(said.contains(how), "{said}");
}

#[test]
fn command_that_the_image_does_not_have_is_named() {
    let bin = tempfile::tempdir().expect("a folder");
    without_engines(bin.path());
    let path = bin.path().display().to_string();
    let program = Program::with_workflow("dockerfile").env("PATH", &path);
    let dockerfile = program.folder().join("Dockerfile");
    let text = fs::read_to_string(&dockerfile).expect("a Dockerfile");
    fs::write(&dockerfile, text.replace("ARG", "RUN make\nARG")).expect("written");

    let said = program.run(&["dry-run"]).exits(4).stderr;
    for part in ["`Dockerfile:5` cannot run `/bin/sh -c make`", "`/bin/sh` is not in the image"] {
        assert!(said.contains(part), "no `{part}` in\n{said}");
    }
}

const SIGNING_KEY: [&str; 2] = ["--secret-env", "signing-key=SIGNING_KEY"];

/// Makes a key as the comment of the plan says, and puts its public half into the folder.
fn with_signing_key(program: Program) -> Program {
    let run = |arguments: &[&str]| programs::run_in(program.folder(), "openssl", arguments);
    let curve = "ec_paramgen_curve:P-256";
    run(&["genpkey", "-algorithm", "EC", "-pkeyopt", curve, "-out", "signing.key"]);
    run(&["pkey", "-in", "signing.key", "-pubout", "-out", "signing.pub"]);
    let key = fs::read_to_string(program.path("signing.key")).expect("a key");
    program.env("SIGNING_KEY", &key)
}

#[test]
fn every_plan_in_workflows_runs() {
    let mut ran = 0;
    for entry in fs::read_dir(workflows()).expect("workflows").flatten() {
        let name = entry.file_name().into_string().expect("text");
        // Containers in containers: the engines need no namespaces of their own.
        let program = Program::with_workflow(&name).committed();
        let program = program.env("BUILDAH_ISOLATION", "chroot");
        let program = if name == "signed" { with_signing_key(program) } else { program };
        let given: &[&str] = if name == "signed" { &SIGNING_KEY } else { &[] };
        let finished = program.run(&[&["dry-run"], given].concat()).exits(0);
        let is_url =
            |line: &str| line.starts_with("http://") && line.ends_with("azurecontainer.io");
        assert!(finished.stdout.lines().all(is_url), "{name}: {}", finished.stdout);
        assert!(!finished.stdout.is_empty(), "{name}");
        ran += 1;
    }
    assert!(ran >= 3, "{ran} plans");
}
