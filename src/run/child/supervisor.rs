//! The supervisor: a small process between Shipway and a child. It ends the child and
//! all its descendants when Shipway ends, even by SIGKILL.
//!
//! It is the same binary, started with a hidden first argument that `main` handles
//! before any thread exists. It asks the system to signal the death of its parent and to
//! make it the parent of orphaned descendants, as far as the system can (`os`).

use crate::os;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// The hidden first argument.
pub const ENTRY: &str = "__child";

/// The hidden first argument of the process that becomes the program.
pub const PROGRAM_ENTRY: &str = "__program";

/// The signal that is sent when the parent dies.
const ORPHANED: Signal = Signal::SIGUSR1;

/// The exit code for a missing program, as in shells.
const NOT_FOUND: u8 = 127;

/// The exit code for a program that cannot be executed, as in shells.
const NOT_RUNNABLE: u8 = 126;

/// Runs a program. `arguments` are the process id of the parent, the program and its
/// arguments. Returns the exit code, or 128 plus the number of the signal that ended
/// the program.
pub fn supervise(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(parent) = arguments.next().and_then(|text| text.to_str()?.parse().ok()) else {
        return ExitCode::from(NOT_RUNNABLE);
    };
    let Some(program) = arguments.next() else { return ExitCode::from(NOT_RUNNABLE) };
    // Its environment is that of the step, with the step's secrets.
    if os::keep_private().is_err() {
        return ExitCode::from(NOT_RUNNABLE);
    }
    let signals = supervised_signals();
    signals.thread_block().expect("a valid set of signals can be blocked");
    if !os::signal_when_orphaned(Pid::from_raw(parent), ORPHANED) {
        return ExitCode::from(NOT_RUNNABLE);
    }
    os::adopt_orphans();
    // The child inherits the blocked signals, so that no signal is lost and none ends
    // this process before it watches. It unblocks them itself, in `become_program`.
    let Ok(own) = std::env::current_exe() else { return ExitCode::from(NOT_RUNNABLE) };
    let mut command = Command::new(own);
    command.arg(PROGRAM_ENTRY).arg(getpid().to_string()).arg(program).args(arguments);
    let Ok(started) = command.process_group(0).spawn() else {
        return ExitCode::from(NOT_RUNNABLE);
    };
    let child = Pid::from_raw(started.id().cast_signed());
    watch(child, &signals)
}

/// Replaces this process by a program. `arguments` are the process id of the supervisor,
/// the program and its arguments. Returns only if that is not possible.
pub fn become_program(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(supervisor) = arguments.next().and_then(|text| text.to_str()?.parse().ok()) else {
        return ExitCode::from(NOT_RUNNABLE);
    };
    let Some(program) = arguments.next() else { return ExitCode::from(NOT_RUNNABLE) };
    // The program ends with its supervisor, even if that is killed.
    if !os::die_with_supervisor(Pid::from_raw(supervisor)) {
        return ExitCode::from(NOT_RUNNABLE);
    }
    supervised_signals().thread_unblock().expect("a valid set of signals can be unblocked");
    let error = Command::new(program).args(arguments).exec();
    let is_missing = error.kind() == std::io::ErrorKind::NotFound;
    ExitCode::from(if is_missing { NOT_FOUND } else { NOT_RUNNABLE })
}

/// The signals that [`watch`] waits for.
fn supervised_signals() -> SigSet {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, ORPHANED] {
        signals.add(signal);
    }
    signals
}

/// Waits for the child and passes signals on to its process group.
fn watch(child: Pid, signals: &SigSet) -> ExitCode {
    loop {
        if let Some(code) = reap(child) {
            os::end_descendants(child);
            return ExitCode::from(code);
        }
        match signals.wait() {
            Ok(ORPHANED) => {
                pass_on(child, Signal::SIGKILL);
                os::end_descendants(child);
                return ExitCode::from(128 + 9);
            }
            Ok(Signal::SIGCHLD) | Err(_) => {}
            Ok(signal) => pass_on(child, signal),
        }
    }
}

/// Sends a signal. An error means that the process group has ended.
fn pass_on(child: Pid, signal: Signal) {
    killpg(child, signal).ok();
}

/// Reaps all ended processes. Returns the exit code of the child if it has ended.
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
