//! The sandbox of one group: the process that holds its namespaces, orders to it,
//! and notices from it.

use super::limits::Limits;
use crate::local::runtime::connection::NothingListens;
use crate::local::runtime::stage::protocol::{
    EXEC, ExecOrder, MAPPED, Notice, Order, ProcessSpec, RELAY,
};
use crate::local::runtime::stage::{GROUP, StageMode, relay};
use crate::sandbox::ids::{COUNT, IdShift};
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("cannot {verb} the process that holds the group's namespaces")]
    Io {
        /// `start`, `talk to`, `map the users of`.
        verb: &'static str,
        source: io::Error,
    },
    /// The reason that a stage reported.
    #[error("{0}")]
    Refused(String),
}

impl SandboxError {
    fn talking(source: io::Error) -> Self {
        Self::Io { verb: "talk to", source }
    }
}

/// A stage that was started and has not reported yet.
#[derive(Debug)]
pub struct Spawned {
    child: Child,
    orders: ChildStdin,
    notices: Lines<BufReader<ChildStdout>>,
    /// The user that it becomes, user 0 of its containers.
    first: Option<u32>,
}

impl Spawned {
    pub fn new(
        program: &Path,
        folder: &Path,
        mode: StageMode,
        ids: IdShift,
    ) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Io { verb: "start", source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let errors = File::create(folder.join("stage.log")).map_err(failed)?;
        ids.give_all(&folder.join("logs"))
            .and_then(|()| ids.give_all(&folder.join("volumes")))
            .or_else(|error| match error.kind() {
                // A group without volumes, and a probe.
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| ids.give(folder))
            .map_err(failed)?;
        let first = if mode == StageMode::Plain { None } else { ids.first() };
        let mut child = Command::new(program)
            .args([GROUP, mode.as_str()])
            .args(first.map(|id| id.to_string()))
            .env_clear()
            .current_dir(folder)
            // In a process group of its own, so that Ctrl-C does not reach containers.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(errors))
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let orders = child.stdin.take().expect("the standard input is a pipe");
        let notices = child.stdout.take().expect("the standard output is a pipe");
        Ok(Self { child, orders, notices: BufReader::new(notices).lines(), first })
    }

    pub async fn next(&mut self) -> Result<Notice, SandboxError> {
        let line = self.notices.next_line().await.map_err(SandboxError::talking)?;
        let line =
            line.ok_or_else(|| SandboxError::talking(io::ErrorKind::UnexpectedEof.into()))?;
        serde_json::from_str(&line).map_err(|error| SandboxError::talking(error.into()))
    }

    /// Limits the processes and the memory of the group, where that is possible.
    fn limited(&self, memory_bytes: Option<u64>) -> Limits {
        self.child.id().map(|pid| Limits::apply(pid, memory_bytes)).unwrap_or_default()
    }

    /// Maps the users of the new user namespace: to ids of their own if this process may,
    /// all to themselves if it is root in a place without such ids, otherwise only its own
    /// user, as root. Returns whether the latter.
    pub async fn map_users(&mut self) -> Result<bool, SandboxError> {
        let failed = |source| SandboxError::Io { verb: "map the users of", source };
        let pid = self.child.id().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let single = match self.first {
            Some(first) => {
                map(pid, &format!("0 {first} {COUNT}\n")).map_err(failed)?;
                false
            }
            None => map_all(pid).is_err(),
        };
        if single {
            map_own(pid).map_err(failed)?;
        }
        let line = format!("{MAPPED}\n");
        self.orders.write_all(line.as_bytes()).await.map_err(SandboxError::talking)?;
        Ok(single)
    }

    pub async fn end(mut self) {
        // Fails only if it has ended already.
        self.child.kill().await.ok();
    }
}

/// Maps users and groups alike.
fn map(pid: u32, lines: &str) -> io::Result<()> {
    fs::write(format!("/proc/{pid}/uid_map"), lines)?;
    fs::write(format!("/proc/{pid}/gid_map"), lines)
}

/// Maps every id to itself, which only root may do.
fn map_all(pid: u32) -> io::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    for map in ["uid_map", "gid_map"] {
        let own = fs::read_to_string(format!("/proc/self/{map}"))?;
        let lines = own.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (inside, _, count) = (words.next()?, words.next()?, words.next()?);
            Some(format!("{inside} {inside} {count}\n"))
        });
        fs::write(format!("/proc/{pid}/{map}"), lines.collect::<String>())?;
    }
    Ok(())
}

/// Maps the own user to root. That is allowed to unprivileged processes once
/// `setgroups` is denied (`user_namespaces(7)`).
fn map_own(pid: u32) -> io::Result<()> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
    fs::write(format!("/proc/{pid}/uid_map"), format!("0 {uid} 1\n"))?;
    fs::write(format!("/proc/{pid}/gid_map"), format!("0 {gid} 1\n"))
}

type Listeners = Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Notice>>>>;

/// What a sandbox is started with.
#[derive(Clone, Copy, Debug)]
pub struct SandboxStart<'a> {
    /// The executable that becomes the stages.
    pub program: &'a Path,
    /// The folder of the group.
    pub folder: &'a Path,
    pub mode: StageMode,
    pub ids: IdShift,
    pub memory_bytes: Option<u64>,
}

/// The namespaces of a group. Dropping it ends everything in them.
#[derive(Debug)]
pub struct Sandbox {
    folder: PathBuf,
    single_user: bool,
    /// `None` once the group was told to end.
    orders: tokio::sync::Mutex<Option<ChildStdin>>,
    listeners: Listeners,
    child: tokio::sync::Mutex<Child>,
    /// Removed after the processes in it.
    limits: std::sync::Mutex<Limits>,
}

impl Sandbox {
    pub async fn open(start: SandboxStart<'_>) -> Result<Self, SandboxError> {
        let SandboxStart { program, folder, mode, ids, memory_bytes } = start;
        let mut spawned = Spawned::new(program, folder, mode, ids)?;
        let limits = spawned.limited(memory_bytes);
        let mut single_user = false;
        loop {
            match spawned.next().await? {
                Notice::Unshared => single_user = spawned.map_users().await?,
                Notice::Ready => break,
                Notice::Refused(reason) => return Err(SandboxError::Refused(reason)),
                Notice::Probed { .. }
                | Notice::Started { .. }
                | Notice::NotStarted { .. }
                | Notice::Exited { .. } => {}
            }
        }
        let Spawned { child, orders, notices, first: _ } = spawned;
        let listeners = Listeners::default();
        tokio::spawn(distribute(notices, Arc::clone(&listeners)));
        Ok(Self {
            folder: folder.to_owned(),
            single_user,
            orders: tokio::sync::Mutex::new(Some(orders)),
            listeners,
            child: tokio::sync::Mutex::new(child),
            limits: std::sync::Mutex::new(limits),
        })
    }

    /// Starts a container. The receiver gets its notices, and closes with the group.
    pub async fn start(
        &self,
        mut process: ProcessSpec,
    ) -> Result<mpsc::UnboundedReceiver<Notice>, SandboxError> {
        process.single_user = self.single_user;
        let (sender, receiver) = mpsc::unbounded_channel();
        let name = process.container.clone();
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).insert(name, sender);
        self.order(&Order::Start(Box::new(process))).await?;
        Ok(receiver)
    }

    /// Sends a signal. A container that does not run is ignored.
    pub async fn signal(&self, container: &str, signal: Signal) -> Result<(), SandboxError> {
        let container = container.to_owned();
        self.order(&Order::Signal { container, signal: signal as i32 }).await
    }

    async fn order(&self, order: &Order) -> Result<(), SandboxError> {
        let mut line = serde_json::to_vec(order).expect("an order is JSON");
        line.push(b'\n');
        let mut orders = self.orders.lock().await;
        let orders = orders
            .as_mut()
            .ok_or_else(|| SandboxError::talking(io::ErrorKind::BrokenPipe.into()))?;
        orders.write_all(&line).await.map_err(SandboxError::talking)
    }

    /// Starts a command in a running container. The stream is its terminal.
    pub async fn exec(&self, mut order: ExecOrder) -> Result<UnixStream, SandboxError> {
        order.process.single_user = self.single_user;
        let order = serde_json::to_vec(&order).expect("an order is JSON");
        let started = async {
            let mut stream = self.socket(EXEC).await?;
            stream.write_u32(u32::try_from(order.len()).map_err(io::Error::other)?).await?;
            stream.write_all(&order).await?;
            Ok(stream)
        };
        started.await.map_err(SandboxError::talking)
    }

    /// Connects to a socket in the folder of the group. The path of a Unix socket has at
    /// most 108 bytes, which the state folder's may exceed. A path through /proc never does.
    async fn socket(&self, name: &str) -> io::Result<UnixStream> {
        let folder = File::open(&self.folder)?;
        UnixStream::connect(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())).await
    }

    pub async fn connect(&self, port: u16) -> io::Result<UnixStream> {
        let mut stream = self.socket(RELAY).await?;
        stream.write_u16(port).await?;
        if stream.read_u8().await? == relay::CONNECTED {
            return Ok(stream);
        }
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let listening = text.lines().filter_map(|line| line.parse().ok()).collect();
        Err(NothingListens { listening }.into())
    }

    pub async fn close(&self) {
        // The init process ends with its standard input, and the kernel then ends
        // everything else in the namespace.
        drop(self.orders.lock().await.take());
        let mut child = self.child.lock().await;
        let limit = std::time::Duration::from_secs(5);
        if tokio::time::timeout(limit, child.wait()).await.is_err() {
            child.kill().await.ok();
        }
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = Limits::default();
    }
}

/// Sends each notice to the receiver of its container.
async fn distribute(mut notices: Lines<BufReader<ChildStdout>>, listeners: Listeners) {
    while let Ok(Some(line)) = notices.next_line().await {
        let Ok(notice) = serde_json::from_str::<Notice>(&line) else { continue };
        let container = match &notice {
            Notice::Started { container }
            | Notice::NotStarted { container, .. }
            | Notice::Exited { container, .. } => container,
            Notice::Unshared | Notice::Refused(_) | Notice::Probed { .. } | Notice::Ready => {
                continue;
            }
        };
        let listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = listeners.get(container) {
            // The receiver may be dropped already.
            listener.send(notice).ok();
        }
    }
    listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
