//! Ends a local cloud that another process started, and never any other process.
//!
//! The id in a cloud file may be that of another process by now. A cloud holds the lock
//! of its state folder for as long as it lives, so the process that is signalled must be
//! the one that holds the lock; its descriptor keeps the id from being given to another
//! one between the two.

use super::cloud_file::CloudFile;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file in a state folder that its cloud locks.
pub(super) const LOCK: &str = "lock";

/// What became of the cloud.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Termination {
    /// It was told to end.
    Asked,
    /// It had ended before, without removing its file.
    EndedBefore,
}

#[derive(Debug, thiserror::Error)]
pub enum TerminateError {
    #[error("cannot look at the lock `{}`", path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error("process {pid} of its file is not the one that uses `{}`", state.display())]
    Other { pid: u32, state: PathBuf },
    #[error("cannot signal process {pid}")]
    Signal { pid: u32, source: io::Error },
}

/// Sends SIGTERM to the cloud of a file.
pub fn terminate(cloud: &CloudFile) -> Result<Termination, TerminateError> {
    let pid = cloud.pid;
    let failed = |source| TerminateError::Signal { pid, source };
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let number = number.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
    // First: from here on the descriptor means this process, whatever ends meanwhile.
    let process = match pidfd_open(number, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(rustix::io::Errno::SRCH) => return Ok(Termination::EndedBefore),
        Err(error) => return Err(failed(error.into())),
    };
    match holder(&cloud.state)? {
        None => Ok(Termination::EndedBefore),
        Some(holder) if holder == pid => {
            pidfd_send_signal(&process, Signal::TERM).map_err(|error| failed(error.into()))?;
            Ok(Termination::Asked)
        }
        Some(_) => Err(TerminateError::Other { pid, state: cloud.state.clone() }),
    }
}

/// Whether a local cloud holds the lock of its state folder.
pub fn is_up(state: &Path) -> bool {
    let Ok(file) = File::open(state.join(LOCK)) else { return false };
    Flock::lock(file, FlockArg::LockSharedNonblock).is_err()
}

/// The process that holds the lock of a state folder; 0 for one that cannot be seen.
fn holder(state: &Path) -> Result<Option<u32>, TerminateError> {
    let path = state.join(LOCK);
    let failed = |source| TerminateError::Lock { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let inode = file.metadata().map_err(failed)?.ino();
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(_free) => Ok(None),
        Err((_, Errno::EAGAIN)) => {
            let locks = std::fs::read_to_string("/proc/locks").map_err(failed)?;
            Ok(Some(holder_of(&locks, inode).unwrap_or(0)))
        }
        Err((_, errno)) => Err(failed(errno.into())),
    }
}

/// The holder of the `flock(2)` of a file, from `/proc/locks` (`proc_locks(5)`):
/// `1: FLOCK  ADVISORY  WRITE 123 08:01:456 0 EOF`.
fn holder_of(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = words[..] else { return None };
        let found = file.rsplit(':').next()?.parse() == Ok(inode);
        found.then(|| pid.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::{LOCK, TerminateError, Termination, holder_of, terminate};
    use crate::local::cloud_file::CloudFile;
    use nix::fcntl::{Flock, FlockArg};
    use std::fs::File;
    use std::path::Path;
    use std::process::{Child, Command};

    fn cloud(state: &Path, pid: u32) -> CloudFile {
        serde_json::from_value(serde_json::json!({
            "version": 1, "pid": pid, "proxy": "", "ca": "", "ca-file": "", "tenant-id": "",
            "client-id": "", "client-secret": "", "subscription-id": "", "github": null,
            "direct-registry": "", "runtime": "", "environment": {}, "request-log": "",
            "state": state,
        }))
        .expect("a cloud file")
    }

    fn bystander() -> Child {
        Command::new("sleep").arg("600").spawn().expect("sleep")
    }

    #[track_caller]
    fn still_runs(mut child: Child) {
        assert_eq!(child.try_wait().expect("a child"), None, "it was ended");
        child.kill().expect("it is there");
        child.wait().expect("it has ended");
    }

    #[test]
    fn a_process_that_got_the_id_of_a_cloud_is_not_ended() {
        let state = tempfile::tempdir().expect("a folder");
        let other = bystander();
        assert_eq!(
            terminate(&cloud(state.path(), other.id())).expect("looked"),
            Termination::EndedBefore
        );

        // The folder is used by a cloud with another file.
        let lock = File::create(state.path().join(LOCK)).expect("made");
        assert_eq!(
            terminate(&cloud(state.path(), other.id())).expect("looked"),
            Termination::EndedBefore
        );
        let held = Flock::lock(lock, FlockArg::LockExclusive).expect("free");
        let error = terminate(&cloud(state.path(), other.id())).expect_err("not the holder");
        drop(held);

        assert!(matches!(error, TerminateError::Other { .. }), "{error}");
        still_runs(other);
    }

    #[test]
    fn a_cloud_that_has_ended_is_found_to_have() {
        let state = tempfile::tempdir().expect("a folder");
        let mut child = bystander();
        child.kill().expect("it is there");
        child.wait().expect("it has ended");

        let ended = terminate(&cloud(state.path(), child.id())).expect("looked");
        assert_eq!(ended, Termination::EndedBefore);
    }

    #[test]
    fn the_holder_of_a_lock_is_read() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:01:456 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 123 08:01:456 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 124 08:01:456 0 EOF\n";
        assert_eq!(holder_of(locks, 456), Some(123));
        assert_eq!(holder_of(locks, 56), None);
    }
}
