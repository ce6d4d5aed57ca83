//! Errors of building a Dockerfile without an engine.

use super::expand::WordError;
use super::run::command::CommandError;
use crate::http::{Retry, Retryable};
use crate::image::dockerfile::engine::UnusableEngine;
use crate::image::dockerfile::error::{DockerfileError, reasons};
use crate::image::ignore::InvalidPattern;
use crate::image::layers::LayerError;
use crate::image::manifest::ManifestError;
use crate::image::store::StoreError;
use crate::value::bytes;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// What is shown of a command that failed.
const MAX_COMMAND_CHARS: usize = 200;

/// A line of a Dockerfile, shown as `file:line`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DockerfileLine {
    /// The path as given in the plan.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
}

impl fmt::Display for DockerfileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why a Dockerfile could not be built without an engine.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    #[error("`{place}` has {what}, which needs a container engine{}", unfit_for(.unfit))]
    Beyond {
        place: DockerfileLine,
        what: String,
        /// Why each engine cannot be used; empty if none was to be used.
        unfit: Vec<UnusableEngine>,
    },
    #[error("`{place}` cannot be understood: {message}")]
    Syntax { place: DockerfileLine, message: String },
    #[error("`{place}` has `{instruction} --{flag}`, which is no flag")]
    Flag {
        place: DockerfileLine,
        instruction: &'static str,
        flag: String,
        known: Vec<&'static str>,
    },
    #[error("`{place}` names a stage `{name}`")]
    StageName { place: DockerfileLine, name: String },
    #[error("cannot expand `{text}` in `{place}`")]
    Word { place: DockerfileLine, text: String, source: WordError },
    #[error("`{file}` has no stage `{target}`")]
    NoStage { file: String, target: String, known: Vec<String> },
    #[error("`{place}` copies from `{from}`, a stage that begins below")]
    StageBelow { place: DockerfileLine, from: String },
    #[error("`{place}` copies from `{from}`, the stage that it is in")]
    OwnStage { place: DockerfileLine, from: String },
    #[error(
        "`{place}` copies from the stage `{from}`, and there are {count} stages, counted from 0"
    )]
    NoSuchStage { place: DockerfileLine, from: String, count: usize },
    #[error("`{place}` names no image: `{text}` is empty")]
    NoImage { place: DockerfileLine, text: String },
    #[error("`{place}` copies `{from}`, which is not in {from_name}")]
    Missing { place: DockerfileLine, from: String, from_name: String, ignored: bool },
    #[error("`{place}` copies several things to `{to}`, which does not end in `/`")]
    ManyOntoOne { place: DockerfileLine, to: String },
    #[error("`{place}` copies a folder onto `/{to}`, which is a symbolic link in the image")]
    FolderOntoLink { place: DockerfileLine, to: String },
    #[error("`{place}` copies a file onto `/{to}`, which is a folder in the image")]
    FileOntoFolder { place: DockerfileLine, to: String },
    #[error("`{place}` needs a folder at `/{to}`, which is a file in the image")]
    FolderOntoFile { place: DockerfileLine, to: String },
    #[error(
        "`{place}` copies a file to `/{to}`, a name that marks another file as removed in a layer (a whiteout)"
    )]
    Whiteout { place: DockerfileLine, to: String },
    #[error("`{place}` names `{name}`, which is not in the image's `{file}`")]
    Unknown { place: DockerfileLine, name: String, file: &'static str },
    #[error("`{place}` requires the secret `{id}`, which this build does not have")]
    NoSecret { place: DockerfileLine, id: String },
    #[error("`{place}` requires the ssh agent `{id}`, which this build does not have")]
    NoAgent { place: DockerfileLine, id: String },
    #[error("`{place}` mounts the ssh agent `{id}`, and `{}` is not the socket of one", path.display())]
    NotAnAgent { place: DockerfileLine, id: String, path: PathBuf },
    #[error("`{place}` failed: `{}` was killed because it took more than {} of memory", shortened(.command), bytes(*limit))]
    OutOfMemory { place: DockerfileLine, command: String, limit: u64 },
    #[error("`{place}` failed: `{}` ended with exit code {code}", shortened(.command))]
    Exit { place: DockerfileLine, command: String, code: u8 },
    #[error("`{place}` cannot run `{}`", shortened(.command))]
    Run { place: DockerfileLine, command: String, source: CommandError },
    #[error("`{place}` has `{text}`, which is not {wanted}")]
    Value { place: DockerfileLine, text: String, wanted: &'static str },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read `{}`", path.display())]
    Ignore { path: PathBuf, source: InvalidPattern },
    #[error(transparent)]
    BuildRequest(#[from] DockerfileError),
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// The first line of a command, and no more of it than a message can hold.
fn shortened(command: &str) -> String {
    let line = command.lines().next().unwrap_or_default();
    match line.char_indices().nth(MAX_COMMAND_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.len() < command.len() => format!("{line}…"),
        None => line.to_owned(),
    }
}

fn unfit_for(unfit: &[UnusableEngine]) -> String {
    if unfit.is_empty() {
        String::new()
    } else {
        format!(", and none works here: {}", reasons(unfit))
    }
}

impl NativeError {
    /// Whether an engine could build it.
    pub fn needs_engine(&self) -> bool {
        matches!(self, Self::Beyond { .. })
    }

    /// The line at fault, counted from 1, where one is.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Beyond { place, .. }
            | Self::Syntax { place, .. }
            | Self::Word { place, .. }
            | Self::NoImage { place, .. }
            | Self::Missing { place, .. }
            | Self::ManyOntoOne { place, .. }
            | Self::FolderOntoLink { place, .. }
            | Self::FileOntoFolder { place, .. }
            | Self::FolderOntoFile { place, .. }
            | Self::Flag { place, .. }
            | Self::StageName { place, .. }
            | Self::Whiteout { place, .. }
            | Self::StageBelow { place, .. }
            | Self::OwnStage { place, .. }
            | Self::NoSuchStage { place, .. }
            | Self::NoSecret { place, .. }
            | Self::NoAgent { place, .. }
            | Self::NotAnAgent { place, .. }
            | Self::OutOfMemory { place, .. }
            | Self::Exit { place, .. }
            | Self::Run { place, .. }
            | Self::Unknown { place, .. }
            | Self::Value { place, .. } => Some(place.line),
            Self::NoStage { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Ignore { .. }
            | Self::BuildRequest(_)
            | Self::Layer(_)
            | Self::Store(_)
            | Self::Manifest(_) => None,
        }
    }

    /// Adds the reasons why no engine can build it instead.
    #[must_use]
    pub fn without(self, engines: Vec<UnusableEngine>) -> Self {
        match self {
            Self::Beyond { place, what, .. } => Self::Beyond { place, what, unfit: engines },
            other => other,
        }
    }
}

impl Retryable for NativeError {
    fn retry(&self) -> Retry {
        match self {
            Self::Layer(error) => error.retry(),
            _ => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Beyond { unfit, .. } if unfit.is_empty() => Some(
                "write `using: auto` to build it with docker, podman or buildah, or build the image from `layers`".into(),
            ),
            Self::Beyond { .. } => Some(
                "install docker, podman or buildah and make sure that its `info` works, or build the image from `layers`, which needs no engine, or in an Azure registry with `using: acr`".into(),
            ),
            Self::NoStage { known, .. } if !known.is_empty() => {
                Some(format!("its stages are {}", list(known)))
            }
            Self::NoImage { .. } => {
                Some("give the argument a default before the first `FROM`, or name it under `args`".into())
            }
            Self::StageBelow { from, .. } => Some(format!("move the stage `{from}` above this one")),
            Self::OwnStage { .. } => {
                Some("name an earlier stage, or use `RUN cp` for files of this one".into())
            }
            Self::NoSuchStage { .. } => {
                Some("write the number of an earlier stage, or its name after `AS`".into())
            }
            Self::Missing { ignored: true, .. } => {
                Some("it exists, and `.dockerignore` excludes it".into())
            }
            Self::Flag { known, .. } => {
                let known: Vec<String> = known.iter().map(|flag| format!("--{flag}")).collect();
                Some(format!("its flags are {}", list(&known)))
            }
            Self::StageName { .. } => Some(
                "a stage's name begins with a letter, and has letters, digits, `-`, `_` and `.`"
                    .into(),
            ),
            Self::Whiteout { .. } => {
                Some("rename it, or add it to `.dockerignore`".into())
            }
            Self::ManyOntoOne { .. } => Some("end the destination with `/`".into()),
            Self::Run { source: CommandError::Refused { help, .. }, .. } => help.clone(),
            Self::NoSecret { .. } => Some("name it under `secrets` of the step".into()),
            Self::NoAgent { .. } => Some("name it under `ssh` of the step".into()),
            Self::NotAnAgent { .. } => {
                Some("start one with `ssh-agent`, add the key with `ssh-add`, and write `ssh: default`".into())
            }
            Self::OutOfMemory { .. } => {
                Some("allow more by `memory` of the step, or let the command do less at once".into())
            }
            Self::Unknown { .. } => Some("write the user and group as numbers".into()),
            Self::Ignore { source, .. } => source.help(),
            Self::BuildRequest(error) => error.help(),
            Self::Layer(LayerError::Special { .. }) => {
                Some("add it to `.dockerignore`".into())
            }
            Self::Layer(error) => error.help(),
            Self::Store(error) => error.help(),
            Self::Manifest(error) => error.help(),
            Self::NoStage { .. }
            | Self::Run { .. }
            | Self::Exit { .. }
            | Self::Missing { .. }
            | Self::Syntax { .. }
            | Self::Word { .. }
            | Self::FolderOntoLink { .. }
            | Self::FileOntoFolder { .. }
            | Self::FolderOntoFile { .. }
            | Self::Value { .. }
            | Self::Read { .. }
            | Self::Write { .. } => None,
        }
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{DockerfileLine, NativeError};
    use crate::http::Retryable as _;
    use crate::image::dockerfile::engine::{Program, UnusableEngine};

    #[test]
    fn what_needs_an_engine_has_a_remedy() {
        let place = DockerfileLine { file: "web/Dockerfile".into(), line: 3 };
        let error = NativeError::Beyond { place, what: "`RUN`".into(), unfit: Vec::new() };
        assert_eq!(
            error.to_string(),
            "`web/Dockerfile:3` has `RUN`, which needs a container engine"
        );
        assert_eq!(
            error.help().expect("help"),
            "write `using: auto` to build it with docker, podman or buildah, or build the image from `layers`"
        );
        let error = error.without(vec![
            UnusableEngine::NotFound(Program::Docker),
            UnusableEngine::TimedOut(Program::Podman),
        ]);
        assert_eq!(
            error.to_string(),
            "`web/Dockerfile:3` has `RUN`, which needs a container engine, and none works here: `docker` is not installed; `podman` does not answer"
        );
        assert_eq!(
            error.help().expect("help"),
            "install docker, podman or buildah and make sure that its `info` works, or build the image from `layers`, which needs no engine, or in an Azure registry with `using: acr`"
        );
    }

    #[test]
    fn errors_have_remedies() {
        let place = || DockerfileLine { file: "Dockerfile".into(), line: 2 };
        let show = |error: &NativeError| format!("{error}\n{}", error.help().unwrap_or_default());
        let (file, target) = ("Dockerfile".to_owned(), "x".to_owned());
        let known = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(
            show(&NativeError::NoStage { file, target, known }),
            "`Dockerfile` has no stage `x`\nits stages are `a`, `b`"
        );
        let (from, from_name) = ("x".to_owned(), "the build context".to_owned());
        assert_eq!(
            show(&NativeError::Missing { place: place(), from, from_name, ignored: true }),
            "`Dockerfile:2` copies `x`, which is not in the build context\nit exists, and `.dockerignore` excludes it"
        );
        assert_eq!(
            show(&NativeError::ManyOntoOne { place: place(), to: "/x".into() }),
            "`Dockerfile:2` copies several things to `/x`, which does not end in `/`\nend the destination with `/`"
        );
        let name = "app".to_owned();
        assert_eq!(
            show(&NativeError::Unknown { place: place(), name, file: "/etc/passwd" }),
            "`Dockerfile:2` names `app`, which is not in the image's `/etc/passwd`\nwrite the user and group as numbers"
        );
        assert_eq!(
            show(&NativeError::NoImage { place: place(), text: "${BASE}".into() }),
            "`Dockerfile:2` names no image: `${BASE}` is empty\ngive the argument a default before the first `FROM`, or name it under `args`"
        );
        assert_eq!(
            NativeError::FolderOntoLink { place: place(), to: "bin".into() }.to_string(),
            "`Dockerfile:2` copies a folder onto `/bin`, which is a symbolic link in the image"
        );
        let text = "x".to_owned();
        assert_eq!(
            NativeError::Value { place: place(), text, wanted: "a duration, such as `30s`" }
                .to_string(),
            "`Dockerfile:2` has `x`, which is not a duration, such as `30s`"
        );
    }
}
