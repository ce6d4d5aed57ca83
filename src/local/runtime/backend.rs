//! The backends that run containers: an engine, or the built-in one. One is chosen
//! when the local cloud starts.

use super::builtin;
use super::choice::RuntimeChoice;
use super::engine::{self, Engine, EngineError};
use super::image::{ImageError, Trees};
use super::sandbox::{BuiltIn, Sandbox, StartError};
use super::spec::Group;
use super::stage::StageMode;
use crate::sandbox::ids::IdShift;
use crate::sandbox::{StageProgram, others_may_start};
use std::io;
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
        let program = StageProgram::open(place.program);
        let ids = IdShift::of_this_process(others_may_start(program.path()));
        let probed = match choice {
            RuntimeChoice::Plain => Err("namespaces are switched off".to_owned()),
            RuntimeChoice::Auto
            | RuntimeChoice::Docker
            | RuntimeChoice::Podman
            | RuntimeChoice::BuiltIn => {
                let probed = builtin::probe(program.path(), &place.folder.join("probe"), ids).await;
                probed.map_err(|error| StartError::Sandbox(error).with_causes())
            }
        };
        let (mode, overlay, kind) = match probed {
            Ok(overlay) => (StageMode::Isolated, overlay, RuntimeKind::Isolated),
            Err(reason) => (StageMode::Plain, false, RuntimeKind::Plain(reason)),
        };
        // Without namespaces, programs run as the user of this process.
        let ids = if mode == StageMode::Plain { IdShift::default() } else { ids };
        let groups = place.folder.join("groups");
        let failed = |source| {
            let path = groups.clone();
            RuntimeOpenError::Folder(ImageError::Io { verb: "create", path, source })
        };
        std::fs::create_dir_all(&groups).map_err(failed)?;
        for given in [place.folder, &groups] {
            ids.give(given).map_err(failed)?;
        }
        let images = place.folder.join("images");
        let trees = Trees::open(images, ids).map_err(RuntimeOpenError::Folder)?;
        Ok((Self::BuiltIn(Arc::new(BuiltIn { program, trees, mode, overlay, ids })), kind))
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
            Self::BuiltIn(shared) => {
                if shared.mode == StageMode::Plain {
                    ports_are_free(&group.ports).await?;
                }
                let start = builtin::SandboxStart {
                    program: shared.program.path(),
                    folder,
                    mode: shared.mode,
                    ids: shared.ids,
                    memory_bytes: group.memory_bytes,
                };
                let inner = builtin::Sandbox::open(start).await?;
                Ok(Sandbox::BuiltIn {
                    inner,
                    shared: Arc::clone(shared),
                    folder: folder.to_owned(),
                })
            }
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
