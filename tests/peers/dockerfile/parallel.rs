//! Stages that are built at once.

use super::commands::{BASE, program};
use super::ended::processes;
use crate::support::eventually;
use std::fs;

const PLAN: &str = "name: a\nsteps: [{ build: { context: ., using: native } }]\n";

/// Waits half a minute at most for a file in a cache that two stages share.
fn stage(name: &str, makes: &str, waits_for: &str, then: &str) -> String {
    format!(
        "FROM base AS {name}\nRUN --mount=type=cache,target=/c touch /c/{makes}; i=0; until test -e /c/{waits_for}; do sleep 0.1; i=$((i+1)); test $i -lt 300 || exit 1; done; {then}\n"
    )
}

#[test]
fn independent_stages_run_at_once_and_their_lines_say_which() {
    let one = stage("one", "a", "b", "echo from one; echo 1 > /one");
    let other = stage("other", "b", "a", "echo from other; echo 2 > /other");
    let last = "FROM scratch\nCOPY --from=one /one /\nCOPY --from=other /other /\n";
    let program = program()
        .file("Dockerfile", &format!("{BASE}{one}{other}{last}"))
        .file("shipway.yml", PLAN);

    let said = program.run(&["run"]).exits(0).stderr;

    for line in ["│ [one] from one\n", "│ [other] from other\n"] {
        assert_eq!(said.matches(line).count(), 1, "{said}");
    }
    let again = program.run(&["run"]).exits(0).stderr;
    assert_eq!(again.matches("is unchanged: `RUN").count(), 2, "{again}");
}

#[test]
fn failing_stage_ends_the_others() {
    let marker = "654321.25";
    let one = stage("one", "a", "b", "exit 7");
    let other = stage("other", "b", "a", &format!("sleep {marker}; true"));
    let last = "FROM scratch\nCOPY --from=one /etc /\nCOPY --from=other /etc /\n";
    let program = program()
        .file("Dockerfile", &format!("{BASE}{one}{other}{last}"))
        .file("shipway.yml", PLAN);

    // Without an end of the others it would take a week.
    let said = program.run(&["run"]).exits(4).stderr;

    let failure = said.lines().find(|line| line.trim().starts_with("`Dockerfile:"));
    let failure = failure.expect("the failure").trim();
    assert!(failure.starts_with("`Dockerfile:5` failed: "), "{failure}");
    assert!(failure.ends_with(" ended with exit code 7"), "{failure}");
    eventually("no process is left", || processes(marker).is_empty().then_some(()));
    let left = fs::read_to_string("/proc/mounts").expect("mounts");
    assert!(!left.contains(&program.folder().display().to_string()), "{left}");
}
