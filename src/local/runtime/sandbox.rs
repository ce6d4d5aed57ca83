//! The sandbox of one group: what the backends have in common.

use super::builtin;
use super::connection::Connection;
use super::engine;
use super::image::{Image, ProgramConfig};
use super::log::log_path;
use super::spec::{Container, ExecCommand};
use super::start_error::StartError;
use nix::sys::signal::Signal;
use std::io;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// The place where one group runs.
#[derive(Debug)]
pub enum Sandbox {
    Engine { inner: engine::Sandbox, names: Vec<String>, folder: PathBuf },
    BuiltIn(builtin::GroupSandbox),
}

impl Sandbox {
    /// Unpacks an image, where the backend needs that.
    pub async fn prepare(&self, image: &Image) -> Result<(), StartError> {
        match self {
            // Engines load the image when the container is started.
            Self::Engine { .. } => Ok(()),
            Self::BuiltIn(inner) => inner.prepare(image).await,
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
            Self::BuiltIn(inner) => inner.start(container, &config).await,
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
            Self::BuiltIn(inner) => inner.exec(container, command).await,
        }
    }

    /// Runs a program in a running container to its end. Returns its exit code.
    pub async fn run(&self, container: &Container, argv: &[String]) -> Result<i32, StartError> {
        match self {
            Self::Engine { inner, .. } => Ok(inner.run(&container.name, argv).await?),
            Self::BuiltIn(inner) => inner.run(container, argv).await,
        }
    }

    /// Sends a container a signal.
    pub async fn signal(&self, container: &str, signal: Signal) {
        match self {
            Self::Engine { inner, .. } => inner.signal(container, signal).await,
            Self::BuiltIn(inner) => inner.signal(container, signal).await,
        }
    }

    /// Connects to a port of the group.
    pub async fn connect(&self, port: u16) -> io::Result<Connection> {
        match self {
            Self::Engine { inner, .. } => Ok(Box::new(inner.connect(port).await?)),
            Self::BuiltIn(inner) => inner.connect(port).await,
        }
    }

    /// Ends all containers and removes their files.
    pub async fn close(&self) {
        match self {
            Self::Engine { inner, names, .. } => inner.close(names).await,
            Self::BuiltIn(inner) => inner.close().await,
        }
    }
}
