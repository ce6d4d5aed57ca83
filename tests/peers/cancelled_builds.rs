//! Builds of buildah that are cancelled in the middle of a `RUN`.

use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::Command;

const DOCKERFILE: &str = "\
FROM scratch
COPY busybox /bin/busybox
RUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo begun; exec /bin/busybox sleep 600\"]
";

/// Starts a build in a storage of its own, stops it during its `RUN`, and returns the
/// containers and the mounts that it left.
fn left_by(engine: &str) -> (String, Vec<String>) {
    let plan = format!(
        "name: stopped\nreport: none\nsteps:\n  - build: {{ context: ., using: {engine} }}\n"
    );
    let program = Program::with_plan(&plan).busybox().file("Dockerfile", DOCKERFILE);
    let storage = program.path("storage").display().to_string();
    let text = format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = \"{storage}/graph\"\nrunroot = \"{storage}/run\"\n"
    );
    let configuration = program.path("storage.conf").display().to_string();
    let program = program
        .file("storage.conf", &text)
        .file(".dockerignore", "storage\n")
        .env("CONTAINERS_STORAGE_CONF", &configuration)
        .env("BUILDAH_ISOLATION", "chroot");
    let log = fs::File::create(program.path("log")).expect("a file can be made");
    let child = program.command(&["run"]).stderr(log).spawn().expect("the program starts");
    eventually("the step of the build has begun", || {
        let log = fs::read_to_string(program.path("log")).unwrap_or_default();
        log.lines().any(|line| line.ends_with("│ begun")).then_some(())
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("the program is there");
    program.finish(child).exits(130);

    let listed = Command::new("buildah")
        .args(["containers", "--all", "--quiet"])
        .env("CONTAINERS_STORAGE_CONF", &configuration)
        .output()
        .expect("buildah is installed");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let mounts = fs::read_to_string("/proc/mounts").expect("the mounts");
    let mounts = mounts.lines().filter(|line| line.contains("/merged") && line.contains(&storage));
    (String::from_utf8_lossy(&listed.stdout).into_owned(), mounts.map(str::to_owned).collect())
}

#[test]
fn a_cancelled_build_leaves_no_container_and_no_mount() {
    let (containers, mounts) = left_by("buildah");
    assert_eq!(containers, "");
    assert_eq!(mounts, Vec::<String>::new());
}
