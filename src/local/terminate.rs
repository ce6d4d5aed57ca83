//! Ends a local cloud that another process started, and never any other process.
//!
//! The id in a cloud file may be that of another process by now. A cloud holds the lock
//! of its state folder for as long as it lives, so the process that is signalled must be
//! the one that holds the lock; on Linux its handle keeps the id from being given to another
//! one between the two.

use super::cloud_file::CloudFile;
use crate::os::{ProcessHandle, holds_lock};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Pid;
use std::fs::File;
use std::io;
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
    let number = i32::try_from(pid).ok().filter(|&number| number > 0).map(Pid::from_raw);
    let number = number.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
    // First: from here on the handle means this process, whatever ends meanwhile.
    let Some(process) = ProcessHandle::open(number).map_err(failed)? else {
        return Ok(Termination::EndedBefore);
    };
    match holder(number, &cloud.state)? {
        Holder::Missing => Ok(Termination::EndedBefore),
        Holder::Same => {
            process.terminate().map_err(failed)?;
            Ok(Termination::Asked)
        }
        Holder::Other => Err(TerminateError::Other { pid, state: cloud.state.clone() }),
    }
}

/// Whether a local cloud holds the lock of its state folder.
pub fn is_up(state: &Path) -> bool {
    let Ok(file) = File::open(state.join(LOCK)) else { return false };
    Flock::lock(file, FlockArg::LockSharedNonblock).is_err()
}

/// What holds the lock of a state folder.
enum Holder {
    Missing,
    /// The process that was asked about.
    Same,
    Other,
}

fn holder(pid: Pid, state: &Path) -> Result<Holder, TerminateError> {
    let path = state.join(LOCK);
    let failed = |source| TerminateError::Lock { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::Missing),
        Err(error) => return Err(failed(error)),
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(_free) => Ok(Holder::Missing),
        Err((_, Errno::EAGAIN)) => {
            let is_same = holds_lock(pid, &path).map_err(failed)?;
            Ok(if is_same { Holder::Same } else { Holder::Other })
        }
        Err((_, errno)) => Err(failed(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::{LOCK, TerminateError, Termination, terminate};
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
}
