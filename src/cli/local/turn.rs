//! One `shipway local --detach` at a time: a second one waits until the cloud of the first one
//! is up, and finds it.

use crate::cli::say;
use crate::local::files::create_folder;
use crate::local::{CloudFile, is_up};
use crate::run::outcome::{StepError, chain_of};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than a start may take.
pub const MAX_TURN_TIME: Duration = Duration::from_secs(40);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Keeps others from starting a cloud in the background until it is dropped.
#[derive(Debug)]
pub struct Turn {
    /// `None` where the file system has no locks of folders.
    _lock: Option<Flock<File>>,
}

impl Turn {
    /// Waits for those that start a cloud in this folder, which is created.
    pub fn wait(folder: &Path, limit: Duration) -> Result<Self, StepError> {
        let what = || StepError::new("cannot start the local cloud");
        create_folder(folder).map_err(|error| what().because(chain_of(&error).join(": ")))?;
        let opened = File::open(folder).map_err(|error| {
            what().because(format!("cannot open `{}`: {error}", folder.display()))
        });
        let (mut file, begun, mut has_told) = (opened?, Instant::now(), false);
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Self { _lock: Some(lock) }),
                Err((back, Errno::EAGAIN)) => file = back,
                Err(_) => return Ok(Self { _lock: None }),
            }
            let folder = folder.display();
            if begun.elapsed() > limit {
                let other = format!("another one, which starts in `{folder}`");
                return Err(what()
                    .because(format!("{other}, has not become ready within {limit:?}"))
                    .help("end that `shipway local --detach`, or use another `--state-dir`"));
            }
            if !std::mem::replace(&mut has_told, true) {
                say::tell(&format!("waiting for another local cloud, which starts in `{folder}`"));
            }
            sleep(POLL_INTERVAL);
        }
    }
}

/// Waits for a cloud that holds the state folder without a file that says how it is reached:
/// it is about to start, or to end.
pub fn wait_until_reachable(state: &Path, limit: Duration) {
    let path = state.join("cloud.json");
    let is_reachable = || CloudFile::read(&path).is_ok();
    let begun = Instant::now();
    let mut has_told = false;
    while is_up(state) && !is_reachable() && begun.elapsed() < limit {
        if !std::mem::replace(&mut has_told, true) {
            let state = state.display();
            say::tell(&format!("waiting for the local cloud that starts or ends in `{state}`"));
        }
        sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::Turn;
    use std::time::Duration;

    #[test]
    fn start_that_takes_too_long_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Turn::wait(folder.path(), Duration::ZERO).expect("it is free");
        let limit = Duration::from_millis(30);
        let failure = Turn::wait(folder.path(), limit).expect_err("it is taken").failure;
        let named = folder.path().display();
        assert_eq!(
            failure.chain,
            [
                "cannot start the local cloud".to_owned(),
                format!("another one, which starts in `{named}`, has not become ready within 30ms"),
            ]
        );
        assert_eq!(
            failure.help.as_deref(),
            Some("end that `shipway local --detach`, or use another `--state-dir`")
        );
        drop(first);
        Turn::wait(folder.path(), limit).expect("it is free again");
    }
}
