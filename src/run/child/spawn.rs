//! Starts a child under its supervisor and waits for it.

use super::lines;
use super::supervisor::ENTRY;
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
use tokio::net::unix::pipe::Receiver;
use tokio_util::sync::CancellationToken;

/// The time between SIGTERM and SIGKILL.
const GRACE_PERIOD: Duration = Duration::from_secs(5);

/// A program to run, without a shell. Arguments are visible to other users, so they
/// must not contain secrets.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Searched on the `PATH` of `environment`.
    pub program: OsString,
    pub arguments: Vec<OsString>,
    /// The environment without its secrets; nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// The secret part of the environment.
    pub secrets: BTreeMap<String, Secret>,
    pub directory: PathBuf,
}

/// Two ways to stop a child.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Sends SIGTERM to the process group, and SIGKILL five seconds later.
    pub ask: CancellationToken,
    /// Sends SIGKILL to the process group.
    pub kill: CancellationToken,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// With this exit code, or with 128 plus the number of the signal that ended it.
    Exited(u8),
    /// Stopped by a [`Stop`].
    Stopped,
}

/// The result of [`capture`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Captured {
    pub ended: Ended,
    /// Redacted, with `\n` as line ending.
    pub stdout: String,
    pub stderr: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The supervisor is this same program, whose path is unknown.
    #[error("cannot find the executable of shipway, which supervises `{program}`")]
    Own { program: String, source: io::Error },
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
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

/// Runs a command to its end and passes each redacted line of output to `each`.
///
/// Standard output and standard error are one pipe, so that their lines come in the
/// order of writing: with two, an error would stand before the output that led to it.
pub async fn run(
    command: &Command,
    redactor: &Redactor,
    stop: &Stop,
    each: impl FnMut(String) + Send,
) -> Result<Ended, ChildError> {
    let failed = |source| {
        let program = command.program.to_string_lossy().into_owned();
        ChildError::Start { program, source }
    };
    let (reader, writer) = io::pipe().map_err(failed)?;
    let output = Receiver::from_owned_fd(reader.into()).map_err(failed)?;
    let errors = writer.try_clone().map_err(failed)?;
    let child = start(command, [writer.into(), errors.into()])?;
    wait(child, command, stop, lines::read(output, redactor, each)).await
}

/// Runs a command to its end and keeps its output, one text for each stream. For
/// programs whose output is data.
pub async fn capture(
    command: &Command,
    redactor: &Redactor,
    stop: &Stop,
) -> Result<Captured, ChildError> {
    let mut child = start(command, [Stdio::piped(), Stdio::piped()])?;
    let out = child.stdout.take().expect("standard output is piped");
    let err = child.stderr.take().expect("standard error is piped");
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let read = async {
        tokio::join!(
            lines::read(out, redactor, |line| stdout.extend([line.as_str(), "\n"])),
            lines::read(err, redactor, |line| stderr.extend([line.as_str(), "\n"])),
        );
    };
    let ended = wait(child, command, stop, read).await?;
    Ok(Captured { ended, stdout, stderr })
}

/// Waits for a child while `read` takes its output.
async fn wait(
    mut child: tokio::process::Child,
    command: &Command,
    stop: &Stop,
    read: impl Future<Output = ()>,
) -> Result<Ended, ChildError> {
    let pid = child.id().map(|id| Pid::from_raw(id.cast_signed()));
    let watched = async {
        tokio::select! {
            status = child.wait() => Some(status),
            () = stopped(pid, stop) => None,
        }
    };
    // The supervisor ends all descendants of the child, so that both streams close.
    let (ended, ()) = tokio::join!(watched, read);
    let Some(status) = ended else {
        drop(child.wait().await);
        return Ok(Ended::Stopped);
    };
    // A child that was told to end may end with any code, 0 too: how far it came is not
    // known.
    if stop.ask.is_cancelled() || stop.kill.is_cancelled() {
        return Ok(Ended::Stopped);
    }
    let program = command.program.to_string_lossy().into_owned();
    let status = status.map_err(|source| ChildError::Start { program, source })?;
    Ok(Ended::Exited(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}

/// Starts the supervisor, which starts the command. `output` are standard output and
/// standard error.
fn start(command: &Command, output: [Stdio; 2]) -> Result<tokio::process::Child, ChildError> {
    let program = command.program.to_string_lossy().into_owned();
    let failed = |source| ChildError::Start { program: program.clone(), source };
    let found = find(command)
        .ok_or_else(|| failed(io::Error::new(io::ErrorKind::NotFound, "not found on the PATH")))?;
    if !command.directory.is_dir() {
        let shown = format!("`{}` is not a folder", command.directory.display());
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, shown)));
    }
    let own = std::env::current_exe()
        .map_err(|source| ChildError::Own { program: program.clone(), source })?;
    let [stdout, stderr] = output;
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
        .stdout(stdout)
        .stderr(stderr)
        // Signals of the terminal go to the process group of Shipway, which decides
        // whether to pass them on.
        .process_group(0)
        .kill_on_drop(false);
    supervisor.spawn().map_err(failed)
}

/// Searches the program like `execvp`, but on the `PATH` of the child.
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

/// Waits for a stop, then stops the child.
async fn stopped(pid: Option<Pid>, stop: &Stop) {
    tokio::select! {
        () = stop.kill.cancelled() => {}
        () = stop.ask.cancelled() => {
            signal(pid, Signal::SIGTERM);
            tokio::select! {
                () = stop.kill.cancelled() => {}
                () = tokio::time::sleep(GRACE_PERIOD) => {}
                () = gone(pid) => return,
            }
        }
    }
    // On this signal the supervisor kills the process group and all descendants.
    signal(pid, Signal::SIGUSR1);
}

/// Resolves when the supervisor has ended. `/proc` tells that without reaping it.
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
