//! What is left of a command that ends before its time: it is killed, or takes more memory than
//! it may.

use super::commands::{BASE, program};
use crate::support::eventually;
use crate::unprivileged;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The processes whose command line has a word.
pub fn processes(word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("processes").flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(word) && !line.contains("dockerfile::") {
            found.push(line);
        }
    }
    found
}

/// The control groups of commands whose helper has ended.
fn abandoned_groups() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(process) = name.strip_prefix("shipway-build-")
                && !Path::new("/proc").join(process).exists()
            {
                found.push(entry.path());
            }
            waiting.push(entry.path());
        }
    }
    found
}

#[test]
fn killed_command_leaves_nothing() {
    for (signal, milliseconds) in [
        (Signal::SIGKILL, 0),
        (Signal::SIGKILL, 5),
        (Signal::SIGKILL, 10),
        (Signal::SIGKILL, 20),
        (Signal::SIGKILL, 60),
        (Signal::SIGKILL, 150),
        (Signal::SIGKILL, 300),
        (Signal::SIGTERM, 10),
        (Signal::SIGTERM, 300),
        (Signal::SIGINT, 300),
    ] {
        let marker = format!("{}.{milliseconds}", 600_000 + signal as i32 * 1000);
        let step = format!("RUN trap '' TERM INT; sleep {marker} & sleep {marker}\n");
        let program = program().file("Dockerfile", &format!("{BASE}{step}"));
        let plan = "name: a\nsteps: [{ build: { context: ., using: native } }]\n";
        fs::write(program.path("shipway.yml"), plan).expect("written");
        let log = fs::File::create(program.path("log")).expect("a file");
        let child = program.command(&["run"]).stderr(log).spawn().expect("started");
        eventually("the command is about to run", || {
            let log = fs::read_to_string(program.path("log")).unwrap_or_default();
            log.contains(" runs `RUN").then_some(())
        });
        std::thread::sleep(Duration::from_millis(milliseconds));
        kill(Pid::from_raw(child.id().cast_signed()), signal).expect("there");
        program.finish(child);

        let folder = program.folder().display().to_string();
        eventually("no process is left", || {
            let left = [processes(&marker), processes(&folder)].concat();
            left.is_empty().then_some(())
        });
        let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
        assert!(!mounts.contains(&folder), "{mounts}");
        // The next run removes what a killed one could not.
        fs::write(program.path("Dockerfile"), format!("{BASE}RUN true\n")).expect("written");
        program.run(&["run"]).exits(0);
        let names = ["layer.tar", "upper", "order.json", "*.part"];
        let names = names.iter().flat_map(|name| ["-o", "-name", name]).skip(1);
        let left = Command::new("find").arg(&folder).args(names).output().expect("find");
        assert_eq!(String::from_utf8_lossy(&left.stdout), "", "{signal} {milliseconds}");
        assert_eq!(abandoned_groups(), Vec::<PathBuf>::new(), "{signal} {milliseconds}");
    }
}

#[test]
fn command_that_takes_too_much_memory_is_named_with_its_limit() {
    let build = |step: &str| {
        let program = program().file("Dockerfile", &format!("{BASE}{step}\n")).file(
            "shipway.yml",
            "name: a\nsteps: [{ build: { context: ., using: native, memory: 64MB } }]\n",
        );
        program.run(&["run"])
    };
    let said = build("RUN dd if=/dev/zero of=/dev/null bs=200M count=1").exits(4).stderr;
    let from = said.find("    `Dockerfile:").expect("the failure");
    let lines: Vec<&str> = said[from..].lines().map(str::trim).collect();
    let help = lines.iter().find(|line| line.starts_with("help: "));
    assert_eq!(
        lines[0],
        "`Dockerfile:4` failed: `/bin/sh -c dd if=/dev/zero of=/dev/null bs=200M count=1` was killed because it took more than 64.0 MB of memory"
    );
    assert_eq!(
        help,
        Some(&"help: allow more by `memory` of the step, or let the command do less at once"),
        "{said}"
    );
    build("RUN dd if=/dev/zero of=/dev/null bs=8M count=1").exits(0);
    assert_eq!(abandoned_groups(), Vec::<PathBuf>::new());
}

/// A user that may make no control group.
#[test]
fn without_a_control_group_each_process_is_limited() {
    let program = program()
        .file("Dockerfile", &format!("{BASE}RUN dd if=/dev/zero of=/dev/null bs=200M count=1\n"))
        .file(
            "shipway.yml",
            "name: a\nsteps: [{ build: { context: ., using: native, memory: 64MB } }]\n",
        );
    let said = unprivileged::run(&program, &["run"]).exits(4).stderr;
    assert!(said.contains("│ dd: out of memory"), "{said}");
    let ended = "`/bin/sh -c dd if=/dev/zero of=/dev/null bs=200M count=1` ended with exit code 1";
    assert!(said.contains(ended), "{said}");
}
