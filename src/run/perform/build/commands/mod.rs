//! Runs the commands of a Dockerfile (`RUN`) without an engine.
//!
//! For each command Shipway starts a `helper`, which makes the root file system, and in
//! namespaces of its own the `program`, which becomes the command. The builder in `image`
//! waits on a thread for what it ordered; [`Commands::serve`] performs the orders in the
//! task of the step, so that the step's output and its end reach them.

mod account;
mod helper;
mod lowers;
mod mount_points;
mod order;
mod program;

pub use helper::HELPER;
pub use program::PROGRAM;

use self::order::{BoundFile, HelperOrder, HelperReport, ProgramOrder, UnpackOrder};
use crate::image::dockerfile::{
    CommandError, CommandRunner, RanCommand, RootBase, RootId, RunCommand, RunNetwork,
};
use crate::run::child::{self, Command, Ended};
use crate::run::outcome::chain_of;
use crate::run::perform::performer::{Job, Performer};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::sync::{mpsc, oneshot};

/// Becomes a process of a command if the first argument says so. Must be called at the
/// beginning of `main`, before any thread exists.
pub fn reexec(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    match arguments.next()?.to_str()? {
        HELPER => Some(helper::run(arguments.next().as_deref().map(Path::new))),
        PROGRAM => Some(program::run()),
        _ => None,
    }
}

/// Whether this process may set commands apart from this machine.
pub fn are_possible() -> bool {
    nix::unistd::geteuid().is_root()
}

enum CommandRequest {
    Note(String),
    Run(Box<RunCommand>, oneshot::Sender<Result<RanCommand, CommandError>>),
}

/// The side of the builder.
pub struct Orders(mpsc::Sender<CommandRequest>);

impl CommandRunner for Orders {
    fn users(&self) -> &'static str {
        "root"
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
}

/// The side of the step.
pub struct Commands<'a> {
    performer: &'a Performer,
    job: &'a Job,
    /// The folder for the files of the commands, empty at first.
    folder: PathBuf,
    requests: mpsc::Receiver<CommandRequest>,
    /// The folders of each root, the topmost first, by its id.
    roots: Vec<Vec<PathBuf>>,
    /// The unpacked bases by name.
    bases: HashMap<String, PathBuf>,
    /// How many folders there are.
    folders: usize,
}

impl<'a> Commands<'a> {
    pub fn new(performer: &'a Performer, job: &'a Job, folder: PathBuf) -> (Orders, Self) {
        let (orders, requests) = mpsc::channel(1);
        let (roots, bases) = (Vec::new(), HashMap::new());
        (Orders(orders), Self { performer, job, folder, requests, roots, bases, folders: 0 })
    }

    /// Performs orders until the builder ends.
    pub async fn serve(mut self) {
        while let Some(request) = self.requests.recv().await {
            match request {
                CommandRequest::Note(line) => self.job.note(line),
                CommandRequest::Run(command, reply) => {
                    let ran = self.perform(*command).await;
                    // The builder waits for it.
                    reply.send(ran).ok();
                }
            }
        }
    }

    async fn perform(&mut self, command: RunCommand) -> Result<RanCommand, CommandError> {
        let refused = |error: &dyn std::error::Error| CommandError::Refused {
            reason: chain_of(error).join(": "),
            help: None,
        };
        let own = self.next_folder();
        let written = fs::create_dir_all(self.folder.join(&own))
            .and_then(|()| self.files(&own))
            .map_err(|error| refused(&error))?;
        let (order, base) = self.order(command, own.clone(), written);
        let path = self.folder.join(&own).join("order.json");
        let text = serde_json::to_vec(&order).expect("an order is JSON");
        fs::write(&path, text).map_err(|error| refused(&error))?;
        let program = std::env::current_exe().map_err(|error| refused(&error))?;
        let helper = Command {
            program: program.into(),
            arguments: vec![HELPER.into(), path.into()],
            directory: self.folder.clone(),
            ..Command::default()
        };
        let job = self.job;
        let publish = async |line: String| job.output(line).await;
        let redactor = &self.performer.services.redactor;
        let ended = child::run(&helper, redactor, &job.stop, publish).await;
        match ended.map_err(|error| refused(&error))? {
            Ended::Stopped => return Err(CommandError::Stopped),
            Ended::Exited(_) => {}
        }
        let report = fs::read(self.folder.join(&order.report)).map_err(|error| refused(&error))?;
        let report = serde_json::from_slice(&report).map_err(|error| refused(&error))?;
        match report {
            HelperReport::Refused(reason) => Err(CommandError::Refused { reason, help: None }),
            HelperReport::Ended { code, .. } if code != 0 => Err(CommandError::Exited(code)),
            HelperReport::Ended { lowers, .. } => {
                if let (Some(name), Some(base)) = (base, order.base) {
                    self.bases.insert(name, base.folder);
                }
                self.roots.push(lowers);
                let archive = self.folder.join(&order.archive);
                Ok(RanCommand { archive, root: RootId(self.roots.len() - 1) })
            }
        }
    }

    /// The order for the helper, and the name of the base that it unpacks.
    fn order(
        &mut self,
        command: RunCommand,
        own: PathBuf,
        files: Vec<BoundFile>,
    ) -> (HelperOrder, Option<String>) {
        let RunCommand { root, process } = command;
        let (mut base, mut base_name, mut lowers) = (None, None, Vec::new());
        match root.base {
            RootBase::After(RootId(number)) => lowers.clone_from(&self.roots[number]),
            RootBase::Layers { name, archives } => match self.bases.get(&name) {
                Some(folder) => lowers.push(folder.clone()),
                None => {
                    base = Some(UnpackOrder { folder: self.next_folder(), archives });
                    base_name = Some(name);
                }
            },
        }
        let added = (!root.added.is_empty())
            .then(|| UnpackOrder { folder: self.next_folder(), archives: root.added });
        let program = ProgramOrder {
            argv: process.argv,
            env: [process.env, process.proxies].concat(),
            workdir: process.workdir,
            user: process.user,
            host_network: process.network == RunNetwork::Host,
            overlay: None,
            own: own.clone(),
            files,
        };
        let (archive, report) = (own.join("layer.tar"), own.join("report.json"));
        (HelperOrder { base, lowers, added, own, program, archive, report }, base_name)
    }

    /// A short name: the options of an overlay have to fit into a page.
    fn next_folder(&mut self) -> PathBuf {
        self.folders += 1;
        self.folders.to_string().into()
    }

    /// Writes the files that every command finds in `/etc`.
    fn files(&self, own: &Path) -> io::Result<Vec<BoundFile>> {
        let name = program::HOST_NAME;
        let hosts =
            format!("127.0.0.1\tlocalhost {name}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
        // A machine without one resolves names in another way, or none.
        let resolver = fs::read("/etc/resolv.conf").unwrap_or_default();
        let mut files = Vec::new();
        for (name, content) in [
            ("hosts", hosts.into_bytes()),
            ("hostname", format!("{name}\n").into_bytes()),
            ("resolv.conf", resolver),
        ] {
            let source = own.join(name);
            fs::write(self.folder.join(&source), content)?;
            files.push(BoundFile { source, target: format!("/etc/{name}") });
        }
        Ok(files)
    }
}
