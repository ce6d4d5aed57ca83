//! The groups of one local cloud: started, looked at, reached, ended.

use super::backend::{Backend, RuntimeKind, RuntimeOpenError, RuntimePaths, Sandbox, log_path};
use super::choice::RuntimeChoice;
use super::connection::Connection;
use super::image::{ImageError, remove_tree};
use super::spec::Group;
use super::stage::log;
use super::stage::log::LogQuery;
use super::supervise::GroupRun;
use super::view::GroupView;
use crate::oci::Digest;
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

/// How to run containers.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// A folder for it alone, made when it is not there.
    pub folder: PathBuf,
    /// What containers are to run in.
    pub choice: RuntimeChoice,
    /// What is started as the stages of the built-in runtime: this very program,
    /// whose `main` calls [`super::reexec`]. Tests name another.
    pub program: PathBuf,
}

impl RuntimeOptions {
    /// The usual ones.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, choice: RuntimeChoice::Auto, program: PathBuf::from("/proc/self/exe") }
    }
}

/// No connection to a container.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No group has that name.
    #[error("no container group is called `{0}`")]
    NoSuchHost(String),
    /// The group does not offer that port.
    #[error("the container group at `{host}` has no public port {port}")]
    NotPublic {
        /// Its name.
        host: String,
        /// The port.
        port: u16,
    },
    /// Nobody listens there, at least not yet.
    #[error("nothing listens on port {port} of the container group at `{host}`")]
    Refused {
        /// Its name.
        host: String,
        /// The port.
        port: u16,
        /// What came of it.
        source: io::Error,
    },
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
    published: Mutex<HashMap<(String, u16), PublishedPort>>,
}

/// A group, running or stopped.
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
    /// Chooses what to run containers in, and takes away what an earlier process
    /// left in the folder.
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
            published: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What containers run in.
    pub fn kind(&self) -> &RuntimeKind {
        &self.inner.kind
    }

    /// The folder of a group: a short name, as identifiers are long and may hold
    /// anything.
    fn folder(&self, id: &str) -> PathBuf {
        self.inner.folder.join("groups").join(Digest::of(id.as_bytes()).short())
    }

    /// Where a group may keep the contents of its volumes.
    pub fn volumes(&self, id: &str) -> PathBuf {
        self.folder(id).join("volumes")
    }

    /// Starts a group, in place of one with the same id, which is ended first.
    /// Returns at once: how it goes is seen in the view.
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

    /// Ends a group's programs; the group stays. Says whether there is one.
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

    /// Starts a group anew, whether it runs or not. Says whether there is one.
    pub async fn restart(&self, id: &str) -> Result<bool, io::Error> {
        let group = locked(&self.inner.groups).get(id).map(|live| Group::clone(&live.group));
        let Some(group) = group else { return Ok(false) };
        self.launch(group).await?;
        Ok(true)
    }

    /// Ends a group and forgets it.
    pub async fn remove(&self, id: &str) {
        let live = locked(&self.inner.groups).remove(id);
        locked(&self.inner.published).retain(|(group, _), _| group != id);
        if let Some(live) = live {
            live.end(false).await;
            // A group of the same name may have been started meanwhile.
            if !locked(&self.inner.groups).contains_key(id) {
                let folder = self.folder(id);
                tokio::task::spawn_blocking(move || remove_tree(&folder).ok()).await.ok();
            }
        }
    }

    /// What a group does.
    pub fn view(&self, id: &str) -> Option<GroupView> {
        locked(&self.inner.groups).get(id).map(|live| live.view.borrow().clone())
    }

    /// What a group does, as it changes.
    pub fn watch(&self, id: &str) -> Option<watch::Receiver<GroupView>> {
        locked(&self.inner.groups).get(id).map(|live| live.view.clone())
    }

    /// What a container of a group has written.
    pub fn logs(&self, id: &str, container: &str, query: LogQuery) -> io::Result<String> {
        log::read(&log_path(&self.folder(id), container), query)
    }

    /// A connection to a public port of the group that has this name or address.
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
            live.sandbox.borrow().clone()
        };
        let refused = |source| ConnectError::Refused { host: host.to_owned(), port, source };
        let sandbox = sandbox.ok_or_else(|| refused(io::ErrorKind::ConnectionRefused.into()))?;
        sandbox.connect(port).await.map_err(refused)
    }

    /// Whether a group has this name or address.
    pub fn knows(&self, host: &str) -> bool {
        let named = |live: &LiveGroup| {
            live.group.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
        };
        locked(&self.inner.groups).values().any(named)
    }

    /// Where on this machine's loopback a public port of a group is, for
    /// browsers. It stays the same when the group is started again.
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
            let task = tokio::spawn(forward(listener, Arc::downgrade(&self.inner), key.clone()));
            locked(&self.inner.published).insert(key, PublishedPort { address, task });
        }
        locked(&self.inner.published)
            .retain(|(id, port), _| *id != group.id || group.ports.contains(port));
        Ok(())
    }

    /// Ends all groups, at once and without grace.
    pub async fn shutdown(&self) {
        let all: Vec<LiveGroup> =
            locked(&self.inner.groups).drain().map(|(_, live)| live).collect();
        locked(&self.inner.published).clear();
        futures::future::join_all(all.iter().map(|live| live.end(true))).await;
        self.inner.backend.sweep().await;
    }
}

impl LiveGroup {
    /// Ends the group's programs and waits for it.
    async fn end(&self, now: bool) {
        self.ending(now).await;
    }

    /// The same, for where the table of groups must not stay locked.
    fn ending(&self, now: bool) -> impl Future<Output = ()> + use<> {
        if now {
            self.kill.cancel();
        }
        self.stop.cancel();
        let mut ended = self.ended.clone();
        async move {
            // The task that would say so may be gone with its runtime.
            ended.wait_for(|ended| *ended).await.ok();
        }
    }
}

/// Carries connections from a port of this machine to one of a group.
async fn forward(listener: TcpListener, runtime: Weak<RuntimeState>, (id, port): (String, u16)) {
    while let Ok((mut client, _)) = listener.accept().await {
        let Some(inner) = runtime.upgrade() else { return };
        let sandbox = locked(&inner.groups).get(&id).and_then(|live| live.sandbox.borrow().clone());
        drop(inner);
        tokio::spawn(async move {
            let Some(sandbox) = sandbox else { return };
            // A client that is not answered is told so by the end of its connection.
            let Ok(mut server) = sandbox.connect(port).await else { return };
            copy_bidirectional(&mut client, &mut server).await.ok();
        });
    }
}
