//! What can go wrong when a Dockerfile is built without an engine.

use super::words::BadWord;
use crate::http::{Retry, Retryable};
use crate::image::dockerfile::engine::Unfit;
use crate::image::dockerfile::error::{DockerfileError, reasons};
use crate::image::ignore::InvalidPattern;
use crate::image::layers::LayerError;
use crate::image::manifest::ManifestError;
use crate::image::store::StoreError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A line of a Dockerfile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// As people know it.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A Dockerfile that could not be built here.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    /// Something that an engine alone does.
    #[error("`{place}` has {what}, which needs a container engine{}", unfit_for(.unfit))]
    Beyond {
        /// Where.
        place: Place,
        /// What.
        what: String,
        /// Why no engine is used: empty where none was to be.
        unfit: Vec<Unfit>,
    },
    /// It is no Dockerfile.
    #[error("`{place}` cannot be understood: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// Why not.
        message: String,
    },
    /// A word of it has no meaning.
    #[error("understand `{text}` in `{place}`")]
    Word {
        /// Where.
        place: Place,
        /// The word, as written.
        text: String,
        /// Why not.
        source: BadWord,
    },
    /// The stage that is asked for is not there.
    #[error("`{file}` has no stage `{target}`")]
    NoStage {
        /// The Dockerfile.
        file: String,
        /// What was asked for.
        target: String,
        /// Those that have a name.
        known: Vec<String>,
    },
    /// A stage without an image.
    #[error("`{place}` begins with no image: `{text}` is empty")]
    NoImage {
        /// Where.
        place: Place,
        /// As written.
        text: String,
    },
    /// Nothing is there to copy.
    #[error("`{place}` copies `{from}`, which is not in {whence}")]
    Missing {
        /// Where.
        place: Place,
        /// What.
        from: String,
        /// Where it was looked for.
        whence: String,
        /// Whether it is there and ignored.
        ignored: bool,
    },
    /// Several things onto one file.
    #[error("`{place}` copies several things to `{to}`, which does not end in `/`")]
    ManyOntoOne {
        /// Where.
        place: Place,
        /// As written.
        to: String,
    },
    /// A folder where the image has a link.
    #[error("`{place}` copies a folder onto `/{to}`, which is a symbolic link in the image")]
    FolderOntoLink {
        /// Where.
        place: Place,
        /// In the image.
        to: String,
    },
    /// A file where the image has a folder.
    #[error("`{place}` copies a file onto `/{to}`, which is a folder in the image")]
    FileOntoFolder {
        /// Where.
        place: Place,
        /// In the image.
        to: String,
    },
    /// A name that no file of the image explains.
    #[error("`{place}` names `{name}`, which is not in the image's `{file}`")]
    Unknown {
        /// Where.
        place: Place,
        /// Of a user or group.
        name: String,
        /// Where it was looked for.
        file: &'static str,
    },
    /// A value that is none of its kind.
    #[error("`{place}` has `{text}`, which is not {wanted}")]
    Value {
        /// Where.
        place: Place,
        /// As it came out.
        text: String,
        /// What would be.
        wanted: &'static str,
    },
    /// A file that cannot be read.
    #[error("read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is copied could not be laid down.
    #[error("write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The list of what is ignored.
    #[error("read `{}`", path.display())]
    Ignore {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: InvalidPattern,
    },
    /// What any build needs.
    #[error(transparent)]
    Request(#[from] DockerfileError),
    /// A layer.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A base image.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

fn unfit_for(unfit: &[Unfit]) -> String {
    if unfit.is_empty() {
        String::new()
    } else {
        format!(", and none works here: {}", reasons(unfit))
    }
}

impl NativeError {
    /// The same, with why no engine was there for it.
    #[must_use]
    pub fn without(self, engines: Vec<Unfit>) -> Self {
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
                "write `using: auto` to have it built by docker, podman or buildah, or make the image of `layers`".into(),
            ),
            Self::Beyond { .. } => Some(
                "install docker, podman or buildah and see that its `info` works, or make the image of `layers`, which needs no engine; ACR Tasks (`using: acr`) are not supported yet".into(),
            ),
            Self::NoStage { known, .. } if !known.is_empty() => {
                Some(format!("its stages are {}", list(known)))
            }
            Self::NoImage { .. } => {
                Some("give the argument a default before the first `FROM`, or name it under `args`".into())
            }
            Self::Missing { ignored: true, .. } => {
                Some("it is there, and `.dockerignore` leaves it out".into())
            }
            Self::ManyOntoOne { .. } => Some("write a `/` at its end".into()),
            Self::Unknown { .. } => Some("write the user and group as numbers".into()),
            Self::Ignore { source, .. } => source.help(),
            Self::Request(error) => error.help(),
            Self::Layer(LayerError::Special { .. }) => {
                Some("name it in `.dockerignore`".into())
            }
            Self::Layer(error) => error.help(),
            Self::Store(error) => error.help(),
            Self::Manifest(error) => error.help(),
            Self::NoStage { .. }
            | Self::Missing { .. }
            | Self::Syntax { .. }
            | Self::Word { .. }
            | Self::FolderOntoLink { .. }
            | Self::FileOntoFolder { .. }
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
    use super::{NativeError, Place};
    use crate::http::Retryable as _;
    use crate::image::dockerfile::engine::{Program, Unfit};

    #[test]
    fn what_an_engine_alone_does_is_told_with_the_ways_out() {
        let place = Place { file: "web/Dockerfile".into(), line: 3 };
        let error = NativeError::Beyond { place, what: "`RUN`".into(), unfit: Vec::new() };
        assert_eq!(
            error.to_string(),
            "`web/Dockerfile:3` has `RUN`, which needs a container engine"
        );
        assert_eq!(
            error.help().expect("help"),
            "write `using: auto` to have it built by docker, podman or buildah, or make the image of `layers`"
        );
        let error =
            error.without(vec![Unfit::NotFound(Program::Docker), Unfit::TimedOut(Program::Podman)]);
        assert_eq!(
            error.to_string(),
            "`web/Dockerfile:3` has `RUN`, which needs a container engine, and none works here: `docker` is not installed; `podman` does not answer"
        );
        assert_eq!(
            error.help().expect("help"),
            "install docker, podman or buildah and see that its `info` works, or make the image of `layers`, which needs no engine; ACR Tasks (`using: acr`) are not supported yet"
        );
    }

    #[test]
    fn each_mistake_has_its_remedy() {
        let place = || Place { file: "Dockerfile".into(), line: 2 };
        let show = |error: &NativeError| format!("{error}\n{}", error.help().unwrap_or_default());
        let (file, target) = ("Dockerfile".to_owned(), "x".to_owned());
        let known = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(
            show(&NativeError::NoStage { file, target, known }),
            "`Dockerfile` has no stage `x`\nits stages are `a`, `b`"
        );
        let (from, whence) = ("x".to_owned(), "the build context".to_owned());
        assert_eq!(
            show(&NativeError::Missing { place: place(), from, whence, ignored: true }),
            "`Dockerfile:2` copies `x`, which is not in the build context\nit is there, and `.dockerignore` leaves it out"
        );
        assert_eq!(
            show(&NativeError::ManyOntoOne { place: place(), to: "/x".into() }),
            "`Dockerfile:2` copies several things to `/x`, which does not end in `/`\nwrite a `/` at its end"
        );
        let name = "app".to_owned();
        assert_eq!(
            show(&NativeError::Unknown { place: place(), name, file: "/etc/passwd" }),
            "`Dockerfile:2` names `app`, which is not in the image's `/etc/passwd`\nwrite the user and group as numbers"
        );
        assert_eq!(
            show(&NativeError::NoImage { place: place(), text: "${BASE}".into() }),
            "`Dockerfile:2` begins with no image: `${BASE}` is empty\ngive the argument a default before the first `FROM`, or name it under `args`"
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
