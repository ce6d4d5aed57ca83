//! The executable of the stages.

use super::own_program;
use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What other users need on the program that becomes the stages.
const READ_AND_EXECUTE: u32 = 0o005;

/// The executable that becomes the stages, which any user may start.
#[derive(Debug)]
pub struct StageProgram {
    path: PathBuf,
    /// A copy in memory, where others may not start the file.
    _copy: Option<OwnedFd>,
}

impl StageProgram {
    /// Copies the program if root alone may start it: the stages are another user then. Where
    /// copies in memory may not be executed, the file stays (`vm.memfd_noexec` of `sysctl(8)`).
    pub fn open(program: &Path) -> Self {
        let is_closed = !others_may_start(program);
        let copy = is_closed && nix::unistd::geteuid().is_root();
        match copy.then(|| own_program::copy(program)).transpose() {
            Ok(Some(copy)) => {
                let path = PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd()));
                Self { path, _copy: Some(copy) }
            }
            Ok(None) | Err(_) => Self { path: program.to_owned(), _copy: None },
        }
    }

    /// The path to start it by, in this process and its children.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether every user may start a program.
pub fn others_may_start(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|it| it.permissions().mode() & READ_AND_EXECUTE == READ_AND_EXECUTE)
}
