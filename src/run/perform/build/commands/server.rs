//! Performs the commands of one build: writes the order of each, starts its helper, and reads
//! its report.

use super::helper::{HELPER, REMOVE};
use super::order::{
    BoundFile, CacheOrder, CacheSharing, HelperOrder, HelperReport, LayerOrder, MountKind,
    MountOrder, PartOrder, PartOrderKind, ProgramOrder, SecretOrder,
};
use super::program;
use super::users::Users;
use crate::image::dockerfile::{
    CommandError, PartKind, RanCommand, RootId, RootPart, RunCommand, RunMount, RunMountKind,
    RunNetwork, RunProcess, SecretVariable, Sharing,
};
use crate::os::remove_tree;
use crate::run::child::{self, Command, Ended, Stop};
use crate::run::outcome::chain_of;
use crate::run::perform::performer::{Job, Performer};
use crate::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Performs the commands of one build.
pub struct CommandServer<'a> {
    performer: &'a Performer,
    job: &'a Job,
    folder: PathBuf,
    /// Ends the commands with the step, or before where one of them fails.
    stop: Stop,
    /// How many folders there are.
    numbers: AtomicUsize,
    /// What each command left, by its id.
    roots: Mutex<Vec<PathBuf>>,
    /// The names of kept layers that were verified.
    verified: Mutex<BTreeSet<String>>,
}

impl<'a> CommandServer<'a> {
    pub fn new(performer: &'a Performer, job: &'a Job, folder: PathBuf) -> Self {
        let stop = Stop { ask: job.stop.ask.child_token(), kill: job.stop.kill.child_token() };
        let (numbers, roots, verified) = (AtomicUsize::new(0), Mutex::default(), Mutex::default());
        Self { performer, job, folder, stop, numbers, roots, verified }
    }

    /// Ends all commands, and those that come.
    pub fn stop(&self) {
        self.stop.kill.cancel();
    }

    /// Removes what a build left that was killed.
    pub async fn clear(&self) -> Result<(), CommandError> {
        self.remove().await;
        if self.folder.exists() {
            let reason = format!("cannot remove `{}`", self.folder.display());
            return Err(CommandError::Refused { reason, help: None });
        }
        Ok(())
    }

    /// Removes the files of commands, whosever they are. Not stopped with the step.
    pub async fn remove(&self) {
        let Some(above) = self.folder.parent().filter(|_| self.folder.exists()) else { return };
        if Users::of_this_process() == Users::All {
            // What is left is refused by the next build of this step.
            let folder = self.folder.clone();
            tokio::task::spawn_blocking(move || remove_tree(&folder).ok()).await.ok();
            return;
        }
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

    pub async fn perform(&self, command: RunCommand) -> Result<RanCommand, CommandError> {
        let refused = |error: &dyn std::error::Error| CommandError::Refused {
            reason: chain_of(error).join(": "),
            help: None,
        };
        let own = self.next_folder();
        let written = fs::create_dir_all(self.folder.join(&own))
            .and_then(|()| self.files(&own))
            .map_err(|error| refused(&error))?;
        let secrets = Secrets::of(&command.process);
        let prefix = command.stage.as_ref().map(|stage| format!("[{stage}] ")).unwrap_or_default();
        let order = self.order(command, own.clone(), written);
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
        let (job, prefix) = (self.job, &prefix);
        let publish = async |line: String| job.output(format!("{prefix}{line}")).await;
        let redactor = &self.performer.services.redactor;
        let ended = child::run(&helper, redactor, &self.stop, publish).await;
        match ended.map_err(|error| refused(&error))? {
            Ended::Stopped => return Err(CommandError::Stopped),
            Ended::Exited(_) => {}
        }
        let report = fs::read(self.folder.join(&order.report)).map_err(|error| refused(&error))?;
        let report = serde_json::from_slice(&report).map_err(|error| refused(&error))?;
        match report {
            HelperReport::Refused(reason) => Err(CommandError::Refused { reason, help: None }),
            HelperReport::OutOfMemory { limit } => Err(CommandError::OutOfMemory { limit }),
            HelperReport::Damaged(digest) => Err(CommandError::Damaged(digest)),
            HelperReport::Ended { code, .. } if code != 0 => Err(CommandError::Exited(code)),
            HelperReport::Ended { verified, .. } => {
                lock(&self.verified).extend(verified);
                let mut roots = lock(&self.roots);
                roots.push(own.join("upper"));
                let archive = self.folder.join(&order.archive);
                Ok(RanCommand { archive, root: RootId(roots.len() - 1) })
            }
        }
    }

    fn order(&self, command: RunCommand, own: PathBuf, files: Vec<BoundFile>) -> HelperOrder {
        let RunCommand { root, process, .. } = command;
        let root = root.0.into_iter().map(|part| self.part(part)).collect();
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
            address_space: None,
        };
        let memory = process.memory;
        let mounts = self.mounts(process.mounts);
        let (archive, report) = (own.join("layer.tar"), own.join("report.json"));
        let kept = self.performer.services.images.kept_roots();
        let verified = lock(&self.verified).iter().cloned().collect();
        HelperOrder { root, kept, verified, own, mounts, program, memory, archive, report }
    }

    fn part(&self, part: RootPart) -> PartOrder {
        let (kind, left) = match part.kind {
            PartKind::Base => (PartOrderKind::Base, None),
            PartKind::Copied => (PartOrderKind::Copied, None),
            PartKind::Run(id) => {
                let left = id.map(|RootId(number)| lock(&self.roots)[number].clone());
                (PartOrderKind::Run, left)
            }
        };
        let layers = part.layers.into_iter();
        let layers = layers.map(|layer| LayerOrder { archive: layer.path, digest: layer.digest });
        let name = part.name.hex().to_owned();
        PartOrder { name, kind, layers: layers.collect(), left }
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
            RunMountKind::Agent { socket, mode, owner } => {
                MountKind::Agent { socket, mode, uid: owner.uid, gid: owner.gid }
            }
        };
        mounts.into_iter().map(|it| MountOrder { target: it.target, kind: of(it.kind) }).collect()
    }

    /// A new folder, relative to that of the commands.
    fn next_folder(&self) -> PathBuf {
        (self.numbers.fetch_add(1, Ordering::Relaxed) + 1).to_string().into()
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

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
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
