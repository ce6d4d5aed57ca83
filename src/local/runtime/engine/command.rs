//! The command line of an engine: asked, answered, and its complaints in words.

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

/// An engine that answers slower is taken for none.
const PATIENCE: Duration = Duration::from_secs(2);

/// An engine that does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Its program cannot be started.
    #[error("start `{program}`")]
    Start {
        /// `docker` or `podman`.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// It says no.
    #[error("`{program} {command}`: {message}")]
    Said {
        /// `docker` or `podman`.
        program: String,
        /// What it was asked.
        command: String,
        /// Its last words.
        message: String,
    },
    /// The archive for it cannot be written.
    #[error("write `{reference}` into an archive for `{program}`")]
    Archive {
        /// `docker` or `podman`.
        program: String,
        /// The image.
        reference: String,
        /// Why not.
        source: io::Error,
    },
}

/// Docker or podman.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    program: String,
    /// What all that belongs to this state folder is labelled with.
    state_id: String,
    /// For archives on their way.
    folder: PathBuf,
    /// The images that it has by now.
    loaded: Arc<Mutex<HashSet<String>>>,
}

impl Engine {
    /// An engine, whether or not it is there.
    pub(crate) fn new(program: &str, state_id: &str, folder: PathBuf) -> Self {
        Self {
            program: program.to_owned(),
            state_id: state_id.to_owned(),
            folder,
            loaded: Arc::default(),
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.program
    }

    /// What it calls this state folder.
    pub(super) fn state_id(&self) -> &str {
        &self.state_id
    }

    /// Whether it answers in time.
    pub(crate) async fn answers(&self) -> bool {
        let mut command = self.command(["ps", "--quiet"]);
        let asked = tokio::time::timeout(PATIENCE, command.output()).await;
        matches!(asked, Ok(Ok(output)) if output.status.success())
    }

    /// `name=value` of the label.
    pub(crate) fn label(&self) -> String {
        format!("shipway.local={}", self.state_id)
    }

    /// A name that no other state folder uses.
    pub(crate) fn qualified(&self, name: &str) -> String {
        format!("shipway-{}-{name}", self.state_id)
    }

    /// A command of the engine that ends with this process.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        command
    }

    /// Asks and gives the answer, trimmed.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Result<String, EngineError> {
        self.run(self.command(arguments), arguments[0]).await
    }

    /// Runs a command made by [`Self::command`].
    pub(crate) async fn run(
        &self,
        mut command: Command,
        name: &str,
    ) -> Result<String, EngineError> {
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

    /// Gives it an image, once, and says what it calls it.
    pub(crate) async fn load(&self, image: &Image) -> Result<String, EngineError> {
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
        let mut load = self.command(["load", "--input"]);
        load.arg(&path);
        let answer = self.run(load, "load").await;
        remove(&path);
        answer?;
        loaded.insert(name.clone());
        Ok(name)
    }

    /// Takes away every container and image of this state folder.
    pub(crate) async fn sweep(&self) -> Result<(), EngineError> {
        let filter = format!("label={}", self.label());
        let found = self.ask(&["ps", "--all", "--quiet", "--filter", &filter]).await?;
        let containers: Vec<&str> = found.split_whitespace().collect();
        if !containers.is_empty() {
            self.ask(&[&["rm", "--force", "--volumes"], containers.as_slice()].concat()).await?;
        }
        let name = format!("localhost/shipway-{}", self.state_id);
        let found =
            self.ask(&["images", "--quiet", "--filter", &format!("reference={name}")]).await?;
        let images: Vec<&str> = found.split_whitespace().collect();
        if !images.is_empty() {
            self.ask(&[&["rmi", "--force"], images.as_slice()].concat()).await?;
        }
        self.loaded.lock().await.clear();
        Ok(())
    }
}

/// An archive that stays is a waste, no harm.
fn remove(path: &Path) {
    std::fs::remove_file(path).ok();
}
