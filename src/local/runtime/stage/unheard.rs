//! Whether a signal to a container is lost: the kernel drops one that process 1 of a PID
//! namespace has no handler for, so that waiting for what it does is in vain.
//!
//! See `pid_namespaces(7)`, "The namespace init process".

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};
use std::fs;
use std::os::fd::AsRawFd as _;

/// Whether the container of this process 1 consists of it alone, and it neither handles the
/// signal nor holds it back to ask for it later. `false` where that cannot be found out.
pub fn is_lost(process: Pid, signal: Signal) -> bool {
    let Some(seen) = seen_in_proc(process) else { return false };
    let children = fs::read_to_string(format!("/proc/{seen}/task/{seen}/children"));
    let is_alone = children.is_ok_and(|children| children.trim().is_empty());
    let status = fs::read_to_string(format!("/proc/{seen}/status"));
    is_alone && status.is_ok_and(|status| is_unheard(&status, signal))
}

/// The id of a process as `/proc` has it, which may be that of an outer namespace.
fn seen_in_proc(process: Pid) -> Option<u32> {
    let process = rustix::process::Pid::from_raw(process.as_raw())?;
    let opened = pidfd_open(process, PidfdFlags::empty()).ok()?;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", opened.as_raw_fd())).ok()?;
    field(&info, "Pid")?.parse().ok()
}

/// Whether a process with this `/proc/PID/status` neither catches nor blocks a signal. Without
/// both masks it may.
fn is_unheard(status: &str, signal: Signal) -> bool {
    let has = |name: &str| {
        let mask = field(status, name).and_then(|mask| u64::from_str_radix(mask, 16).ok());
        mask.is_none_or(|mask| mask & (1 << (signal as i32 - 1)) != 0)
    };
    !has("SigCgt") && !has("SigBlk")
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    text.lines().find_map(value).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::{is_lost, is_unheard, seen_in_proc};
    use nix::sys::signal::Signal;
    use nix::unistd::Pid;
    use std::process::{Child, Command, Stdio};

    fn status(blocked: &str, caught: &str) -> String {
        format!("Name:\tweb\nSigBlk:\t{blocked}\nSigIgn:\t0000000000000000\nSigCgt:\t{caught}\n")
    }

    #[test]
    fn signals_that_are_caught_or_blocked_are_heard() {
        let (none, term) = ("0000000000000000", "0000000000004000");
        let is_unheard = |blocked, caught| is_unheard(&status(blocked, caught), Signal::SIGTERM);
        assert!(is_unheard(none, none));
        assert!(!is_unheard(none, term));
        assert!(!is_unheard(term, none));
        assert!(is_unheard("0000000000002000", "0000000000008000"), "the signals beside it");
    }

    #[test]
    fn process_whose_masks_are_not_known_may_hear() {
        assert!(!is_unheard("Name:\tweb\nSigCgt:\t0000000000000000\n", Signal::SIGTERM));
        assert!(!is_unheard("", Signal::SIGTERM));
    }

    /// Runs a shell until it has said `ready`.
    fn shell(script: &str) -> (Child, Pid) {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().expect("a shell");
        let mut said = [0; 6];
        let output = child.stdout.as_mut().expect("its output");
        std::io::Read::read_exact(output, &mut said).expect("a line");
        assert_eq!(&said, b"ready\n");
        let pid = Pid::from_raw(child.id().cast_signed());
        (child, pid)
    }

    #[test]
    fn process_is_asked_for_its_handlers_and_children() {
        for (script, expected) in [
            ("echo ready; read line", true),
            ("trap 'exit 0' TERM; echo ready; read line", false),
            ("sleep 600 & echo ready; read line; kill $!", false),
        ] {
            let (mut child, pid) = shell(script);
            assert_eq!(seen_in_proc(pid), Some(child.id()));
            assert_eq!(is_lost(pid, Signal::SIGTERM), expected, "{script}");
            drop(child.stdin.take());
            child.wait().expect("it ends");
            assert!(!is_lost(pid, Signal::SIGTERM), "it has ended");
        }
    }
}
