//! Starts a child under its supervisor and waits for it.

use super::lines;
use super::supervisor::ENTRY;
use crate::event::Stream;
use crate::http::{Retry, Retryable};
use crate::secret::{Redactor, Secret};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a child is asked to leave before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A program to run: never through a shell, never with a secret as argument.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Looked for on the `PATH` of the environment below.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment: nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// Of its environment, what holds secrets.
    pub secrets: BTreeMap<String, Secret>,
    /// Where it runs.
    pub directory: PathBuf,
}

/// How a child is stopped before its end.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Its group gets SIGTERM, and SIGKILL five seconds later.
    pub ask: CancellationToken,
    /// Its group gets SIGKILL.
    pub kill: CancellationToken,
}

/// A line that a child wrote, redacted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Output {
    /// Where it wrote it.
    pub stream: Stream,
    /// Without its line end.
    pub line: String,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// By itself, with this code; 128 and the signal when one ended it.
    Exited(u8),
    /// Because it was stopped.
    Stopped,
}

/// A child that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// This binary cannot be found to supervise the child.
    #[error("find the running program, which supervises `{program}`")]
    Own {
        /// What was to be run.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The program is not on the `PATH`, or is no program.
    #[error("start `{program}`")]
    Start {
        /// What was to be run.
        program: String,
        /// Why not.
        source: io::Error,
    },
}

impl Retryable for ChildError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Own { .. } => None,
            Self::Start { program, .. } => {
                Some(format!("install `{program}`, or check its spelling and the PATH"))
            }
        }
    }
}

/// Runs a command to its end and hands over each line as it comes.
pub async fn run(
    command: &Command,
    redactor: &Redactor,
    stop: &Stop,
    each: impl Fn(Output) + Send,
) -> Result<Ended, ChildError> {
    let mut child = start(command)?;
    let pid = child.id().map(|id| Pid::from_raw(id.cast_signed()));
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    let each = &each;
    let hand = |stream| move |line| each(Output { stream, line });
    let read = async {
        tokio::join!(
            lines::read(stdout, redactor, hand(Stream::Stdout)),
            lines::read(stderr, redactor, hand(Stream::Stderr)),
        );
    };
    let watched = async {
        tokio::select! {
            status = child.wait() => Some(status),
            () = stopped(pid, stop) => None,
        }
    };
    // The supervisor ends all that the child started, so both streams close.
    let (ended, ()) = tokio::join!(watched, read);
    let Some(status) = ended else {
        drop(child.wait().await);
        return Ok(Ended::Stopped);
    };
    let program = command.program.to_string_lossy().into_owned();
    let status = status.map_err(|source| ChildError::Start { program, source })?;
    Ok(Ended::Exited(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}

/// Starts the supervisor with the command behind it.
fn start(command: &Command) -> Result<tokio::process::Child, ChildError> {
    let program = command.program.to_string_lossy().into_owned();
    let failed = |source| ChildError::Start { program: program.clone(), source };
    let found = find(command).ok_or_else(|| {
        failed(io::Error::new(io::ErrorKind::NotFound, "no such program on the PATH"))
    })?;
    if !command.directory.is_dir() {
        let shown = format!("`{}` is not a folder", command.directory.display());
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, shown)));
    }
    let own = std::env::current_exe()
        .map_err(|source| ChildError::Own { program: program.clone(), source })?;
    let mut supervisor = tokio::process::Command::new(own);
    supervisor
        .arg(ENTRY)
        .arg(std::process::id().to_string())
        .arg(found)
        .args(&command.arguments)
        .current_dir(&command.directory)
        .env_clear()
        .envs(&command.environment)
        .envs(command.secrets.iter().map(|(name, secret)| (name, secret.expose())))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Signals from the terminal reach Shipway alone, which passes them on.
        .process_group(0)
        .kill_on_drop(false);
    supervisor.spawn().map_err(failed)
}

/// Looks for the program as `execvp` does, in the child's own `PATH`.
fn find(command: &Command) -> Option<PathBuf> {
    let program = PathBuf::from(&command.program);
    if program.components().count() > 1 {
        let at = command.directory.join(&program);
        return at.is_file().then_some(at);
    }
    let path = command.environment.get("PATH").map_or("/usr/local/bin:/usr/bin:/bin", |path| path);
    std::env::split_paths(path).map(|folder| folder.join(&program)).find(|file| is_program(file))
}

fn is_program(file: &std::path::Path) -> bool {
    nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file()
}

/// Waits until the child is to be stopped, and stops it.
async fn stopped(pid: Option<Pid>, stop: &Stop) {
    tokio::select! {
        () = stop.kill.cancelled() => {}
        () = stop.ask.cancelled() => {
            signal(pid, Signal::SIGTERM);
            tokio::select! {
                () = stop.kill.cancelled() => {}
                () = tokio::time::sleep(GRACE) => {}
                () = gone(pid) => return,
            }
        }
    }
    // The supervisor answers this by killing the group and all that is left.
    signal(pid, Signal::SIGUSR1);
}

/// Resolves when the supervisor has ended, which `/proc` tells without reaping.
async fn gone(pid: Option<Pid>) {
    let Some(pid) = pid else { return };
    let stat = format!("/proc/{pid}/stat");
    let alive = || {
        std::fs::read_to_string(&stat)
            .ok()
            .and_then(|text| text.rsplit_once(") ").map(|(_, rest)| !rest.starts_with('Z')))
            .unwrap_or(false)
    };
    while alive() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal(pid: Option<Pid>, signal: Signal) {
    if let Some(pid) = pid {
        kill(pid, signal).ok();
    }
}
