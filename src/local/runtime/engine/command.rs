//! Runs the command line of an engine and turns its failures into errors.

use super::archive;
use crate::local::runtime::image::Image;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Mutex;

/// An engine that takes longer to answer counts as missing.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("`{program} {command}`: {message}")]
    Said {
        /// `docker` or `podman`.
        program: String,
        /// The subcommand.
        command: String,
        message: String,
    },
    #[error("cannot write `{reference}` into an archive for `{program}`")]
    Archive {
        /// `docker` or `podman`.
        program: String,
        reference: String,
        source: io::Error,
    },
}

#[derive(Clone, Debug)]
pub struct Engine {
    program: String,
    /// The label value of everything that belongs to this state folder.
    state_id: String,
    /// For temporary archives.
    folder: PathBuf,
    /// The names of images that were loaded.
    loaded: Arc<Mutex<HashSet<String>>>,
}

impl Engine {
    /// An engine that need not exist.
    pub fn new(program: &str, state_id: &str, folder: PathBuf) -> Self {
        Self {
            program: program.to_owned(),
            state_id: state_id.to_owned(),
            folder,
            loaded: Arc::default(),
        }
    }

    pub fn name(&self) -> &str {
        &self.program
    }

    pub fn state_id(&self) -> &str {
        &self.state_id
    }

    /// Whether the engine's daemon answers in time.
    pub async fn answers(&self) -> bool {
        let mut command = self.command(["ps", "--quiet"]);
        let asked = tokio::time::timeout(ANSWER_TIMEOUT, command.output()).await;
        matches!(asked, Ok(Ok(output)) if output.status.success())
    }

    /// The label of this state folder, `name=value`.
    pub fn label(&self) -> String {
        format!("shipway.local={}", self.state_id)
    }

    /// A container name that no other state folder uses.
    pub fn qualified(&self, name: &str) -> String {
        format!("shipway-{}-{name}", self.state_id)
    }

    /// A command that only reads or waits. It is killed when it is dropped.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.change(arguments);
        command.kill_on_drop(true);
        command
    }

    /// A command that changes something. It goes on when it is dropped, because podman has
    /// no daemon: killed while it sets up a container's network, it leaves the rule
    /// of a published port in the kernel, which takes that port from all later programs.
    pub fn change<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null()).process_group(0);
        command
    }

    /// Runs a command and returns its trimmed standard output.
    pub async fn ask(&self, arguments: &[&str]) -> Result<String, EngineError> {
        self.run(self.command(arguments), arguments[0]).await
    }

    /// Like [`Self::ask`], for a command that changes something.
    pub async fn apply(&self, arguments: &[&str]) -> Result<String, EngineError> {
        self.run(self.change(arguments), arguments[0]).await
    }

    /// Runs a command made by [`Self::command`] or [`Self::change`].
    pub async fn run(&self, mut command: Command, name: &str) -> Result<String, EngineError> {
        let output = command
            .output()
            .await
            .map_err(|source| EngineError::Start { program: self.program.clone(), source })?;
        self.answer(name, &output)
    }

    fn answer(&self, command: &str, output: &Output) -> Result<String, EngineError> {
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty() && !line.starts_with("Run '"));
        Err(EngineError::Said {
            program: self.program.clone(),
            command: command.to_owned(),
            message: last.unwrap_or("no reason was given").to_owned(),
        })
    }

    /// Loads an image into the engine, once, and returns its name there.
    pub async fn load(&self, image: &Image) -> Result<String, EngineError> {
        let name = format!("localhost/shipway-{}:{}", self.state_id, image.digest.hex());
        let mut loaded = self.loaded.lock().await;
        if loaded.contains(&name) {
            return Ok(name);
        }
        let path = self.folder.join(format!("{}.tar", image.digest.hex()));
        let written = {
            let (image, name, path) = (image.clone(), name.clone(), path.clone());
            tokio::task::spawn_blocking(move || archive::write(&image, &name, &path)).await
        };
        written.map_err(io::Error::other).and_then(|written| written).map_err(|source| {
            EngineError::Archive {
                program: self.program.clone(),
                reference: image.reference.clone(),
                source,
            }
        })?;
        let mut load = self.change(["load", "--input"]);
        load.arg(&path);
        let answer = self.run(load, "load").await;
        remove(&path);
        answer?;
        loaded.insert(name.clone());
        Ok(name)
    }

    /// Removes every container and image of this state folder.
    pub async fn sweep(&self) -> Result<(), EngineError> {
        let filter = format!("label={}", self.label());
        let found = self.ask(&["ps", "--all", "--quiet", "--filter", &filter]).await?;
        let containers: Vec<&str> = found.split_whitespace().collect();
        if !containers.is_empty() {
            self.apply(&[&["rm", "--force", "--volumes"], containers.as_slice()].concat()).await?;
        }
        let name = format!("localhost/shipway-{}", self.state_id);
        let found =
            self.ask(&["images", "--quiet", "--filter", &format!("reference={name}")]).await?;
        let images: Vec<&str> = found.split_whitespace().collect();
        if !images.is_empty() {
            self.apply(&[&["rmi", "--force"], images.as_slice()].concat()).await?;
        }
        self.loaded.lock().await.clear();
        Ok(())
    }
}

/// Errors are ignored: an archive that stays only wastes space.
fn remove(path: &Path) {
    std::fs::remove_file(path).ok();
}
