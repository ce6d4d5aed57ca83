//! What can go wrong with a Dockerfile build, beside the build itself.

use super::engine::Unfit;
use crate::http::{Retry, Retryable};
use crate::image::existing::ExistingError;
use std::io;
use std::path::PathBuf;

/// A Dockerfile that could not be built.
#[derive(Debug, thiserror::Error)]
pub enum DockerfileError {
    /// No program that could build it works.
    #[error("no container engine builds a Dockerfile here: {}", reasons(.0))]
    NoEngine(Vec<Unfit>),
    /// The context is not there.
    #[error("there is no folder `{}` to build in", path.display())]
    NoContext {
        /// Which.
        path: PathBuf,
    },
    /// The Dockerfile is not there.
    #[error("there is no Dockerfile `{}`", path.display())]
    NoDockerfile {
        /// Which.
        path: PathBuf,
    },
    /// Docker without `BuildKit` knows no secrets.
    #[error("docker without BuildKit cannot give the build the secret `{id}`")]
    NoSecrets {
        /// The first of them.
        id: String,
    },
    /// An id that the engines' syntax has no room for.
    #[error("`{id}` cannot be the id of a build secret: letters, digits, `.`, `_` and `-` alone")]
    SecretId {
        /// Which.
        id: String,
    },
    /// Docker without `BuildKit` hands on no ssh agent.
    #[error("docker without BuildKit cannot give the build the ssh agent `{id}`")]
    NoSsh {
        /// The first of them.
        id: String,
    },
    /// An id that the engines' syntax has no room for.
    #[error("`{id}` cannot be the id of an ssh agent: letters, digits, `.`, `_` and `-` alone")]
    SshId {
        /// Which.
        id: String,
    },
    /// An agent is wanted, and none runs.
    #[error("there is no ssh agent for the build's `{id}`: `SSH_AUTH_SOCK` is not set")]
    NoAgent {
        /// As which the build knows it.
        id: String,
    },
    /// The engine keeps no caches of that kind.
    #[error("{engine} knows no cache `{cache}`")]
    CacheKind {
        /// Which engine.
        engine: String,
        /// The cache.
        cache: String,
    },
    /// The engine wants a repository to itself.
    #[error("{engine} keeps a cache in a whole repository, and `{cache}` is one image")]
    CacheTag {
        /// Which engine.
        engine: String,
        /// The cache.
        cache: String,
    },
    /// The engine leaves no cache anywhere.
    #[error("{engine} cannot leave a cache in `{cache}`")]
    NoCacheTo {
        /// Which engine.
        engine: String,
        /// The cache.
        cache: String,
    },
    /// Nor does the builder that is part of docker.
    #[error("the builder inside docker cannot leave a cache in `{cache}`")]
    InsideDocker {
        /// The cache.
        cache: String,
    },
    /// What the build needs could not be written.
    #[error("prepare the build in `{}`", path.display())]
    Prepare {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The engine left no image id.
    #[error("read the image id that {engine} wrote")]
    NoId {
        /// Which engine.
        engine: String,
        /// Why not.
        source: io::Error,
    },
    /// Programs of a platform do not run where the engine is.
    #[error("{engine} cannot run programs for {platforms} here")]
    Foreign {
        /// Which engine.
        engine: String,
        /// In backticks, with `or` between them.
        platforms: String,
    },
    /// What the engine wrote cannot be read.
    #[error("read `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What the engine wrote is not what it built.
    #[error("{engine} says that it built `{said}`, and wrote `{wrote}`")]
    OtherDigest {
        /// Which engine.
        engine: String,
        /// The digest that it gave.
        said: String,
        /// The digest of what it wrote.
        wrote: String,
    },
    /// What the engine wrote cannot be used.
    #[error("take the image from {engine}")]
    Collect {
        /// Which engine.
        engine: String,
        /// Why not.
        source: Box<ExistingError>,
    },
}

pub(super) fn reasons(unfit: &[Unfit]) -> String {
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
                    Unfit::NotFound(program) => format!("install {program}, or write `using: auto`"),
                    Unfit::TimedOut(program) | Unfit::Broken { program, .. } => {
                        format!("see that `{program} info` works, or write `using: auto`")
                    }
                },
                _ => "install docker, podman or buildah and see that its `info` works, or make the image of `layers`, which needs no engine".into(),
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
                "start one by `ssh-agent` and `ssh-add`, or name a key: `{id}=PATH`"
            )),
            Self::CacheKind { .. } => {
                Some("install docker's buildx, which knows it, or name a repository".into())
            }
            Self::CacheTag { .. } => Some("leave out its tag and digest".into()),
            Self::InsideDocker { .. } => Some(
                "make a builder of its own by `docker buildx create --use`, on GitHub by `docker/setup-buildx-action`".into(),
            ),
            Self::Foreign { .. } => Some(
                "give this machine an emulator, by its package `qemu-user-static`, by `docker run --privileged --rm tonistiigi/binfmt --install all`, or on GitHub by `docker/setup-qemu-action`; or use a builder with a machine of that platform".into(),
            ),
            Self::OtherDigest { .. } => {
                Some("build it again; where it stays so, the builder is broken".into())
            }
            Self::SecretId { .. }
            | Self::SshId { .. }
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
    use crate::image::dockerfile::engine::{Program, Unfit};

    #[test]
    fn without_an_engine_each_is_named_with_its_reason() {
        let message = "Cannot connect to the Docker daemon".to_owned();
        let error = DockerfileError::NoEngine(vec![
            Unfit::Broken { program: Program::Docker, message },
            Unfit::NotFound(Program::Podman),
            Unfit::NotFound(Program::Buildah),
        ]);

        assert_eq!(
            error.to_string(),
            "no container engine builds a Dockerfile here: `docker` says: Cannot connect to the Docker daemon; `podman` is not installed; `buildah` is not installed"
        );
        assert_eq!(
            error.help().expect("help"),
            "install docker, podman or buildah and see that its `info` works, or make the image of `layers`, which needs no engine"
        );
        let error = DockerfileError::NoEngine(vec![Unfit::NotFound(Program::Podman)]);
        assert_eq!(error.help().expect("help"), "install podman, or write `using: auto`");
    }
}
