//! Runs the commands of a Dockerfile (`RUN`) without an engine.
//!
//! For each command Shipway starts a `helper`, which makes the root file system, and in
//! namespaces of its own the `program`, which becomes the command. The builder in `image`
//! waits on a thread for what it ordered; [`Commands::serve`] performs the orders in the
//! task of the step, so that the step's output and its end reach them.

mod account;
mod agent;
mod helper;
mod helper_error;
mod kept;
mod memory;
mod mount_points;
mod order;
mod program;
mod root;
mod server;
mod users;

use self::helper::{HELPER, PROBE, PRUNE, REMOVE};
use self::program::PROGRAM;
use self::server::CommandServer;
use self::users::{MAPPER, Users};
use crate::image::dockerfile::{CommandError, CommandRunner, RanCommand, RunCommand};
use crate::run::perform::performer::{Job, Performer};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode, Stdio};
use tokio::sync::{mpsc, oneshot};

/// Becomes a process of a command if the first argument says so. Must be called at the
/// beginning of `main`, before any thread exists.
pub fn reexec(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    match arguments.next()?.to_str()? {
        HELPER => Some(helper::run(arguments.next().as_deref().map(Path::new))),
        PROBE => Some(helper::probe(arguments.next().as_deref().map(Path::new))),
        REMOVE => Some(helper::remove(arguments.next().as_deref().map(Path::new))),
        PRUNE => Some(helper::prune(arguments)),
        MAPPER => Some(users::run_mapper()),
        PROGRAM => Some(program::run()),
        _ => None,
    }
}

/// Why commands cannot be set apart from this machine; `None` where they can.
pub async fn refusal() -> Option<String> {
    let asked = tokio::task::spawn_blocking(probe).await;
    asked.unwrap_or_else(|error| Some(error.to_string()))
}

fn probe() -> Option<String> {
    let ask = || {
        let reason = tempfile::NamedTempFile::new()?;
        let mut command = process::Command::new(std::env::current_exe()?);
        command.arg(PROBE).arg(reason.path()).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status()?;
        io::Result::Ok((!status.success()).then(|| fs::read_to_string(reason.path())))
    };
    match ask() {
        Ok(None) => None,
        Ok(Some(Ok(reason))) => Some(reason),
        Ok(Some(Err(error))) | Err(error) => Some(error.to_string()),
    }
}

/// Removes folders that are kept for later builds, unless they are used. Their files may belong
/// to users of the namespace.
pub fn remove_kept(folders: &[PathBuf]) -> io::Result<()> {
    if folders.is_empty() {
        return Ok(());
    }
    let mut command = process::Command::new(std::env::current_exe()?);
    command.arg(PRUNE).args(folders).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status()?.success() {
        Ok(())
    } else {
        Err(io::Error::other("some of its files cannot be removed"))
    }
}

enum CommandRequest {
    Note(String),
    Run(Box<RunCommand>, oneshot::Sender<Result<RanCommand, CommandError>>),
    Stop,
}

/// The side of the builder.
pub struct Orders(mpsc::Sender<CommandRequest>);

impl CommandRunner for Orders {
    fn users(&self) -> &'static str {
        Users::of_this_process().name()
    }

    fn note(&self, line: String) {
        self.0.blocking_send(CommandRequest::Note(line)).ok();
    }

    fn run(&self, command: RunCommand) -> Result<RanCommand, CommandError> {
        let (reply, answer) = oneshot::channel();
        // The other side ends first only where the step does.
        let sent = self.0.blocking_send(CommandRequest::Run(Box::new(command), reply));
        sent.map_err(|_| CommandError::Stopped)?;
        answer.blocking_recv().unwrap_or(Err(CommandError::Stopped))
    }

    fn stop(&self) {
        self.0.blocking_send(CommandRequest::Stop).ok();
    }
}

/// The side of the step.
pub struct Commands<'a> {
    performer: &'a Performer,
    job: &'a Job,
    /// The folder for the files of the commands, empty at first.
    folder: PathBuf,
    requests: mpsc::Receiver<CommandRequest>,
}

impl<'a> Commands<'a> {
    pub fn new(performer: &'a Performer, job: &'a Job, folder: PathBuf) -> (Orders, Self) {
        let (orders, requests) = mpsc::channel(1);
        (Orders(orders), Self { performer, job, folder, requests })
    }

    /// Performs orders until the builder ends, several at once.
    pub async fn serve(self) {
        let Self { performer, job, folder, mut requests } = self;
        let server = CommandServer::new(performer, job, folder);
        // Left by a build that was killed.
        let cleared = server.clear().await;
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    None => break,
                    Some(CommandRequest::Note(line)) => job.note(line),
                    Some(CommandRequest::Stop) => server.stop(),
                    Some(CommandRequest::Run(command, reply)) => {
                        let (server, cleared) = (&server, &cleared);
                        running.push(async move {
                            let ran = match cleared {
                                Ok(()) => server.perform(*command).await,
                                Err(error) => Err(error.clone()),
                            };
                            // The builder waits for it.
                            reply.send(ran).ok();
                        });
                    }
                },
                Some(()) = running.next(), if !running.is_empty() => {}
            }
        }
        while running.next().await.is_some() {}
        server.remove().await;
    }
}
