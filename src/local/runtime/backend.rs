//! What containers run in: chosen once, when the local cloud starts.

use super::builtin;
use super::builtin::SandboxError;
use super::choice::RuntimeChoice;
use super::connection::Connection;
use super::engine;
use super::engine::{Engine, EngineError};
use super::image::{Config, Image, ImageError, Trees, remove_tree};
use super::spec::{Container, Group};
use super::stage::StageMode;
use super::stage::protocol::{Mount, Notice, ProcessSpec};
use nix::sys::signal::Signal;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What containers do run in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RuntimeKind {
    /// An engine of that name.
    Engine(String),
    /// Namespaces of this kernel.
    Isolated,
    /// Plain processes; why there are no namespaces.
    Plain(String),
}

/// No way to run containers.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeOpenError {
    /// An engine was asked for by name.
    #[error("`{0}` does not answer, and the runtime was set to it")]
    NoEngine(String),
    /// The folder for it cannot be used.
    #[error("prepare the folder for containers")]
    Folder(#[source] ImageError),
    /// An engine fails.
    #[error("tidy up what an earlier run left behind")]
    Engine(#[source] EngineError),
}

/// A container that cannot be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("{0}")]
    Refused(String),
}

impl StartError {
    /// With all its causes, for an event.
    pub(super) fn in_words(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// What makes sandboxes.
#[derive(Debug)]
pub(super) enum Backend {
    Engine(Engine),
    BuiltIn(Arc<BuiltIn>),
}

/// What all built-in sandboxes share.
#[derive(Debug)]
pub(super) struct BuiltIn {
    program: PathBuf,
    trees: Trees,
    mode: StageMode,
    overlay: bool,
}

/// Where the parts of a runtime are.
pub(super) struct RuntimePaths<'a> {
    /// Its folder.
    pub(super) folder: &'a Path,
    /// What it calls itself among others on this machine.
    pub(super) state_id: &'a str,
    /// What it starts itself as.
    pub(super) program: &'a Path,
}

impl Backend {
    /// Chooses, and says what was chosen.
    pub(super) async fn open(
        place: &RuntimePaths<'_>,
        choice: RuntimeChoice,
    ) -> Result<(Self, RuntimeKind), RuntimeOpenError> {
        let wanted: &[&str] = match choice {
            RuntimeChoice::Auto => &["docker", "podman"],
            RuntimeChoice::Docker => &["docker"],
            RuntimeChoice::Podman => &["podman"],
            RuntimeChoice::BuiltIn | RuntimeChoice::Plain => &[],
        };
        for name in wanted {
            let engine = Engine::new(name, place.state_id, place.folder.to_owned());
            // One that was asked for by name is taken at its word: what it says
            // when it fails is what its user needs to hear.
            if engine.answers().await && (choice != RuntimeChoice::Auto || engine.runs().await) {
                engine.sweep().await.map_err(RuntimeOpenError::Engine)?;
                return Ok((Self::Engine(engine), RuntimeKind::Engine((*name).to_owned())));
            }
        }
        if matches!(choice, RuntimeChoice::Docker | RuntimeChoice::Podman) {
            return Err(RuntimeOpenError::NoEngine(wanted[0].to_owned()));
        }
        Self::open_built_in(place, choice).await
    }

    async fn open_built_in(
        place: &RuntimePaths<'_>,
        choice: RuntimeChoice,
    ) -> Result<(Self, RuntimeKind), RuntimeOpenError> {
        let trees = Trees::open(place.folder.join("images")).map_err(RuntimeOpenError::Folder)?;
        let probed = match choice {
            RuntimeChoice::Plain => Err("namespaces are switched off".to_owned()),
            RuntimeChoice::Auto
            | RuntimeChoice::Docker
            | RuntimeChoice::Podman
            | RuntimeChoice::BuiltIn => {
                let probed = builtin::probe(place.program, &place.folder.join("probe")).await;
                probed.map_err(|error| StartError::Sandbox(error).in_words())
            }
        };
        let (mode, overlay, kind) = match probed {
            Ok(overlay) => (StageMode::Isolated, overlay, RuntimeKind::Isolated),
            Err(reason) => (StageMode::Plain, false, RuntimeKind::Plain(reason)),
        };
        let program = place.program.to_owned();
        Ok((Self::BuiltIn(Arc::new(BuiltIn { program, trees, mode, overlay })), kind))
    }

    /// A sandbox for a group, in the group's folder.
    pub(super) async fn sandbox(
        &self,
        group: &Group,
        folder: &Path,
    ) -> Result<Sandbox, StartError> {
        match self {
            Self::Engine(engine) => {
                let key = folder.file_name().unwrap_or_default().to_string_lossy();
                let all = group.init.iter().chain(&group.containers);
                let names = all.map(|container| container.name.clone()).collect();
                let inner = engine::Sandbox::open(engine, group, &key).await?;
                Ok(Sandbox::Engine { inner, names, folder: folder.to_owned() })
            }
            Self::BuiltIn(shared) => {
                if shared.mode == StageMode::Plain {
                    ports_are_free(&group.ports).await?;
                }
                let inner = builtin::Sandbox::open(&shared.program, folder, shared.mode).await?;
                Ok(Sandbox::BuiltIn {
                    inner,
                    shared: Arc::clone(shared),
                    folder: folder.to_owned(),
                })
            }
        }
    }

    /// Takes away what is left of everything.
    pub(super) async fn sweep(&self) {
        if let Self::Engine(engine) = self {
            // What cannot be removed now is found by the next that uses the state.
            engine.sweep().await.ok();
        }
    }
}

/// Without a network of its own, a group needs its very ports of this machine.
async fn ports_are_free(ports: &[u16]) -> Result<(), StartError> {
    for &port in ports {
        let refused = match tokio::net::TcpListener::bind(("0.0.0.0", port)).await {
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => format!(
                "port {port} needs root, because namespaces are refused here: allow user \
                 namespaces, install docker or podman, or use a port above 1023"
            ),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => format!(
                "port {port} of this machine is in use, and namespaces are refused here: free the \
                 port, allow user namespaces, or install docker or podman"
            ),
            Err(error) => format!("port {port} of this machine cannot be used: {error}"),
        };
        return Err(StartError::Refused(refused));
    }
    Ok(())
}

/// Where one group runs.
#[derive(Debug)]
pub(super) enum Sandbox {
    Engine { inner: engine::Sandbox, names: Vec<String>, folder: PathBuf },
    BuiltIn { inner: builtin::Sandbox, shared: Arc<BuiltIn>, folder: PathBuf },
}

/// Where a container's log is, in its group's folder.
pub(super) fn log_path(folder: &Path, container: &str) -> PathBuf {
    folder.join("logs").join(format!("{container}.log"))
}

impl Sandbox {
    /// Makes an image ready.
    pub(super) async fn prepare(&self, image: &Image) -> Result<(), StartError> {
        match self {
            // The engine is given it when it is started.
            Self::Engine { .. } => Ok(()),
            Self::BuiltIn { shared, .. } => {
                let (shared, image) = (Arc::clone(shared), image.clone());
                blocking(move || shared.trees.get(&image).map(drop)).await
            }
        }
    }

    /// Starts a container; its exit code comes when it has ended.
    pub(super) async fn start(
        &self,
        container: &Container,
    ) -> Result<oneshot::Receiver<i32>, StartError> {
        let config = Config::read(&container.image)?;
        if config.argv(&container.command).is_empty() {
            let reason = "the image names no program, and the container has no command";
            return Err(StartError::Refused(reason.to_owned()));
        }
        match self {
            Self::Engine { inner, folder, .. } => {
                let log = log_path(folder, &container.name);
                let start = engine::ContainerStart { container, config: &config, log: &log };
                Ok(inner.start(start).await?)
            }
            Self::BuiltIn { inner, shared, folder } => {
                let root = folder.join("containers").join(&container.name);
                let (made, image) = (root.clone(), container.image.clone());
                let also = Arc::clone(shared);
                blocking(move || also.make_root(&made, &image)).await?;
                let mut notices =
                    inner.start(shared.process(container, &config, folder, root)).await?;
                match notices.recv().await {
                    Some(Notice::Started { .. }) => {}
                    Some(Notice::NotStarted { reason, .. }) => {
                        return Err(StartError::Refused(reason));
                    }
                    _ => return Err(StartError::Refused("the group ended".to_owned())),
                }
                let (sender, receiver) = oneshot::channel();
                tokio::spawn(async move {
                    if let Some(Notice::Exited { code, .. }) = notices.recv().await {
                        // Whoever waited may be gone.
                        sender.send(code).ok();
                    }
                });
                Ok(receiver)
            }
        }
    }

    /// Sends a container a signal.
    pub(super) async fn signal(&self, container: &str, signal: Signal) {
        match self {
            Self::Engine { inner, .. } => inner.signal(container, signal).await,
            // A group that is gone needs no signal.
            Self::BuiltIn { inner, .. } => drop(inner.signal(container, signal).await),
        }
    }

    /// A connection to a port.
    pub(super) async fn connect(&self, port: u16) -> io::Result<Connection> {
        Ok(match self {
            Self::Engine { inner, .. } => Box::new(inner.connect(port).await?),
            Self::BuiltIn { inner, .. } => Box::new(inner.connect(port).await?),
        })
    }

    /// Ends all that runs and takes the containers' files away.
    pub(super) async fn close(&self) {
        match self {
            Self::Engine { inner, names, .. } => inner.close(names).await,
            Self::BuiltIn { inner, folder, .. } => {
                inner.close().await;
                let containers = folder.join("containers");
                // What stays is removed when the group is started again.
                tokio::task::spawn_blocking(move || remove_tree(&containers).ok()).await.ok();
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, StartError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(StartError::Refused(format!("unpack the image: {error}"))),
    }
}

impl BuiltIn {
    /// Files of its own for a container, as the image has them.
    fn make_root(&self, root: &Path, image: &Image) -> Result<(), ImageError> {
        let failed = |source| ImageError::Io { verb: "create", path: root.to_owned(), source };
        remove_tree(root).map_err(failed)?;
        fs::create_dir_all(root).map_err(failed)?;
        let tree = root.join("root");
        fs::create_dir(&tree).map_err(failed)?;
        if !self.overlay {
            return super::image::unpack(&image.layers, &tree);
        }
        for folder in ["upper", "work"] {
            fs::create_dir(root.join(folder)).map_err(failed)?;
        }
        // A short name, whatever characters the path of the state folder has.
        symlink(self.trees.get(image)?, root.join("lower")).map_err(failed)
    }

    fn process(
        &self,
        container: &Container,
        config: &Config,
        group: &Path,
        root: PathBuf,
    ) -> ProcessSpec {
        let hostname = "SandboxHost".to_owned();
        let mounts = container.mounts.iter().map(|volume| Mount {
            source: volume.source.clone(),
            target: volume.target.clone(),
            read_only: volume.read_only,
        });
        ProcessSpec {
            container: container.name.clone(),
            folder: root,
            overlay: self.overlay,
            single_user: false,
            argv: config.argv(&container.command),
            env: config.environment(&container.env, &hostname),
            workdir: config.working_dir().to_owned(),
            user: config.user().to_owned(),
            hostname,
            mounts: mounts.collect(),
            log: log_path(group, &container.name),
        }
    }
}
