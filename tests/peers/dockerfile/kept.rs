//! Unpacked layers that are kept for later builds.

use super::commands::{BASE, program, store};
use super::merged::{Files, files};
use crate::support::Program;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// The second command stands on the files of the first, which are kept.
fn written(program: &Program, second: &str) {
    let text = format!("{BASE}RUN rm /old/a/one && echo 1 > /first\nRUN {second}\n");
    fs::write(program.path("Dockerfile"), text).expect("written");
}

fn build(program: &Program) -> Files {
    let said = program.run(&["run"]).exits(0).stderr;
    let digest = said.split_whitespace().find(|word| word.starts_with("sha256:"));
    let digest = digest.expect("a digest").parse().expect("a digest");
    let image = store(program).load(&digest).expect("stored");
    files(&store(program), &image)
}

/// The folders that are kept, each with its inode.
fn kept(program: &Program) -> BTreeSet<(PathBuf, u64)> {
    let roots = fs::read_dir(program.path(".shipway/images/roots")).into_iter().flatten().flatten();
    let folders = roots.map(|entry| entry.path()).filter(|path| path.is_dir());
    let inode = |path: &PathBuf| path.join("files").metadata().expect("files").ino();
    folders.map(|path| (path.clone(), inode(&path))).collect()
}

fn with_plan() -> Program {
    program().file("shipway.yml", "name: a\nsteps: [{ build: { context: ., using: native } }]\n")
}

#[test]
fn layers_below_a_changed_command_are_unpacked_once_and_stay_as_they_are() {
    let program = with_plan();
    written(&program, "ls /old/a > /second");
    assert_eq!(build(&program)["second"], "f 644 0:0 None two\n");
    // What was copied, and what the first command has changed.
    let first = kept(&program);
    assert_eq!(first.len(), 2, "{first:?}");

    written(
        &program,
        "echo changed > /old/a/two; rm -r /old/b; chmod 700 /old; cat /first > /third",
    );
    let changed = build(&program);
    assert_eq!(changed["old/a/two"], "f 644 0:0 None changed\n");
    assert_eq!(changed["third"], "f 644 0:0 None 1\n");
    assert_eq!(kept(&program), first);

    written(&program, "cat /old/a/two /old/b/three > /fourth; ls -ld /old > /fifth");
    let again = build(&program);
    assert_eq!(again["fourth"], "f 644 0:0 None twothree");
    assert!(again["fifth"].contains("drwxr-xr-x"), "{}", again["fifth"]);
    assert!(!again.contains_key("old/a/one"), "{again:?}");
    assert_eq!(kept(&program), first);
}

#[test]
fn kept_layers_that_were_changed_are_not_believed() {
    let program = with_plan();
    written(&program, "true");
    build(&program);
    let first = kept(&program);
    for (root, _) in &first {
        for name in ["files/old/a/two", "files/first"] {
            let path = root.join(name);
            if path.exists() {
                fs::write(path, "planted").expect("written");
            }
        }
    }

    written(&program, "cat /old/a/two /first > /seen");
    assert_eq!(build(&program)["seen"], "f 644 0:0 None two1\n");
    // They were unpacked again, together: no command of this build has left them apart.
    assert_ne!(kept(&program), first);
    written(&program, "cat /first /old/a/two > /seen");
    assert_eq!(build(&program)["seen"], "f 644 0:0 None 1\ntwo");
}

#[test]
fn layers_whose_folders_are_gone_are_unpacked_again() {
    let program = with_plan();
    written(&program, "true");
    build(&program);
    fs::remove_dir_all(program.path(".shipway/images/roots")).expect("removed");
    written(&program, "ls /old/a > /seen; cat /first >> /seen");
    assert_eq!(build(&program)["seen"], "f 644 0:0 None two\n1\n");
    assert_eq!(kept(&program).len(), 1);
}

#[test]
fn two_builds_at_once_share_what_is_kept() {
    let program = with_plan();
    written(&program, "sleep 1; ls /old/a > /seen");
    let other = "name: b\nsteps: [{ build: { context: ., dockerfile: Other, using: native } }]\n";
    let program = program.file("other.yml", other);
    fs::copy(program.path("Dockerfile"), program.path("Other")).expect("copied");
    let [one, two] = [vec!["run"], vec!["run", "other.yml"]].map(|arguments| {
        let mut command = program.command(&arguments);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        command.spawn().expect("started")
    });
    for child in [one, two] {
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let first = kept(&program);
    assert_eq!(build(&program)["seen"], "f 644 0:0 None two\n");
    assert_eq!(kept(&program), first);
    assert_eq!(files_named(&program, "*.part"), "");
}

fn files_named(program: &Program, name: &str) -> String {
    let found = std::process::Command::new("find")
        .arg(program.path(".shipway/images"))
        .args(["-name", name])
        .output();
    String::from_utf8_lossy(&found.expect("find").stdout).into_owned()
}

#[test]
fn clean_removes_the_least_used_until_the_rest_fits() {
    let program = with_plan();
    let text = format!(
        "{BASE}RUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/file bs=1M count=2 2> /dev/null\nRUN true\n"
    );
    fs::write(program.path("Dockerfile"), text).expect("written");
    build(&program);
    let before = kept(&program).len();
    assert_eq!(before, 2);

    let listed = program.run(&["clean", "--max-build-size", "0B", "--dry-run"]).exits(0).stdout;
    let rows: Vec<&str> =
        listed.lines().filter(|line| line.ends_with("too much space is taken")).collect();
    let of_kind = |kind: &str| rows.iter().filter(|row| row.starts_with(kind)).count();
    assert_eq!((of_kind("cache mount"), of_kind("unpacked layers")), (1, 2), "{listed}");
    let cache = rows.iter().find(|row| row.starts_with("cache mount")).expect("a cache");
    assert!(cache.contains(" 2.1 MB "), "{cache}");
    assert_eq!(kept(&program).len(), before);

    let json =
        program.run(&["clean", "--max-build-size", "0B", "--output", "json"]).exits(0).stdout;
    assert_eq!(json.matches("\"reason\": \"too much space is taken\"").count(), 3, "{json}");
    assert_eq!(kept(&program).len(), 0);
    assert_eq!(files_named(&program, "*.lock"), "");
    build(&program);
}
