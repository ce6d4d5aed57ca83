//! The backends that run containers: an engine, or the built-in one. One is chosen
//! when the local cloud starts.

use super::builtin;
use super::builtin::SandboxError;
use super::choice::RuntimeChoice;
use super::connection::Connection;
use super::engine;
use super::engine::{Engine, EngineError};
use super::image::{Image, ImageError, ProgramConfig, Trees, remove_tree};
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

/// What containers run in, once it was chosen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RuntimeKind {
    /// `docker` or `podman`.
    Engine(String),
    /// Namespaces of this kernel.
    Isolated,
    /// Plain processes, with the reason why namespaces are not used.
    Plain(String),
}

#[derive(Debug, thiserror::Error)]
pub enum RuntimeOpenError {
    #[error("`{0}` does not answer, and the runtime was set to it")]
    NoEngine(String),

    #[error("cannot prepare the folder for containers")]
    Folder(#[source] ImageError),
    #[error("cannot remove the containers of an earlier run")]
    Engine(#[source] EngineError),
}

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
    /// The error with all its causes on one line, for a container event.
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

#[derive(Debug)]
pub(super) enum Backend {
    Engine(Engine),
    BuiltIn(Arc<BuiltIn>),
}

/// What all sandboxes of the built-in backend share.
#[derive(Debug)]
pub(super) struct BuiltIn {
    program: PathBuf,
    trees: Trees,
    mode: StageMode,
    overlay: bool,
}

pub(super) struct RuntimePaths<'a> {
    pub(super) folder: &'a Path,
    /// Tells the containers of this state folder from those of others.
    pub(super) state_id: &'a str,
    /// The executable that is started as the stages of the built-in backend.
    pub(super) program: &'a Path,
}

impl Backend {
    /// Chooses a backend and removes what earlier processes left in it.
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
            // An engine that was chosen by name is not tried first: the error of the
            // first container tells its user more than a refusal here.
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

    /// Creates the sandbox of a group in the group's folder.
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

    /// Removes all remaining containers and images of this state folder.
    pub(super) async fn sweep(&self) {
        if let Self::Engine(engine) = self {
            // The next process on this state folder removes what is left.
            engine.sweep().await.ok();
        }
    }
}

/// A group without a network namespace listens on this machine's own ports.
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

/// The place where one group runs.
#[derive(Debug)]
pub(super) enum Sandbox {
    Engine { inner: engine::Sandbox, names: Vec<String>, folder: PathBuf },
    BuiltIn { inner: builtin::Sandbox, shared: Arc<BuiltIn>, folder: PathBuf },
}

/// The log of a container in its group's folder.
pub(super) fn log_path(folder: &Path, container: &str) -> PathBuf {
    folder.join("logs").join(format!("{container}.log"))
}

impl Sandbox {
    /// Unpacks an image, where the backend needs that.
    pub(super) async fn prepare(&self, image: &Image) -> Result<(), StartError> {
        match self {
            // Engines load the image when the container is started.
            Self::Engine { .. } => Ok(()),
            Self::BuiltIn { shared, .. } => {
                let (shared, image) = (Arc::clone(shared), image.clone());
                blocking(move || shared.trees.get(&image).map(drop)).await
            }
        }
    }

    /// Starts a container. The receiver gets its exit code.
    pub(super) async fn start(
        &self,
        container: &Container,
    ) -> Result<oneshot::Receiver<i32>, StartError> {
        let config = ProgramConfig::read(&container.image)?;
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
                        // The receiver is dropped when the group is removed.
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
            // Fails only if the group has ended already.
            Self::BuiltIn { inner, .. } => drop(inner.signal(container, signal).await),
        }
    }

    /// Connects to a port of the group.
    pub(super) async fn connect(&self, port: u16) -> io::Result<Connection> {
        Ok(match self {
            Self::Engine { inner, .. } => Box::new(inner.connect(port).await?),
            Self::BuiltIn { inner, .. } => Box::new(inner.connect(port).await?),
        })
    }

    /// Ends all containers and removes their files.
    pub(super) async fn close(&self) {
        match self {
            Self::Engine { inner, names, .. } => inner.close(names).await,
            Self::BuiltIn { inner, folder, .. } => {
                inner.close().await;
                let containers = folder.join("containers");
                // What cannot be removed is removed when the group is started again.
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
        Err(error) => Err(StartError::Refused(format!("cannot unpack the image: {error}"))),
    }
}

impl BuiltIn {
    /// Creates the root file system of a container, as a copy or as an overlay.
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
        // Mount options cannot contain `,` and `:`, which the path of the state folder
        // may, so the overlay is given relative names.
        symlink(self.trees.get(image)?, root.join("lower")).map_err(failed)
    }

    fn process(
        &self,
        container: &Container,
        config: &ProgramConfig,
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
