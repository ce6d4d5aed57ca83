//! Errors of importing an image.

use crate::http::{Retry, Retryable};
use crate::image::manifest::ManifestError;
use crate::image::store::{ImportError, StoreError};
use serde_json::error::Category;
use std::io;
use std::path::PathBuf;

/// Why an image could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ExistingError {
    #[error("there is no {what} `{}`", path.display())]
    Missing { what: &'static str, path: PathBuf },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is not a valid {what}: it has no `{lacks}`", path.display())]
    Format { path: PathBuf, what: &'static str, lacks: &'static str },
    #[error("`{}` contains `{name}`, a path that leads out of it", path.display())]
    Outside { path: PathBuf, name: String },
    #[error("`{}` ends within `{name}`", path.display())]
    Truncated { path: PathBuf, name: String },
    #[error("`{}` is not a tar archive{}", path.display(), packed_by(*.packed))]
    NoArchive {
        path: PathBuf,
        /// The program that packed it, if that can be told.
        packed: Option<&'static str>,
    },
    #[error("`{}` is damaged: what follows `{after}` in it is not an entry of a tar archive", path.display())]
    Damaged { path: PathBuf, after: String },
    #[error("`{}` is incomplete: it refers to `{name}`, which is missing", path.display())]
    Incomplete { path: PathBuf, name: String },
    #[error("`{name}` in `{}` is too large: it has {size} bytes", path.display())]
    TooLarge { path: PathBuf, name: String, size: u64 },
    #[error("cannot read `{name}` in `{}`", path.display())]
    Document { path: PathBuf, name: String, source: DocumentMistake },
    #[error("`{name}` in `{}` has the digest `{found}` instead of `{expected}`", path.display())]
    Layer { path: PathBuf, name: String, expected: String, found: String },
    #[error("`{}` has {layers} layers, and its configuration lists {diff_ids}", path.display())]
    LayerCount { path: PathBuf, layers: usize, diff_ids: usize },
    #[error("`{}` holds no image named `{name}`", path.display())]
    NoSuchName { path: PathBuf, name: String, there: Vec<String> },
    #[error("`{}` holds no image for {wanted}", path.display())]
    NoSuchPlatform { path: PathBuf, wanted: String, there: Vec<String> },
    #[error("`{}` holds several images", path.display())]
    Ambiguous { path: PathBuf, there: Vec<String> },
    #[error("the indexes in `{}` are nested too deep", path.display())]
    TooDeep { path: PathBuf },
    #[error("cannot copy `{name}` from `{}`", path.display())]
    Blob { path: PathBuf, name: String, source: ImportError },
    #[error("reading the image was stopped")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// What is wrong with a JSON document, without its content.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DocumentMistake {
    #[error("{0}")]
    Syntax(String),
    #[error("what stands at line {line} column {column} is not as OCI's specification has it")]
    Data { line: usize, column: usize },
}

impl DocumentMistake {
    pub fn of(error: &serde_json::Error) -> Self {
        match error.classify() {
            Category::Data => Self::Data { line: error.line(), column: error.column() },
            Category::Io | Category::Syntax | Category::Eof => Self::Syntax(error.to_string()),
        }
    }
}

impl Retryable for ExistingError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some(
                "if a `run` step creates it, that step must come before this one; the path is relative to the plan's folder".into(),
            ),
            Self::Format { what: "OCI layout", .. } => Some(
                "what `docker save` writes is named `docker-archive:FILE`; an OCI layout in one file is named `oci-archive:FILE`".into(),
            ),
            Self::Format { .. } => Some(
                "an OCI layout in one file is named `oci-archive:FILE`, one in a folder `oci:DIRECTORY`".into(),
            ),
            Self::NoArchive { packed: Some(_), .. } => {
                Some("unpack it before; archives packed by gzip, zstd, bzip2 and xz are read as they are".into())
            }
            Self::NoArchive { packed: None, .. } => {
                Some("name what `docker save` writes, or an OCI layout in a tar archive".into())
            }
            Self::Damaged { .. }
            | Self::Outside { .. }
            | Self::Truncated { .. }
            | Self::Incomplete { .. }
            | Self::Layer { .. }
            | Self::LayerCount { .. }
            | Self::Blob { source: ImportError::Store(StoreError::Mismatch { .. }), .. } => {
                Some("create it again: it is damaged or comes from another source".into())
            }
            Self::NoSuchName { there, .. } | Self::Ambiguous { there, .. } => {
                Some(format!("name one after the path: {}", list(there)))
            }
            Self::NoSuchPlatform { there, .. } => {
                Some(format!("write `platform:` with what is there: {}", list(there)))
            }
            Self::Blob { source: ImportError::Store(error), .. } | Self::Store(error) => error.help(),
            Self::Manifest(error) => error.help(),
            Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::Document { .. }
            | Self::TooDeep { .. }
            | Self::Blob { .. }
            | Self::Stopped => None,
        }
    }
}

fn packed_by(packed: Option<&str>) -> String {
    packed.map(|packed| format!(": it is packed by {packed}")).unwrap_or_default()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "the images in it have no names".into(),
        _ => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::DocumentMistake;
    use crate::oci::Manifest;

    #[test]
    fn content_of_a_document_is_not_shown() {
        let mistake = |text: &str| {
            let error = serde_json::from_str::<Manifest>(text).expect_err(text);
            DocumentMistake::of(&error).to_string()
        };
        assert_eq!(
            mistake(r#"{"manifests":"hunter2"}"#),
            "what stands at line 1 column 22 is not as OCI's specification has it"
        );
        assert_eq!(mistake("hunter2"), "expected value at line 1 column 1");
    }
}
