//! Child processes end with the program, however it ends, and a run that was
//! killed can be resumed at once.

use crate::support::{Program, eventually, is_alive};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Child;

/// A plan whose one step starts a child that starts another, which leaves its
/// process group, and then waits.
const PLAN: &str = "\
name: children
steps:
  - run: |
      echo $$ > first
      setsid sh -c 'echo $$ > second; exec sleep 600' &
      (trap '' TERM; echo $BASHPID > third; exec sleep 600) &
      sleep 600
";

/// Starts the plan and waits until all three are there.
fn start(program: &Program) -> (Child, Vec<u32>) {
    let child = program.start(&["run"]);
    let pids = ["first", "second", "third"].map(|name| {
        eventually("the children have started", || {
            fs::read_to_string(program.path(name)).ok()?.trim().parse().ok()
        })
    });
    (child, pids.to_vec())
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).expect("the program is there");
}

/// Reads standard error until the first signal was served: two at once have no order.
fn until_it_is_stopping(child: &mut Child) {
    until_it_says(child, "stopping");
}

fn until_it_says(child: &mut Child, words: &str) {
    let mut log = BufReader::new(child.stderr.as_mut().expect("a pipe")).lines();
    let found = log.find(|line| line.as_ref().is_ok_and(|line| line.contains(words)));
    found.expect("it says so").expect("text");
}

#[track_caller]
fn all_gone(pids: &[u32]) {
    eventually("every child has ended", || pids.iter().all(|&pid| !is_alive(pid)).then_some(()));
}

#[test]
fn interrupted_run_ends_its_children() {
    let program = Program::with_plan(PLAN);
    let (child, pids) = start(&program);
    send(&child, Signal::SIGINT);
    let finished = program.finish(child).exits(130);

    all_gone(&pids);
    assert!(finished.stderr.contains("cancelled"), "{}", finished.stderr);
}

#[test]
fn terminated_run_exits_with_143() {
    let program = Program::with_plan(PLAN);
    let (child, pids) = start(&program);
    send(&child, Signal::SIGTERM);
    program.finish(child).exits(143);

    all_gone(&pids);
}

#[test]
fn closed_terminal_is_reported_like_a_signal() {
    let program = Program::with_plan(PLAN);
    let (child, pids) = start(&program);
    send(&child, Signal::SIGHUP);
    let finished = program.finish(child).exits(129);

    all_gone(&pids);
    let stderr = &finished.stderr;
    assert!(stderr.contains("stopping: the terminal was closed, cleaning up\n"), "{stderr}");
    assert!(stderr.contains("run  cancelled"), "{stderr}");
}

#[test]
fn closed_terminal_does_not_end_a_run_that_ignores_it() {
    let program = Program::with_plan(PLAN);
    let child = program.start_with_signals("--ignore-signal=HUP", &["run"]);
    eventually("the step has started", || fs::read_to_string(program.path("third")).ok());
    send(&child, Signal::SIGHUP);
    send(&child, Signal::SIGTERM);
    let finished = program.finish(child).exits(143);

    assert!(!finished.stderr.contains("the terminal was closed"), "{}", finished.stderr);
}

#[test]
fn a_run_that_is_terminated_twice_exits_with_143() {
    let plan = PLAN.replace("echo $$ > first", "trap '' TERM; echo $$ > first");
    let program = Program::with_plan(&plan);
    let (mut child, pids) = start(&program);
    send(&child, Signal::SIGTERM);
    until_it_is_stopping(&mut child);
    send(&child, Signal::SIGTERM);
    program.finish(child).exits(143);

    all_gone(&pids);
}

#[test]
fn second_signal_kills_at_once() {
    let plan = PLAN.replace("echo $$ > first", "trap '' TERM; echo $$ > first");
    let program = Program::with_plan(&plan);
    let (mut child, pids) = start(&program);
    send(&child, Signal::SIGINT);
    until_it_is_stopping(&mut child);
    send(&child, Signal::SIGTERM);
    program.finish(child).exits(130);

    all_gone(&pids);
}

/// What a run waits for may keep it from hearing of signals, such as a file without end.
#[test]
fn second_signal_ends_a_run_that_does_not_answer() {
    let program = Program::with_plan(
        "name: busy\nsteps: [{ run: 'true', env: { SUM: \"${{ hashFiles('endless') }}\" } }]\n",
    );
    let endless = std::fs::File::create(program.path("endless")).expect("made");
    endless.set_len(1 << 40).expect("a sparse file");
    let mut child = program.start(&["run"]);
    until_it_says(&mut child, "run  started");
    // Before that it still hears of signals.
    let files = format!("/proc/{}/fd", child.id());
    eventually("it reads the file", || {
        let open = std::fs::read_dir(&files).into_iter().flatten().flatten();
        let mut names = open.filter_map(|file| std::fs::read_link(file.path()).ok());
        names.any(|name| name.ends_with("endless")).then_some(())
    });
    send(&child, Signal::SIGINT);
    // Signals that come at once are one.
    std::thread::sleep(std::time::Duration::from_millis(300));
    send(&child, Signal::SIGTERM);
    let finished = program.finish(child).exits(143);
    assert_eq!(finished.stderr, "error: the command did not answer, and was ended by the signal\n");
}

#[test]
fn killed_run_leaves_no_child() {
    let program = Program::with_plan(PLAN);
    let (child, pids) = start(&program);
    send(&child, Signal::SIGKILL);
    program.finish(child).exits(128 + 9);

    all_gone(&pids);
}

/// A plan whose step ignores signals and does not end until it is run again.
const STUBBORN: &str = "\
name: stubborn
steps:
  - idempotent: true
    run: |
      if [ -e started ]; then exit 0; fi
      trap '' HUP INT TERM USR1
      touch started
      sleep 600
";

#[test]
fn a_killed_run_can_be_resumed_at_once() {
    for _ in 0..5 {
        let program = Program::with_plan(STUBBORN);
        let child = program.start(&["run"]);
        eventually("the step has started", || program.path("started").exists().then_some(()));
        send(&child, Signal::SIGKILL);
        program.finish(child).exits(128 + 9);

        let resumed = program.run(&["resume"]).exits(0);
        assert!(!resumed.stderr.contains("still going on"), "{}", resumed.stderr);
    }
}

#[test]
fn a_run_that_is_going_on_cannot_be_resumed() {
    let program = Program::with_plan(STUBBORN);
    let child = program.start(&["run"]);
    eventually("the step has started", || program.path("started").exists().then_some(()));
    let refused = program.run(&["resume"]).exits(3);
    send(&child, Signal::SIGKILL);
    program.finish(child).exits(128 + 9);

    let shown = "journal.jsonl` is still going on in another process";
    assert!(refused.stderr.contains(shown), "{}", refused.stderr);
}
