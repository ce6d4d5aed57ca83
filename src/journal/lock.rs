//! Keeps a second process from going on with a run that is still going on.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Held by the process that executes a run, for as long as it lives.
///
/// A POSIX record lock (`fcntl(2)`), because it belongs to the process alone. An
/// `flock(2)` belongs to the open file, of which a child that is being started
/// has a copy until its `execve`: it would outlive a parent that is killed in
/// that moment, and the run could not be resumed at once.
///
/// The locked file is not the journal: a process loses its record locks on a
/// file when it closes any descriptor of that file, such as one just read from.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock beside a journal; `None` if another process holds it.
    #[expect(clippy::cast_possible_truncation, reason = "libc gives small constants as `c_int`")]
    pub fn acquire(journal: &Path) -> io::Result<Option<Self>> {
        let path = journal.with_file_name("lock");
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let whole_file = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        match fcntl(&file, FcntlArg::F_SETLK(&whole_file)) {
            Ok(_) => Ok(Some(Self { _file: file })),
            Err(Errno::EACCES | Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether another process executes the run of a journal. Not to be asked of a run of this process,
/// which would lose its lock.
pub fn is_in_progress(journal: &Path) -> bool {
    let has_lock = journal.with_file_name("lock").exists();
    has_lock && matches!(RunLock::acquire(journal), Ok(None))
}
