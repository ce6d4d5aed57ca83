//! The sandbox of a group, as the runtime uses it: unpacked images, root file systems, and
//! the orders to the processes that hold the namespaces.

use super::ports::ports_are_free;
use super::probe::probe;
use super::sandbox::{Sandbox, SandboxError, SandboxStart};
use super::trees::Trees;
use crate::local::runtime::connection::Connection;
use crate::local::runtime::image::{Image, ImageError, ProgramConfig};
use crate::local::runtime::log::log_path;
use crate::local::runtime::spec::{Container, ExecCommand, Group};
use crate::local::runtime::stage::StageMode;
use crate::local::runtime::stage::protocol::{ExecOrder, Mount, Notice, ProcessSpec, TerminalSize};
use crate::local::runtime::start_error::StartError;
use crate::os::remove_tree;
use crate::sandbox::ids::IdShift;
use crate::sandbox::unpack::unpack_for;
use crate::sandbox::{StageProgram, others_may_start};
use nix::sys::signal::Signal;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::oneshot;

/// Whether this system has the built-in backend.
pub const IS_AVAILABLE: bool = true;

/// The unpacked images, from the folder of a container: `groups/GROUP/containers/NAME`.
const IMAGES_OF_CONTAINER: &str = "../../../../images";

/// How much of the end of a program's output is kept.
const MAX_TAIL_BYTES: usize = 1024;

impl From<SandboxError> for StartError {
    fn from(error: SandboxError) -> Self {
        Self::BuiltIn(error.into())
    }
}

/// What all sandboxes of the built-in backend share.
#[derive(Debug)]
pub struct BuiltIn {
    program: StageProgram,
    trees: Trees,
    mode: StageMode,
    overlay: bool,
    ids: IdShift,
}

/// The place where one group runs.
#[derive(Debug)]
pub struct GroupSandbox {
    inner: Sandbox,
    shared: Arc<BuiltIn>,
    folder: PathBuf,
}

impl GroupSandbox {
    /// Unpacks an image.
    pub async fn prepare(&self, image: &Image) -> Result<(), StartError> {
        let (shared, image) = (Arc::clone(&self.shared), image.clone());
        blocking(move || shared.trees.get(&image).map(drop)).await
    }

    /// Starts a container. The receiver gets its exit code.
    pub async fn start(
        &self,
        container: &Container,
        config: &ProgramConfig,
    ) -> Result<oneshot::Receiver<i32>, StartError> {
        let Self { inner, shared, folder } = self;
        let root = folder.join("containers").join(&container.name);
        let (made, image) = (root, container.image.clone());
        let also = Arc::clone(shared);
        blocking(move || also.make_root(&made, &image)).await?;
        let mut notices = inner.start(shared.process(container, config, folder)).await?;
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

    /// Starts a command in a running container.
    pub async fn exec(
        &self,
        container: &Container,
        command: &ExecCommand,
    ) -> Result<Connection, StartError> {
        let Self { inner, shared, folder } = self;
        let config = ProgramConfig::read(&container.image)?;
        let mut process = shared.process(container, &config, folder);
        process.argv.clone_from(&command.argv);
        let size = TerminalSize { rows: command.rows, columns: command.columns };
        let order = ExecOrder { process, size, reports_exit: false };
        Ok(Box::new(inner.exec(order).await?))
    }

    /// Runs a program in a running container to its end. Returns its exit code.
    pub async fn run(&self, container: &Container, argv: &[String]) -> Result<i32, StartError> {
        let Self { inner, shared, folder } = self;
        let config = ProgramConfig::read(&container.image)?;
        let mut process = shared.process(container, &config, folder);
        process.argv = argv.to_vec();
        let size = TerminalSize { rows: 24, columns: 80 };
        let order = ExecOrder { process, size, reports_exit: true };
        let mut stream = inner.exec(order).await?;
        exit_code(&mut stream)
            .await
            .map_err(|error| StartError::Refused(format!("cannot read the exit code: {error}")))
    }

    /// Sends a container a signal.
    pub async fn signal(&self, container: &str, signal: Signal) {
        // Fails only if the group has ended already.
        self.inner.signal(container, signal).await.ok();
    }

    /// Connects to a port of the group.
    pub async fn connect(&self, port: u16) -> io::Result<Connection> {
        Ok(Box::new(self.inner.connect(port).await?))
    }

    /// Ends all containers and removes their files.
    pub async fn close(&self) {
        self.inner.close().await;
        let containers = self.folder.join("containers");
        // What cannot be removed is removed when the group is started again.
        tokio::task::spawn_blocking(move || remove_tree(&containers).ok()).await.ok();
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
    /// Finds out how containers can be set apart here. Beside it comes the reason why
    /// namespaces are not used; `plain` asks for that.
    pub async fn open(
        folder: &Path,
        program: &Path,
        plain: bool,
    ) -> Result<(Self, Option<String>), ImageError> {
        let program = StageProgram::open(program);
        let ids = IdShift::of_this_process(others_may_start(program.path()));
        let probed = if plain {
            Err("namespaces are switched off".to_owned())
        } else {
            let probed = probe(program.path(), &folder.join("probe"), ids).await;
            probed.map_err(|error| StartError::from(error).with_causes())
        };
        let (mode, overlay, refusal) = match probed {
            Ok(overlay) => (StageMode::Isolated, overlay, None),
            Err(reason) => (StageMode::Plain, false, Some(reason)),
        };
        // Without namespaces, programs run as the user of this process.
        let ids = if mode == StageMode::Plain { IdShift::default() } else { ids };
        let groups = folder.join("groups");
        let failed = |source| ImageError::Io { verb: "create", path: groups.clone(), source };
        fs::create_dir_all(&groups).map_err(failed)?;
        for given in [folder, &groups] {
            ids.give(given).map_err(failed)?;
        }
        let trees = Trees::open(folder.join("images"), ids)?;
        Ok((Self { program, trees, mode, overlay, ids }, refusal))
    }

    /// Creates the sandbox of a group in the group's folder.
    pub async fn sandbox(
        self: &Arc<Self>,
        group: &Group,
        folder: &Path,
    ) -> Result<GroupSandbox, StartError> {
        if self.mode == StageMode::Plain {
            ports_are_free(&group.ports).await?;
        }
        let start = SandboxStart {
            program: self.program.path(),
            folder,
            mode: self.mode,
            ids: self.ids,
            memory_bytes: group.memory_bytes,
        };
        let inner = Sandbox::open(start).await?;
        Ok(GroupSandbox { inner, shared: Arc::clone(self), folder: folder.to_owned() })
    }

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
