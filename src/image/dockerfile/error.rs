//! Errors of preparing a Dockerfile build and of importing its result.

use super::engine::UnusableEngine;
use crate::http::{Retry, Retryable};
use crate::image::existing::ExistingError;
use std::io;
use std::path::PathBuf;

/// Why a Dockerfile could not be built.
#[derive(Debug, thiserror::Error)]
pub enum DockerfileError {
    #[error("no container engine works here: {}", reasons(.0))]
    NoEngine(Vec<UnusableEngine>),
    #[error("there is no build context `{}`", path.display())]
    NoContext { path: PathBuf },
    #[error("there is no Dockerfile `{}`", path.display())]
    NoDockerfile { path: PathBuf },
    #[error("docker without BuildKit cannot pass the secret `{id}` to the build")]
    NoSecrets { id: String },
    #[error("invalid build secret ID `{id}`: use letters, digits, `.`, `_` and `-`")]
    SecretId { id: String },
    #[error("docker without BuildKit cannot pass the ssh agent `{id}` to the build")]
    NoSsh { id: String },
    #[error("invalid ssh agent ID `{id}`: use letters, digits, `.`, `_` and `-`")]
    SshId { id: String },
    #[error("there is no ssh agent for the build's `{id}`: `SSH_AUTH_SOCK` is not set")]
    NoAgent { id: String },
    #[error("{engine} does not support the cache `{cache}`")]
    CacheKind { engine: String, cache: String },
    #[error("{engine} needs a repository for its cache, and `{cache}` is one image")]
    CacheTag { engine: String, cache: String },
    #[error("{engine} cannot write a cache to `{cache}`")]
    NoCacheTo { engine: String, cache: String },
    #[error("the builder inside docker cannot write a cache to `{cache}`")]
    InsideDocker { cache: String },
    #[error("cannot prepare the build in `{}`", path.display())]
    Prepare { path: PathBuf, source: io::Error },
    #[error("cannot read the image ID that {engine} wrote")]
    NoId { engine: String, source: io::Error },
    #[error("{engine} cannot run programs for {platforms} here")]
    Foreign {
        engine: String,
        /// In backticks, with `or` between them.
        platforms: String,
    },
    #[error("`{instruction}` failed with exit code {code}{place}")]
    Instruction {
        instruction: String,
        /// With its preposition, as in "at Dockerfile:2". Empty if it is not known.
        place: String,
        code: u8,
    },
    #[error("`{instruction}` failed{place}")]
    InstructionRefused {
        instruction: String,
        /// As in [`DockerfileError::Instruction`].
        place: String,
        #[source]
        reason: Option<EngineReason>,
    },
    #[error("cannot fetch the base image `{image}`{place}")]
    BaseImage {
        image: String,
        /// As in [`DockerfileError::Instruction`].
        place: String,
        #[source]
        reason: Option<EngineReason>,
    },
    #[error("{engine} cannot build `{file}`, exit code {code}")]
    Engine {
        engine: String,
        /// The Dockerfile.
        file: String,
        code: u8,
        #[source]
        reason: Option<EngineReason>,
    },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{engine} reported the digest `{said}`, but wrote `{wrote}`")]
    OtherDigest { engine: String, said: String, wrote: String },
    #[error("cannot import the image that {engine} wrote")]
    Collect { engine: String, source: Box<ExistingError> },
}

/// Why something failed, in the words of the engine.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct EngineReason(pub String);

pub fn reasons(unfit: &[UnusableEngine]) -> String {
    unfit.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Retryable for DockerfileError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::NoEngine(unfit) => Some(match unfit.as_slice() {
                [only] => match only {
                    UnusableEngine::NotFound(program) => format!("install {program}, or write `using: auto`"),
                    UnusableEngine::TimedOut(program) | UnusableEngine::Broken { program, .. } => {
                        format!("make sure that `{program} info` works, or write `using: auto`")
                    }
                },
                _ => "install docker, podman or buildah and make sure that its `info` works, or build the image from `layers`, which needs no engine".into(),
            }),
            Self::NoContext { .. } => Some("`context` is relative to the plan's folder".into()),
            Self::NoDockerfile { .. } => Some(
                "`dockerfile` is relative to the plan's folder; without it, `Dockerfile` in the context is built".into(),
            ),
            Self::NoSecrets { .. } | Self::NoSsh { .. } | Self::NoCacheTo { .. } => {
                Some("install docker's buildx, or write `using: podman` or `using: buildah`".into())
            }
            Self::Collect { source, .. } => source.help(),
            Self::NoAgent { id } => Some(format!(
                "start one with `ssh-agent` and `ssh-add`, or name a key: `{id}=PATH`"
            )),
            Self::CacheKind { .. } => {
                Some("install docker's buildx, which knows it, or name a repository".into())
            }
            Self::CacheTag { .. } => Some("leave out its tag and digest".into()),
            Self::InsideDocker { .. } => Some(
                "create a separate builder with `docker buildx create --use`, on GitHub with `docker/setup-buildx-action`".into(),
            ),
            Self::Foreign { .. } => Some(
                "install an emulator, with the package `qemu-user-static`, with `docker run --privileged --rm tonistiigi/binfmt --install all`, or on GitHub with `docker/setup-qemu-action`; or use a builder with a machine of that platform".into(),
            ),
            Self::OtherDigest { .. } => {
                Some("build it again; if the digests still differ, the builder is broken".into())
            }
            Self::BaseImage { .. } => Some(
                "check the name of the image, and that this machine reaches its registry".into(),
            ),
            Self::SecretId { .. }
            | Self::SshId { .. }
            | Self::Instruction { .. }
            | Self::InstructionRefused { .. }
            | Self::Engine { .. }
            | Self::Prepare { .. }
            | Self::Read { .. }
            | Self::NoId { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DockerfileError;
    use crate::http::Retryable as _;
    use crate::image::dockerfile::engine::{Program, UnusableEngine};

    #[test]
    fn without_an_engine_each_reason_is_given() {
        let message = "Cannot connect to the Docker daemon".to_owned();
        let error = DockerfileError::NoEngine(vec![
            UnusableEngine::Broken { program: Program::Docker, message },
            UnusableEngine::NotFound(Program::Podman),
            UnusableEngine::NotFound(Program::Buildah),
        ]);

        assert_eq!(
            error.to_string(),
            "no container engine works here: `docker` says: Cannot connect to the Docker daemon; `podman` is not installed; `buildah` is not installed"
        );
        assert_eq!(
            error.help().expect("help"),
            "install docker, podman or buildah and make sure that its `info` works, or build the image from `layers`, which needs no engine"
        );
        let error = DockerfileError::NoEngine(vec![UnusableEngine::NotFound(Program::Podman)]);
        assert_eq!(error.help().expect("help"), "install podman, or write `using: auto`");
    }
}
