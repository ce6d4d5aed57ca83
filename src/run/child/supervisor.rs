//! The small process between Shipway and a child: it ends the child, and all
//! that the child started, when Shipway ends, however that happens.
//!
//! It is this same binary under a hidden first argument, taken in `main`
//! before any thread exists. It asks the kernel for a signal when its parent
//! dies, and to be given whatever the child's children leave behind.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getppid};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// The hidden first argument.
pub const ENTRY: &str = "__child";

/// What the kernel sends when the parent has died.
const ORPHANED: Signal = Signal::SIGUSR1;

/// The exit code of a program that is not there, as shells have it.
const NOT_FOUND: u8 = 127;

/// The exit code of a program that is there and cannot be run.
const NOT_RUNNABLE: u8 = 126;

/// Runs `arguments`: the parent's process id, the program and its arguments.
/// Returns the program's exit code, or 128 and the signal that ended it.
pub fn supervise(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(parent) = arguments.next().and_then(|text| text.to_str()?.parse().ok()) else {
        return ExitCode::from(NOT_RUNNABLE);
    };
    let Some(program) = arguments.next() else { return ExitCode::from(NOT_RUNNABLE) };
    let signals = blocked();
    if prctl::set_pdeathsig(ORPHANED).is_err() || prctl::set_child_subreaper(true).is_err() {
        return ExitCode::from(NOT_RUNNABLE);
    }
    // The parent may have died before the kernel was asked.
    if getppid() != Pid::from_raw(parent) {
        return ExitCode::from(NOT_RUNNABLE);
    }
    let mut command = Command::new(program);
    command.args(arguments).process_group(0);
    let started = match unblocked(&signals, || command.spawn()) {
        Ok(started) => started,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return ExitCode::from(NOT_FOUND);
        }
        Err(_) => return ExitCode::from(NOT_RUNNABLE),
    };
    let child = Pid::from_raw(started.id().cast_signed());
    watch(child, &signals)
}

/// The signals that are waited for, none of which interrupts from here on.
fn blocked() -> SigSet {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, ORPHANED] {
        signals.add(signal);
    }
    // Blocking signals in the only thread cannot fail with a valid set.
    signals.thread_block().expect("a valid set of signals can be blocked");
    signals
}

/// A child inherits the mask, so it is started with none.
fn unblocked<T>(signals: &SigSet, start: impl FnOnce() -> T) -> T {
    signals.thread_unblock().expect("a valid set of signals can be unblocked");
    let started = start();
    signals.thread_block().expect("a valid set of signals can be blocked");
    started
}

/// Waits for the child, passing signals on to its group.
fn watch(child: Pid, signals: &SigSet) -> ExitCode {
    loop {
        if let Some(code) = reap(child) {
            end_all();
            return ExitCode::from(code);
        }
        match signals.wait() {
            Ok(ORPHANED) => {
                pass_on(child, Signal::SIGKILL);
                end_all();
                return ExitCode::from(128 + 9);
            }
            Ok(Signal::SIGCHLD) | Err(_) => {}
            Ok(signal) => pass_on(child, signal),
        }
    }
}

/// A group that is gone needs no signal.
fn pass_on(child: Pid, signal: Signal) {
    killpg(child, signal).ok();
}

/// Collects all that have ended; the child's own exit code when it is among them.
fn reap(child: Pid) -> Option<u8> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => {
                return Some(u8::try_from(code & 0xff).unwrap_or(u8::MAX));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                return Some(128_u8.saturating_add(u8::try_from(signal as i32).unwrap_or(127)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Ends whatever the child left behind: all of it has come to be ours.
fn end_all() {
    loop {
        let left = children_of(Pid::this());
        if left.is_empty() {
            return;
        }
        for pid in left {
            kill(pid, Signal::SIGKILL).ok();
            waitpid(pid, None).ok();
        }
    }
}

/// The processes whose parent is `parent`, from `/proc`.
fn children_of(parent: Pid) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| parent_of(pid) == Some(parent)).map(Pid::from_raw).collect()
}

/// The fourth field of `/proc/PID/stat`, after a name that may hold anything.
fn parent_of(pid: i32) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = stat.rsplit_once(") ")?.1;
    rest.split(' ').nth(1)?.parse().ok().map(Pid::from_raw)
}
