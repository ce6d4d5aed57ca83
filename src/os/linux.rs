//! Linux: parents are watched by the kernel, processes are seen in `/proc`.

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getppid};
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Keeps other processes of the user from reading the memory and the environment of this one.
pub fn keep_private() -> io::Result<()> {
    Ok(prctl::set_dumpable(false)?)
}

/// Has this process signalled when its parent ends. Returns `false` if that is not possible,
/// or if the parent has ended already.
pub fn signal_when_orphaned(parent: Pid, signal: Signal) -> bool {
    prctl::set_pdeathsig(signal).is_ok() && getppid() == parent
}

/// Makes this process the parent of descendants whose own parent has ended. The emulators of
/// qemu for other processors refuse it, under which a run must go on all the same.
pub fn adopt_orphans() {
    prctl::set_child_subreaper(true).ok();
}

/// Has this process, and the program that it becomes, killed when its parent ends. Kept by
/// `execve(2)`.
pub fn die_with_supervisor(supervisor: Pid) -> bool {
    signal_when_orphaned(supervisor, Signal::SIGKILL)
}

/// Kills all descendants that are left, also those that have left the process group of the
/// child. As a subreaper, this process is their parent once their own parents have ended;
/// without that, only the group is found.
pub fn end_descendants(child: Pid) {
    if !prctl::get_child_subreaper().unwrap_or(false) {
        killpg(child, Signal::SIGKILL).ok();
    }
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

fn children_of(parent: Pid) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| parent_of(pid) == Some(parent)).map(Pid::from_raw).collect()
}

/// The fourth field of `/proc/PID/stat`. The second, the name in parentheses, may
/// contain any character.
fn parent_of(pid: i32) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = stat.rsplit_once(") ")?.1;
    rest.split(' ').nth(1)?.parse().ok().map(Pid::from_raw)
}

/// Whether this process ignores SIGHUP, as `nohup` has it do.
pub fn ignores_hang_up() -> bool {
    ignores(&fs::read_to_string("/proc/self/status").unwrap_or_default(), libc::SIGHUP)
}

/// Whether a process ignores a signal, by its `/proc/PID/status`.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

/// A process that keeps its id to itself: the kernel does not give the id to another process
/// while this handle is there.
#[derive(Debug)]
pub struct ProcessHandle(OwnedFd);

impl ProcessHandle {
    /// `None` if there is no such process.
    pub fn open(pid: Pid) -> io::Result<Option<Self>> {
        let pid = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Errno::EINVAL)?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => Ok(Some(Self(process))),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.0, rustix::process::Signal::TERM)?)
    }
}

/// Whether a process holds the `flock(2)` of a file that some process holds.
pub fn holds_lock(pid: Pid, path: &Path) -> io::Result<bool> {
    let inode = fs::metadata(path)?.ino();
    let locks = fs::read_to_string("/proc/locks")?;
    Ok(holder_of(&locks, inode) == Some(pid))
}

/// The holder of the lock of a file, from `/proc/locks` (`proc_locks(5)`):
/// `1: FLOCK  ADVISORY  WRITE 123 08:01:456 0 EOF`.
fn holder_of(locks: &str, inode: u64) -> Option<Pid> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = words[..] else { return None };
        let found = file.rsplit(':').next()?.parse() == Ok(inode);
        found.then(|| pid.parse().ok().map(Pid::from_raw)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::{holder_of, ignores};
    use nix::libc::{SIGHUP, SIGTERM};
    use nix::unistd::Pid;

    #[test]
    fn nohup_is_seen() {
        let status = "Name:\tshipway\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, SIGHUP));
        assert!(!ignores(status, SIGTERM));
        assert!(!ignores("", SIGHUP));
    }

    #[test]
    fn the_holder_of_a_lock_is_read() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:01:456 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 123 08:01:456 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 124 08:01:456 0 EOF\n";
        assert_eq!(holder_of(locks, 456), Some(Pid::from_raw(123)));
        assert_eq!(holder_of(locks, 56), None);
    }
}
