//! The sandbox of one group: what the backends have in common.

use super::builtin::{self, SandboxError};
use super::connection::Connection;
use super::engine::{self, EngineError};
use super::image::{Image, ImageError, ProgramConfig, Trees};
use super::spec::{Container, ExecCommand};
use super::stage::StageMode;
use super::stage::protocol::{ExecOrder, Mount, Notice, ProcessSpec, TerminalSize};
use crate::sandbox::ids::IdShift;
use crate::sandbox::unpack::unpack_for;
use crate::sandbox::{StageProgram, remove_tree};
use nix::sys::signal::Signal;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::oneshot;

/// A container that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
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
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// The unpacked images, from the folder of a container: `groups/GROUP/containers/NAME`.
const IMAGES_OF_CONTAINER: &str = "../../../../images";

/// How much of the end of a program's output is kept.
const MAX_TAIL_BYTES: usize = 1024;

/// What all sandboxes of the built-in backend share.
#[derive(Debug)]
pub struct BuiltIn {
    pub program: StageProgram,
    pub trees: Trees,
    pub mode: StageMode,
    pub overlay: bool,
    pub ids: IdShift,
}

/// The place where one group runs.
#[derive(Debug)]
pub enum Sandbox {
    Engine { inner: engine::Sandbox, names: Vec<String>, folder: PathBuf },
    BuiltIn { inner: builtin::Sandbox, shared: Arc<BuiltIn>, folder: PathBuf },
}

/// The log of a container in its group's folder.
pub fn log_path(folder: &Path, container: &str) -> PathBuf {
    folder.join("logs").join(format!("{container}.log"))
}

impl Sandbox {
    /// Unpacks an image, where the backend needs that.
    pub async fn prepare(&self, image: &Image) -> Result<(), StartError> {
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
    pub async fn start(&self, container: &Container) -> Result<oneshot::Receiver<i32>, StartError> {
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
                let (made, image) = (root, container.image.clone());
                let also = Arc::clone(shared);
                blocking(move || also.make_root(&made, &image)).await?;
                let mut notices = inner.start(shared.process(container, &config, folder)).await?;
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

    /// Starts a command in a running container; see [`super::Runtime::exec`].
    pub async fn exec(
        &self,
        container: &Container,
        command: &ExecCommand,
    ) -> Result<Connection, StartError> {
        match self {
            Self::Engine { inner, .. } => Ok(Box::new(inner.exec(&container.name, command)?)),
            Self::BuiltIn { inner, shared, folder } => {
                let config = ProgramConfig::read(&container.image)?;
                let mut process = shared.process(container, &config, folder);
                process.argv.clone_from(&command.argv);
                let size = TerminalSize { rows: command.rows, columns: command.columns };
                let order = ExecOrder { process, size, reports_exit: false };
                Ok(Box::new(inner.exec(order).await?))
            }
        }
    }

    /// Runs a program in a running container to its end. Returns its exit code.
    pub async fn run(&self, container: &Container, argv: &[String]) -> Result<i32, StartError> {
        match self {
            Self::Engine { inner, .. } => Ok(inner.run(&container.name, argv).await?),
            Self::BuiltIn { inner, shared, folder } => {
                let config = ProgramConfig::read(&container.image)?;
                let mut process = shared.process(container, &config, folder);
                process.argv = argv.to_vec();
                let size = TerminalSize { rows: 24, columns: 80 };
                let order = ExecOrder { process, size, reports_exit: true };
                let mut stream = inner.exec(order).await?;
                exit_code(&mut stream).await.map_err(|error| {
                    StartError::Refused(format!("cannot read the exit code: {error}"))
                })
            }
        }
    }

    /// Sends a container a signal.
    pub async fn signal(&self, container: &str, signal: Signal) {
        match self {
            Self::Engine { inner, .. } => inner.signal(container, signal).await,
            // Fails only if the group has ended already.
            Self::BuiltIn { inner, .. } => drop(inner.signal(container, signal).await),
        }
    }

    /// Connects to a port of the group.
    pub async fn connect(&self, port: u16) -> io::Result<Connection> {
        Ok(match self {
            Self::Engine { inner, .. } => Box::new(inner.connect(port).await?),
            Self::BuiltIn { inner, .. } => Box::new(inner.connect(port).await?),
        })
    }

    /// Ends all containers and removes their files.
    pub async fn close(&self) {
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

/// Reads the output of a program to its end, and the exit code after it. Output without
/// one says why the program was not started.
async fn exit_code(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<i32> {
    let mut tail = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        tail.extend_from_slice(&buffer[..count]);
        let surplus = tail.len().saturating_sub(MAX_TAIL_BYTES);
        tail.drain(..surplus);
    }
    match tail.last_chunk::<4>() {
        Some(code) if !tail.ends_with(b"\r\n") => Ok(i32::from_be_bytes(*code)),
        _ => Err(io::Error::other(String::from_utf8_lossy(&tail).trim().to_owned())),
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
        for folder in root.parent().into_iter().chain([root, &tree]) {
            self.ids.give(folder).map_err(failed)?;
        }
        if !self.overlay {
            return Ok(unpack_for(&image.layers, &tree, self.ids)?);
        }
        for folder in ["upper", "work"].map(|name| root.join(name)) {
            fs::create_dir(&folder).and_then(|()| self.ids.give(&folder)).map_err(failed)?;
        }
        // Mount options cannot contain `,` and `:`, which the path of the state folder
        // may, so the overlay is given relative names. The link is relative too, because
        // the users of containers cannot enter the folders above that of the runtime.
        let image = self.trees.get(image)?;
        let name = image.file_name().unwrap_or_default();
        symlink(Path::new(IMAGES_OF_CONTAINER).join(name), root.join("lower")).map_err(failed)
    }

    fn process(&self, container: &Container, config: &ProgramConfig, group: &Path) -> ProcessSpec {
        let hostname = "SandboxHost".to_owned();
        let mounts = container.mounts.iter().map(|volume| Mount {
            // From the folder of the container, for the reason of `make_root`.
            source: match volume.source.strip_prefix(group) {
                Ok(inside) => Path::new("../..").join(inside),
                Err(_) => volume.source.clone(),
            },
            target: volume.target.clone(),
            read_only: volume.read_only,
        });
        ProcessSpec {
            container: container.name.clone(),
            folder: Path::new("containers").join(&container.name),
            overlay: self.overlay,
            single_user: false,
            argv: config.argv(&container.command),
            env: config.environment(&container.env, &hostname),
            workdir: config.working_dir().to_owned(),
            user: config.user().to_owned(),
            hostname,
            mounts: mounts.collect(),
            log: log_path(Path::new(""), &container.name),
        }
    }
}
