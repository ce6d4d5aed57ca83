//! Systems without `prctl(2)` and `/proc`, such as macOS: what POSIX has, and `lsof`.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getppid};
use std::io;
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// How often it is looked whether the parent is still there.
const PARENT_POLL: Duration = Duration::from_millis(100);

/// Nothing to do: macOS gives the memory of a process to root and to debuggers alone.
#[expect(clippy::unnecessary_wraps, reason = "Linux may refuse it")]
pub fn keep_private() -> io::Result<()> {
    Ok(())
}

/// Has this process signalled when its parent ends, by a thread that looks for it. Returns
/// `false` if the parent has ended already. The thread inherits the signals that are blocked.
pub fn signal_when_orphaned(parent: Pid, signal: Signal) -> bool {
    thread::spawn(move || {
        while getppid() == parent {
            thread::sleep(PARENT_POLL);
        }
        kill(Pid::this(), signal).ok();
    });
    getppid() == parent
}

/// Descendants whose parent has ended belong to process 1; [`end_descendants`] finds them by
/// their process group.
pub fn adopt_orphans() {}

/// Whether the supervisor is still there. A program that this process becomes outlives one
/// that is killed, but not one that ends otherwise.
pub fn die_with_supervisor(supervisor: Pid) -> bool {
    getppid() == supervisor
}

/// Kills what is left of the process group of the child. A descendant that has made a group of
/// its own, as a daemon does, stays.
pub fn end_descendants(child: Pid) {
    killpg(child, Signal::SIGKILL).ok();
}

/// Whether this process may have been started by `nohup`, which takes the terminal from
/// standard output. What ignores the signal cannot be asked without replacing it.
pub fn ignores_hang_up() -> bool {
    may_be_kept(&io::stdout())
}

/// Whether `nohup` may keep a process with this output.
fn may_be_kept(output: &impl IsTerminal) -> bool {
    !output.is_terminal()
}

/// A process by its id.
#[derive(Debug)]
pub struct ProcessHandle(Pid);

impl ProcessHandle {
    /// `None` if there is no such process.
    pub fn open(pid: Pid) -> io::Result<Option<Self>> {
        match kill(pid, None) {
            Ok(()) | Err(Errno::EPERM) => Ok(Some(Self(pid))),
            Err(Errno::ESRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) -> io::Result<()> {
        Ok(kill(self.0, Signal::SIGTERM)?)
    }
}

/// Whether a process has a file open that some process has locked.
#[cfg(not(target_os = "linux"))]
pub fn holds_lock(pid: Pid, path: &Path) -> io::Result<bool> {
    has_open(Path::new("lsof"), pid, path)
}

fn has_open(lsof: &Path, pid: Pid, path: &Path) -> io::Result<bool> {
    let mut command = Command::new(lsof);
    command.arg("-t").arg("--").arg(path).stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("cannot start `lsof`: {error}")))?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(lines.lines().any(|line| line.trim().parse() == Ok(pid.as_raw())))
}

#[cfg(test)]
mod tests {
    use super::{
        ProcessHandle, adopt_orphans, die_with_supervisor, end_descendants, has_open,
        ignores_hang_up, keep_private, may_be_kept, signal_when_orphaned,
    };
    use nix::pty::openpty;
    use nix::sys::signal::Signal;
    use nix::unistd::{Pid, getppid};
    use std::fs::{self, File};
    use std::io;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::Command;

    #[test]
    fn process_is_tied_to_its_parent_alone() {
        adopt_orphans();
        assert!(keep_private().is_ok());
        assert!(signal_when_orphaned(getppid(), Signal::SIGKILL));
        assert!(die_with_supervisor(getppid()));
        // Ignored, unless something handles it.
        assert!(!signal_when_orphaned(Pid::this(), Signal::SIGWINCH));
        assert!(!die_with_supervisor(Pid::this()));
    }

    #[test]
    fn whole_process_group_is_ended() {
        let mut group = Command::new("sh");
        group.args(["-c", "sleep 600 & wait"]).process_group(0);
        let mut started = group.spawn().expect("there is a shell");
        end_descendants(Pid::from_raw(started.id().cast_signed()));
        let ended = started.wait().expect("it ends");
        assert_eq!(ended.signal(), Some(Signal::SIGKILL as i32));
    }

    #[test]
    fn run_without_a_terminal_may_be_kept_by_nohup() {
        let terminal = openpty(None, None).expect("a terminal");
        assert!(!may_be_kept(&File::from(terminal.slave)));
        assert!(may_be_kept(&tempfile::tempfile().expect("a file")));
        assert_eq!(ignores_hang_up(), may_be_kept(&io::stdout()));
    }

    #[test]
    fn process_is_found_and_told_to_end() {
        let mut started = Command::new("sleep").arg("600").spawn().expect("it is installed");
        let pid = Pid::from_raw(started.id().cast_signed());
        let handle = ProcessHandle::open(pid).expect("looked").expect("it runs");
        handle.terminate().expect("it is ours");
        assert_eq!(started.wait().expect("it ends").signal(), Some(Signal::SIGTERM as i32));
        assert!(ProcessHandle::open(pid).expect("looked").is_none());
    }

    #[test]
    fn holder_of_a_lock_has_its_file_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lsof, lock) = (folder.path().join("lsof"), folder.path().join("lock"));
        let script =
            format!("#!/bin/sh\n[ \"$*\" = '-t -- {}' ] && echo 12 && echo 345\n", lock.display());
        fs::write(&lsof, script).expect("written");
        let missing = has_open(&folder.path().join("none"), Pid::from_raw(12), &lock);
        let missing = missing.expect_err("there is no such program").to_string();
        assert!(missing.starts_with("cannot start `lsof`: "), "{missing}");
        fs::set_permissions(&lsof, fs::Permissions::from_mode(0o755)).expect("a program");
        for (pid, holds) in [(12, true), (345, true), (34, false)] {
            assert_eq!(has_open(&lsof, Pid::from_raw(pid), &lock).expect("it ran"), holds, "{pid}");
        }
    }
}
