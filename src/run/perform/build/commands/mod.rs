//! Runs the commands of a Dockerfile (`RUN`) without an engine.
//!
//! For each command Shipway starts a `helper`, which makes the root file system, and in
//! namespaces of its own the `program`, which becomes the command. The builder in `image`
//! waits on a thread for what it ordered; [`Commands::serve`] performs the orders in the
//! task of the step, so that the step's output and its end reach them.

mod account;
mod caches;
mod helper;
mod lowers;
mod mount_points;
mod order;
mod program;
mod users;

use self::helper::{HELPER, PROBE, REMOVE};
use self::order::{
    BoundFile, CacheOrder, CacheSharing, HelperOrder, HelperReport, MountKind, MountOrder,
    ProgramOrder, SecretOrder, UnpackOrder,
};
use self::program::PROGRAM;
use self::users::{MAPPER, Users};
use crate::image::dockerfile::{
    CommandError, CommandRunner, RanCommand, RootBase, RootId, RunCommand, RunMount, RunMountKind,
    RunNetwork, RunProcess, SecretVariable, Sharing,
};
use crate::run::child::{self, Command, Ended, Stop};
use crate::run::outcome::chain_of;
use crate::run::perform::performer::{Job, Performer};
use crate::secret::Secret;
use std::collections::{BTreeMap, HashMap};
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

enum CommandRequest {
    Note(String),
    Run(Box<RunCommand>, oneshot::Sender<Result<RanCommand, CommandError>>),
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
}

/// The secrets of a command, as variables of the helper.
struct Secrets(BTreeMap<String, Secret>);

impl Secrets {
    fn of(process: &RunProcess) -> Self {
        let mut all = BTreeMap::new();
        for mount in &process.mounts {
            if let RunMountKind::Secret { secret, .. } = &mount.kind {
                all.insert(secret_file(all.len() + 1), secret.clone());
            }
        }
        for (number, variable) in process.secrets.iter().enumerate() {
            all.insert(secret_variable(number), variable.secret.clone());
        }
        Self(all)
    }
}

fn variables(secrets: &[SecretVariable]) -> Vec<SecretOrder> {
    let of = |(number, it): (usize, &SecretVariable)| SecretOrder {
        name: it.name.clone(),
        variable: secret_variable(number),
    };
    secrets.iter().enumerate().map(of).collect()
}

/// The variable of the helper for the secret file with this number.
fn secret_file(number: usize) -> String {
    format!("SHIPWAY_BUILD_FILE_{number}")
}

fn secret_variable(number: usize) -> String {
    format!("SHIPWAY_BUILD_VARIABLE_{number}")
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
        self.remove().await;
    }

    /// Removes the files of commands, whosever they are. Not stopped with the step.
    async fn remove(&self) {
        let Some(above) = self.folder.parent().filter(|_| self.folder.exists()) else { return };
        let Ok(own) = std::env::current_exe() else { return };
        let command = Command {
            program: own.into(),
            arguments: vec![REMOVE.into(), self.folder.clone().into()],
            directory: above.to_owned(),
            ..Command::default()
        };
        let redactor = &self.performer.services.redactor;
        // What is left is refused by the next build of this step.
        child::run(&command, redactor, &Stop::default(), async |_| ()).await.ok();
    }

    async fn perform(&mut self, command: RunCommand) -> Result<RanCommand, CommandError> {
        let refused = |error: &dyn std::error::Error| CommandError::Refused {
            reason: chain_of(error).join(": "),
            help: None,
        };
        if self.folders == 0 {
            // Left by a build that was killed.
            self.remove().await;
            if self.folder.exists() {
                let reason = format!("cannot remove `{}`", self.folder.display());
                return Err(CommandError::Refused { reason, help: None });
            }
        }
        let own = self.next_folder();
        let written = fs::create_dir_all(self.folder.join(&own))
            .and_then(|()| self.files(&own))
            .map_err(|error| refused(&error))?;
        let secrets = Secrets::of(&command.process);
        let (order, base) = self.order(command, own.clone(), written);
        let path = self.folder.join(&own).join("order.json");
        let text = serde_json::to_vec(&order).expect("an order is JSON");
        fs::write(&path, text).map_err(|error| refused(&error))?;
        let program = std::env::current_exe().map_err(|error| refused(&error))?;
        let helper = Command {
            program: program.into(),
            arguments: vec![HELPER.into(), path.into()],
            directory: self.folder.clone(),
            secrets: secrets.0,
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
            RootBase::Layers { name, archives } => {
                if let Some(folder) = self.bases.get(&name) {
                    lowers.push(folder.clone());
                } else {
                    base = Some(UnpackOrder { folder: self.next_folder(), archives });
                    base_name = Some(name);
                }
            }
        }
        let added = (!root.added.is_empty())
            .then(|| UnpackOrder { folder: self.next_folder(), archives: root.added });
        let program = ProgramOrder {
            argv: process.argv,
            env: [process.env, process.proxies].concat(),
            workdir: process.workdir,
            user: process.user,
            only_root: false,
            host_network: process.network == RunNetwork::Host,
            overlay: None,
            own: own.clone(),
            files,
            mounts: Vec::new(),
            secrets: variables(&process.secrets),
        };
        let mounts = self.mounts(process.mounts);
        let (archive, report) = (own.join("layer.tar"), own.join("report.json"));
        let order = HelperOrder { base, lowers, added, own, mounts, program, archive, report };
        (order, base_name)
    }

    fn mounts(&self, mounts: Vec<RunMount>) -> Vec<MountOrder> {
        let caches = self.performer.services.images.cache_mounts();
        let mut secrets = 0;
        let mut of = |kind: RunMountKind| match kind {
            RunMountKind::Files { archive, writable } => MountKind::Files { archive, writable },
            RunMountKind::Cache { name, sharing, mode, owner, writable } => {
                MountKind::Cache(CacheOrder {
                    folder: caches.join(name),
                    sharing: match sharing {
                        Sharing::Shared => CacheSharing::Shared,
                        Sharing::Private => CacheSharing::Private,
                        Sharing::Locked => CacheSharing::Locked,
                    },
                    mode,
                    uid: owner.uid,
                    gid: owner.gid,
                    writable,
                })
            }
            RunMountKind::Tmpfs { size } => MountKind::Tmpfs { size },
            RunMountKind::Secret { mode, owner, .. } => {
                secrets += 1;
                let variable = secret_file(secrets);
                MountKind::Secret { variable, mode, uid: owner.uid, gid: owner.gid }
            }
        };
        mounts.into_iter().map(|it| MountOrder { target: it.target, kind: of(it.kind) }).collect()
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
