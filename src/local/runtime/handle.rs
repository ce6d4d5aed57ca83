//! The handle of the runtime, with which groups are started, viewed, connected to
//! and ended.

use super::backend::{Backend, RuntimeKind, RuntimeOpenError, RuntimePaths};
use super::choice::RuntimeChoice;
use super::connection::{Connection, NothingListens};
use super::image::ImageError;
use super::log::{self, LogQuery, log_path};
use super::sandbox::Sandbox;
use super::spec::{ExecCommand, Group};
use super::start_error::StartError;
use super::supervise::GroupRun;
use super::view::GroupView;
use crate::oci::Digest;
use crate::os::remove_tree;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// A folder that nothing else uses, created if it does not exist.
    pub folder: PathBuf,
    pub choice: RuntimeChoice,
    /// The executable of the built-in backend's stages: this program, whose `main`
    /// calls [`super::reexec`]. Tests run in another program and set it.
    pub program: PathBuf,
}

impl RuntimeOptions {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, choice: RuntimeChoice::Auto, program: PathBuf::from("/proc/self/exe") }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("there is no container group `{0}`")]
    NoSuchHost(String),
    /// The port is not one of the group's public ports.
    #[error("the container group at `{host}` has no public port {port}")]
    NotPublic { host: String, port: u16 },
    /// The readiness probe of this container does not pass.
    #[error("the container `{container}` of the group at `{host}` is not ready")]
    NotReady { host: String, container: String },
    /// Nothing listens, at least not yet.
    #[error("nothing listens on port {port} of the container group at `{host}`")]
    Refused { host: String, port: u16, listening: Vec<SocketAddr>, source: io::Error },
}

/// Runs container groups. A cheap handle.
#[derive(Clone, Debug)]
pub struct Runtime {
    inner: Arc<RuntimeState>,
}

#[derive(Debug)]
struct RuntimeState {
    folder: PathBuf,
    backend: Arc<Backend>,
    kind: RuntimeKind,
    groups: Mutex<HashMap<String, LiveGroup>>,
    /// The groups whose programs end and whose files are removed.
    removals: Mutex<HashMap<String, Removal>>,
    published: Mutex<HashMap<(String, u16), PublishedPort>>,
}

/// A group that ends.
#[derive(Clone, Debug)]
struct Removal {
    kill: CancellationToken,
    done: watch::Receiver<bool>,
}

impl Removal {
    async fn wait(mut self) {
        // Fails if the removal was dropped with its tokio runtime.
        self.done.wait_for(|done| *done).await.ok();
    }
}

/// A running or stopped group.
#[derive(Debug)]
struct LiveGroup {
    group: Arc<Group>,
    view: watch::Receiver<GroupView>,
    changes: watch::Sender<GroupView>,
    sandbox: watch::Receiver<Option<Arc<Sandbox>>>,
    stop: CancellationToken,
    kill: CancellationToken,
    ended: watch::Receiver<bool>,
}

#[derive(Debug)]
struct PublishedPort {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for PublishedPort {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runtime {
    /// Chooses a backend and removes what an earlier process left in the folder.
    pub async fn open(options: RuntimeOptions) -> Result<Self, RuntimeOpenError> {
        let RuntimeOptions { folder, choice, program } = options;
        let failed = |source| {
            RuntimeOpenError::Folder(ImageError::Io {
                verb: "create",
                path: folder.clone(),
                source,
            })
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        let digest = Digest::of(folder.as_os_str().as_encoded_bytes());
        let place = RuntimePaths { folder: &folder, state_id: digest.short(), program: &program };
        let (backend, kind) = Backend::open(&place, choice).await?;
        let inner = RuntimeState {
            folder,
            backend: Arc::new(backend),
            kind,
            groups: Mutex::default(),
            removals: Mutex::default(),
            published: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn kind(&self) -> &RuntimeKind {
        &self.inner.kind
    }

    /// The folder of a group. Its name is a hash, because ids are long and may contain
    /// any character.
    fn folder(&self, id: &str) -> PathBuf {
        self.inner.folder.join("groups").join(Digest::of(id.as_bytes()).short())
    }

    /// The folder for the volumes of a group.
    pub fn volumes(&self, id: &str) -> PathBuf {
        self.folder(id).join("volumes")
    }

    /// Starts a group, after ending a running one with the same id. Returns at once;
    /// the view tells how it goes.
    pub async fn launch(&self, group: Group) -> Result<(), io::Error> {
        let id = group.id.clone();
        let folder = self.folder(&id);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.join("logs"))?;
        self.publish(&group).await?;
        let group = Arc::new(group);
        let (changes, view) = watch::channel(GroupView::new(&group));
        let (sandbox_sender, sandbox) = watch::channel(None);
        let (ended_sender, ended) = watch::channel(false);
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let run = GroupRun {
            backend: Arc::clone(&self.inner.backend),
            group: Arc::clone(&group),
            folder,
            view: changes.clone(),
            sandbox: sandbox_sender,
            stop: stop.clone(),
            kill: kill.clone(),
        };
        let live = LiveGroup { group, view, changes, sandbox, stop, kill, ended };
        let before = locked(&self.inner.groups).insert(id, live);
        tokio::spawn(async move {
            if let Some(before) = before {
                before.end(false).await;
            }
            run.run().await;
            ended_sender.send_replace(true);
        });
        Ok(())
    }

    /// Ends a group's programs and keeps the group. Returns whether it exists.
    pub async fn stop(&self, id: &str) -> bool {
        let ending = {
            let groups = locked(&self.inner.groups);
            let Some(live) = groups.get(id) else { return false };
            live.changes.send_modify(|view| view.stopped = true);
            live.ending(false)
        };
        ending.await;
        true
    }

    /// Restarts a group, whether or not it runs. Returns whether it exists.
    pub async fn restart(&self, id: &str) -> Result<bool, io::Error> {
        let group = locked(&self.inner.groups).get(id).map(|live| Group::clone(&live.group));
        let Some(group) = group else { return Ok(false) };
        self.launch(group).await?;
        Ok(true)
    }

    /// Ends a group and removes its files. The future does that; what was begun is known at
    /// once.
    pub fn remove(&self, id: &str) -> impl Future<Output = ()> + Send + use<> {
        let (ended, done) = watch::channel(false);
        let live = {
            let mut removals = locked(&self.inner.removals);
            let live = locked(&self.inner.groups).remove(id);
            if let Some(live) = &live {
                removals.insert(id.to_owned(), Removal { kill: live.kill.clone(), done });
            }
            live
        };
        locked(&self.inner.published).retain(|(group, _), _| group != id);
        let (folder, inner, id) = (self.folder(id), Arc::clone(&self.inner), id.to_owned());
        async move {
            let Some(live) = live else { return };
            live.end(false).await;
            tokio::task::spawn_blocking(move || remove_tree(&folder).ok()).await.ok();
            locked(&inner.removals).remove(&id);
            ended.send_replace(true);
        }
    }

    /// Waits until a group of this id that is being removed is gone. Another one of the same
    /// id has the same folder: its volumes, its logs and the sockets of its sandbox.
    pub async fn removed(&self, id: &str) {
        let removal = locked(&self.inner.removals).get(id).cloned();
        if let Some(removal) = removal {
            removal.wait().await;
        }
    }

    pub fn view(&self, id: &str) -> Option<GroupView> {
        locked(&self.inner.groups).get(id).map(|live| live.view.borrow().clone())
    }

    pub fn watch(&self, id: &str) -> Option<watch::Receiver<GroupView>> {
        locked(&self.inner.groups).get(id).map(|live| live.view.clone())
    }

    pub fn logs(&self, id: &str, container: &str, query: LogQuery) -> io::Result<String> {
        log::read(&log_path(&self.folder(id), container), query)
    }

    /// Connects to a public port of the group with this host name or address.
    pub async fn connect(&self, host: &str, port: u16) -> Result<Connection, ConnectError> {
        let sandbox = {
            let groups = locked(&self.inner.groups);
            let named = |live: &&LiveGroup| {
                live.group.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
            };
            let live = groups.values().find(named);
            let live = live.ok_or_else(|| ConnectError::NoSuchHost(host.to_owned()))?;
            if !live.group.ports.contains(&port) {
                return Err(ConnectError::NotPublic { host: host.to_owned(), port });
            }
            if let Some(container) = live.view.borrow().containers.iter().find(|it| !it.ready) {
                let container = container.name.clone();
                return Err(ConnectError::NotReady { host: host.to_owned(), container });
            }
            live.sandbox.borrow().clone()
        };
        let refused = |source| {
            let NothingListens { listening } = NothingListens::of(&source);
            ConnectError::Refused { host: host.to_owned(), port, listening, source }
        };
        let sandbox = sandbox.ok_or_else(|| refused(io::ErrorKind::ConnectionRefused.into()))?;
        sandbox.connect(port).await.map_err(refused)
    }

    /// Starts a command in a running container. The stream is its terminal, and ends with
    /// the command; why it cannot be started is written there too.
    pub async fn exec(
        &self,
        id: &str,
        container: &str,
        command: &ExecCommand,
    ) -> Result<Connection, StartError> {
        let missing = || StartError::Refused(format!("container `{container}` does not run"));
        let (group, sandbox) = {
            let groups = locked(&self.inner.groups);
            let live = groups.get(id).ok_or_else(missing)?;
            (Arc::clone(&live.group), live.sandbox.borrow().clone())
        };
        let found = group.containers.iter().find(|known| known.name == container);
        let (found, sandbox) = (found.ok_or_else(missing)?, sandbox.ok_or_else(missing)?);
        sandbox.exec(found, command).await
    }

    /// Whether a group has this host name or address.
    pub fn knows(&self, host: &str) -> bool {
        let named = |live: &LiveGroup| {
            live.group.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
        };
        locked(&self.inner.groups).values().any(named)
    }

    /// The loopback address at which browsers reach a public port of a group. It does
    /// not change when the group is restarted.
    pub fn published(&self, id: &str, port: u16) -> Option<SocketAddr> {
        let published = locked(&self.inner.published);
        published.get(&(id.to_owned(), port)).map(|published| published.address)
    }

    async fn publish(&self, group: &Group) -> Result<(), io::Error> {
        for &port in &group.ports {
            let key = (group.id.clone(), port);
            if locked(&self.inner.published).contains_key(&key) {
                continue;
            }
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            let task = tokio::spawn(forward(
                listener,
                Arc::downgrade(&self.inner),
                group.id.clone(),
                port,
            ));
            locked(&self.inner.published).insert(key, PublishedPort { address, task });
        }
        locked(&self.inner.published)
            .retain(|(id, port), _| *id != group.id || group.ports.contains(port));
        Ok(())
    }

    /// Kills all groups without giving them time to end.
    pub async fn shutdown(&self) {
        let all: Vec<LiveGroup> =
            locked(&self.inner.groups).drain().map(|(_, live)| live).collect();
        locked(&self.inner.published).clear();
        // One that ends has a control group and a folder that it removes.
        let removals: Vec<Removal> = locked(&self.inner.removals).values().cloned().collect();
        for removal in &removals {
            removal.kill.cancel();
        }
        futures::future::join_all(all.iter().map(|live| live.end(true))).await;
        futures::future::join_all(removals.into_iter().map(Removal::wait)).await;
        self.inner.backend.sweep().await;
    }
}

impl LiveGroup {
    async fn end(&self, now: bool) {
        self.ending(now).await;
    }

    /// Tells the group's programs to end. The future waits for them and borrows
    /// nothing, so that the table of groups can be unlocked before.
    fn ending(&self, now: bool) -> impl Future<Output = ()> + use<> {
        if now {
            self.kill.cancel();
        }
        self.stop.cancel();
        let mut ended = self.ended.clone();
        async move {
            // Fails if the task was dropped with its tokio runtime.
            ended.wait_for(|ended| *ended).await.ok();
        }
    }
}

/// Forwards connections from a port of this machine to one of a group.
async fn forward(listener: TcpListener, runtime: Weak<RuntimeState>, id: String, port: u16) {
    while let Ok((mut client, _)) = listener.accept().await {
        let Some(inner) = runtime.upgrade() else { return };
        let sandbox = locked(&inner.groups).get(&id).and_then(|live| live.sandbox.borrow().clone());
        drop(inner);
        tokio::spawn(async move {
            let Some(sandbox) = sandbox else { return };
            // The client notices by its connection being closed.
            let Ok(mut server) = sandbox.connect(port).await else { return };
            copy_bidirectional(&mut client, &mut server).await.ok();
        });
    }
}
