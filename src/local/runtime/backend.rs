//! The backends that run containers: an engine, or the built-in one. One is chosen
//! when the local cloud starts.

use super::builtin::{self, BuiltIn};
use super::choice::RuntimeChoice;
use super::engine::{self, Engine, EngineError};
use super::image::ImageError;
use super::sandbox::Sandbox;
use super::spec::Group;
use super::start_error::StartError;
use std::path::Path;
use std::sync::Arc;

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
    #[error(
        "the built-in runtime needs the kernel of Linux; start docker or podman, and choose it \
         with `--runtime docker`"
    )]
    NoBuiltIn,
    #[error("cannot prepare the folder for containers")]
    Folder(#[source] ImageError),
    #[error("cannot remove the containers of an earlier run")]
    Engine(#[source] EngineError),
}

#[derive(Debug)]
pub enum Backend {
    Engine(Engine),
    BuiltIn(Arc<BuiltIn>),
}

pub struct RuntimePaths<'a> {
    pub folder: &'a Path,
    /// Tells the containers of this state folder from those of others.
    pub state_id: &'a str,
    /// The executable that is started as the stages of the built-in backend.
    pub program: &'a Path,
}

impl Backend {
    /// Chooses a backend and removes what earlier processes left in it.
    pub async fn open(
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
        if !builtin::IS_AVAILABLE {
            return Err(RuntimeOpenError::NoBuiltIn);
        }
        let plain = choice == RuntimeChoice::Plain;
        let opened = BuiltIn::open(place.folder, place.program, plain).await;
        let (shared, refusal) = opened.map_err(RuntimeOpenError::Folder)?;
        let kind = refusal.map_or(RuntimeKind::Isolated, RuntimeKind::Plain);
        Ok((Self::BuiltIn(Arc::new(shared)), kind))
    }

    /// Creates the sandbox of a group in the group's folder.
    pub async fn sandbox(&self, group: &Group, folder: &Path) -> Result<Sandbox, StartError> {
        match self {
            Self::Engine(engine) => {
                let key = folder.file_name().unwrap_or_default().to_string_lossy();
                let all = group.init.iter().chain(&group.containers);
                let names = all.map(|container| container.name.clone()).collect();
                let inner = engine::Sandbox::open(engine, group, &key).await?;
                Ok(Sandbox::Engine { inner, names, folder: folder.to_owned() })
            }
            Self::BuiltIn(shared) => Ok(Sandbox::BuiltIn(shared.sandbox(group, folder).await?)),
        }
    }

    /// Removes all remaining containers and images of this state folder.
    pub async fn sweep(&self) {
        if let Self::Engine(engine) = self {
            // The next process on this state folder removes what is left.
            engine.sweep().await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RuntimeOpenError;

    #[test]
    fn other_systems_than_linux_are_told_to_start_an_engine() {
        assert_eq!(
            RuntimeOpenError::NoBuiltIn.to_string(),
            "the built-in runtime needs the kernel of Linux; start docker or podman, and choose \
             it with `--runtime docker`"
        );
    }
}
