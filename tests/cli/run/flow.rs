//! Programs that write faster than their lines are shown, or than anything reads them:
//! memory stays flat, signals are served, and what the report needs is not lost.

use crate::support::{Finished, Program, eventually};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::process::{Child, Stdio};

/// What the program may hold beside what it was read from the disk for.
const MAX_KIB: u64 = 64 * 1024;

/// The memory that a process has for itself, without files that it maps.
fn anonymous_kib(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("the program is there");
}

/// Runs to the end and returns the most memory that was seen.
fn most_kib(child: &mut Child) -> u64 {
    let mut most = 0;
    eventually("the program ends", || {
        most = most.max(anonymous_kib(child));
        child.try_wait().expect("it can be waited for")
    });
    most
}

/// Starts a plan with one step, with standard error to a file.
fn start(program: &Program) -> Child {
    let log = File::create(program.path("log")).expect("a file can be made");
    program.command(&["run"]).stderr(log).spawn().expect("the program starts")
}

fn plan(script: &str) -> Program {
    Program::with_plan(&format!("name: flow\nreport: none\nsteps:\n  - run: {script}\n"))
}

#[test]
fn a_flood_of_lines_takes_little_memory_and_is_interrupted() {
    let program = plan("seq 100000; touch flooded; exec yes");
    let child = start(&program);
    eventually("much was written", || program.path("flooded").exists().then_some(()));
    let held = anonymous_kib(&child);
    interrupt(&child);
    program.finish(child).exits(130);

    assert!(held < MAX_KIB, "{held} KiB");
    let log = fs::read_to_string(program.path("log")).expect("a log");
    // `yes` may have been interrupted before its first line.
    assert!(log.contains("\nrun │ 100000\n"), "lines were lost");
    assert!(log.contains("run  cancelled"), "the report was lost");
}

#[test]
fn no_line_is_lost_before_the_report_of_a_failure() {
    let program = plan("seq 50000; echo the reason >&2; exit 3");
    let Finished { stderr, .. } = program.run(&["run"]).exits(4);

    let shown: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("run │ ")).collect();
    let written = (1..=50_000).map(|number| number.to_string());
    let written: Vec<String> = written.chain(["the reason".to_owned()]).collect();
    assert_eq!(shown, written);
    assert!(stderr.contains("    | the reason\n"), "{}", &stderr[stderr.len() - 2_000..]);
}

#[test]
fn a_line_of_many_megabytes_takes_little_memory() {
    let program = plan("head -c 30000000 /dev/zero | tr '\\0' x");
    let mut child = start(&program);
    let most = most_kib(&mut child);

    assert!(most < MAX_KIB, "{most} KiB");
    assert!(child.wait().expect("it ended").success());
    let log = fs::metadata(program.path("log")).expect("a log");
    assert!(log.len() > 30_000_000, "{} bytes", log.len());
}

/// Starts the program with a standard error whose reader has stopped, and waits until
/// no more can be written to it.
fn start_with_a_stopped_reader(program: &Program) -> (Child, io::PipeReader) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let theirs = writer.try_clone().expect("a second end");
    let child = program
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(theirs)
        .spawn()
        .expect("the program starts");
    eventually("the pipe is full", || {
        let mut ends = [PollFd::new(writer.as_fd(), PollFlags::POLLOUT)];
        (poll(&mut ends, PollTimeout::ZERO) == Ok(0)).then_some(())
    });
    (child, reader)
}

#[test]
fn a_reader_that_stops_does_not_keep_a_run_from_being_stopped() {
    let program = plan("exec yes");
    let (child, _reader) = start_with_a_stopped_reader(&program);
    let held = anonymous_kib(&child);
    interrupt(&child);
    program.finish(child).exits(130);

    assert!(held < MAX_KIB, "{held} KiB");
}

#[test]
fn a_reader_that_goes_on_gets_everything() {
    let program = plan("seq 20000");
    let (child, reader) = start_with_a_stopped_reader(&program);
    let log = std::thread::spawn(move || io::read_to_string(reader).expect("text"));
    program.finish(child).exits(0);
    let log = log.join().expect("read");

    assert_eq!(log.lines().filter(|line| line.starts_with("run │ ")).count(), 20_000);
    assert!(log.ends_with('\n') && log.contains("\nsucceeded"), "{}", &log[log.len() - 500..]);
}
