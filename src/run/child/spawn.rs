//! Starts a child under its supervisor and waits for it.

use super::lines;
use super::supervisor::ENTRY;
use super::too_long::TooLong;
use crate::http::{Retry, Retryable};
use crate::secret::{Redactor, Secret};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{self, WaitId, WaitIdOptions, waitid};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::unix::pipe::Receiver;
use tokio_util::sync::CancellationToken;

/// The time between SIGTERM and SIGKILL.
const GRACE_PERIOD: Duration = Duration::from_secs(5);

/// The time that each of the last lines of a stopped child has to be taken.
const MAX_LAST_LINE_TIME: Duration = Duration::from_millis(500);

/// What is kept of each stream of a program whose output is data.
const MAX_CAPTURED_BYTES: usize = 16 * 1024 * 1024;

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

impl Stop {
    /// Whether the child is to end in either way.
    pub fn is_requested(&self) -> bool {
        self.ask.is_cancelled() || self.kill.is_cancelled()
    }

    /// Resolves once the child is to end in either way.
    pub async fn requested(&self) {
        tokio::select! {
            () = self.ask.cancelled() => {}
            () = self.kill.cancelled() => {}
        }
    }
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
    /// There is no program of this name.
    #[error("cannot start `{program}`")]
    NotFound { program: String, source: io::Error },
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    /// The kernel takes no more.
    #[error("cannot start `{program}`")]
    TooLong { program: String, source: TooLong },
}

impl Retryable for ChildError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Own { .. } | Self::Start { .. } => None,
            Self::NotFound { program, .. } => {
                Some(format!("install `{program}`, or check its spelling and the PATH"))
            }
            Self::TooLong { .. } => Some(
                "write the value to a file, and give the program the path of the file".to_owned(),
            ),
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
    mut each: impl AsyncFnMut(String),
) -> Result<Ended, ChildError> {
    let failed = |source| {
        let program = command.program.to_string_lossy().into_owned();
        ChildError::Start { program, source }
    };
    let (reader, writer) = io::pipe().map_err(failed)?;
    let output = Receiver::from_owned_fd(reader.into()).map_err(failed)?;
    let errors = writer.try_clone().map_err(failed)?;
    let child = start(command, [writer.into(), errors.into()])?;
    let taken = AtomicU64::new(0);
    let counted = async |line| {
        each(line).await;
        taken.fetch_add(1, Ordering::Relaxed);
    };
    let read = lines::read(output, redactor, counted);
    wait(child, command, stop, ChildOutput { read, taken: &taken }).await
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
            lines::read(out, redactor, async |line| keep(&mut stdout, &line)),
            lines::read(err, redactor, async |line| keep(&mut stderr, &line)),
        );
    };
    let taken = AtomicU64::new(0);
    let ended = wait(child, command, stop, ChildOutput { read, taken: &taken }).await?;
    Ok(Captured { ended, stdout, stderr })
}

/// Adds a line to captured output, unless there is too much of it already.
fn keep(captured: &mut String, line: &str) {
    if captured.len() + line.len() < MAX_CAPTURED_BYTES {
        captured.extend([line, "\n"]);
    }
}

/// Takes the output of a child.
struct ChildOutput<'a, R> {
    read: R,
    /// How many lines were taken so far.
    taken: &'a AtomicU64,
}

/// Waits for a child while its output is taken.
async fn wait(
    mut child: tokio::process::Child,
    command: &Command,
    stop: &Stop,
    output: ChildOutput<'_, impl Future<Output = ()>>,
) -> Result<Ended, ChildError> {
    let pid = child.id().map(|id| Pid::from_raw(id.cast_signed()));
    let mut read = pin!(output.read);
    let ended = {
        let mut watched = pin!(async {
            tokio::select! {
                status = child.wait() => Some(status),
                () = stopped(pid, stop) => None,
            }
        });
        tokio::select! {
            ended = &mut watched => {
                // The supervisor ends all descendants of the child, so both streams close.
                tokio::select! {
                    () = read => {}
                    () = last_lines_over(stop, output.taken) => {}
                }
                ended
            }
            () = &mut read => watched.await,
        }
    };
    let Some(status) = ended else {
        drop(child.wait().await);
        return Ok(Ended::Stopped);
    };
    // A child that was told to end may end with any code, 0 too: how far it came is not
    // known.
    if stop.is_requested() {
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
    let found = find(command).ok_or_else(|| ChildError::NotFound {
        program: program.clone(),
        source: io::Error::new(io::ErrorKind::NotFound, "not found on the PATH"),
    })?;
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
    supervisor.spawn().map_err(|source| match source.raw_os_error() {
        Some(code) if code == Errno::E2BIG as i32 => {
            let Command { environment, secrets, arguments, .. } = command;
            let source = TooLong::of(environment, secrets, arguments);
            ChildError::TooLong { program: program.clone(), source }
        }
        Some(_) | None => failed(source),
    })
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

/// Resolves once the run is stopped and no line of the child has been taken for a while:
/// where the reader of the log has stopped too, the last ones never are.
async fn last_lines_over(stop: &Stop, taken: &AtomicU64) {
    stop.requested().await;
    loop {
        let before = taken.load(Ordering::Relaxed);
        tokio::time::sleep(MAX_LAST_LINE_TIME).await;
        if taken.load(Ordering::Relaxed) == before {
            return;
        }
    }
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

/// Resolves when the supervisor has ended. It is not reaped: what it ended with is for the
/// one that waits for it.
async fn gone(pid: Option<Pid>) {
    let Some(pid) = pid.and_then(|pid| process::Pid::from_raw(pid.as_raw())) else { return };
    let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), how), Ok(None)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal(pid: Option<Pid>, signal: Signal) {
    if let Some(pid) = pid {
        kill(pid, signal).ok();
    }
}
