//! Errors of building layers.

use crate::http::{Retry, Retryable};
use crate::image::ignore::InvalidPattern;
use crate::image::leads_outside::LeadsOutside;
use crate::image::manifest::ManifestError;
use crate::image::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why layers could not be built.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error("there is no `{}` in `{}`", from.display(), folder.display())]
    Missing { from: PathBuf, folder: PathBuf },
    #[error(transparent)]
    LeadsOutside(#[from] LeadsOutside),
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` has a name that marks another file as removed in a layer (a whiteout)", path.display())]
    Whiteout { path: PathBuf },
    #[error("`{}` is a {kind}, which a layer cannot contain", path.display())]
    Special {
        path: PathBuf,
        /// `socket`, `device` or `pipe`.
        kind: &'static str,
    },
    #[error("`{}` changed while it was read", path.display())]
    Changed { path: PathBuf },
    #[error("no file in `{}` matches `include`", from.display())]
    NothingIncluded { from: PathBuf },
    #[error("invalid glob `{glob}`")]
    Glob { glob: String, source: globset::Error },
    #[error("cannot read `{}`", path.display())]
    Ignore { path: PathBuf, source: InvalidPattern },
    #[error("the glob `{glob}` begins with `!`")]
    NegatedGlob { glob: String },
    #[error("`{to}` is not an absolute path without `..`")]
    Destination { to: String },
    #[error("`{to}` is a folder in the image, and `{}` is a file", from.display())]
    FileOntoFolder { to: String, from: PathBuf },
    #[error("the symbolic links of the base image form a loop at `{to}`")]
    LinkCircle { to: String },
    #[error("the base image is for {base}, not for {wanted}")]
    BasePlatform { base: String, wanted: String },
    #[error("cannot read the layer `{digest}` of the base image")]
    BaseLayer { digest: String, source: io::Error, damaged: bool },
    #[error("the base image has {layers} layers, and its configuration lists {diff_ids}")]
    BaseLayers { layers: usize, diff_ids: usize },
    #[error("the field `{field}` in the configuration of the base image is malformed")]
    BaseConfig { field: &'static str },
    #[error(
        "cannot use {created} as the time of files: a layer holds up to 8589934591 seconds since 1970"
    )]
    Created {
        /// In seconds since 1970.
        created: u64,
    },
    #[error("building was stopped")]
    Stopped,
    #[error("cannot pack `{}`", from.display())]
    Pack { from: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl LayerError {
    /// Wraps an error of reading a listed file. A file that no longer exists was changed by
    /// another program.
    pub fn read(path: PathBuf, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Changed { path },
            _ => Self::Read { path, source },
        }
    }
}

impl Retryable for LayerError {
    fn retry(&self) -> Retry {
        match self {
            // The other program may have finished, and a damaged base is fetched again.
            Self::Changed { .. } | Self::BaseLayer { damaged: true, .. } => Retry::Backoff,
            _ => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some(
                "if a `run` step creates it, that step must come before this one; `from` is relative to the plan's folder".into(),
            ),
            Self::Special { .. } | Self::Whiteout { .. } => Some("add it to `exclude`".into()),
            Self::Changed { .. } => {
                Some("make sure that no other program writes to it during this step".into())
            }
            Self::NothingIncluded { .. } => Some(
                "globs are relative to `from`: `*` stays within one name, `**/` stands for any folders".into(),
            ),
            Self::NegatedGlob { .. } => Some(
                "list wanted files under `include` and unwanted ones under `exclude`".into(),
            ),
            Self::Destination { .. } => Some("write it as in the container, such as `/app/server`".into()),
            Self::FileOntoFolder { .. } => {
                Some("write `to` with a `/` at its end to put the file into that folder".into())
            }
            Self::BasePlatform { base, .. } => {
                Some(format!("write `platform: {base}`, or name a base for the other"))
            }
            Self::BaseLayer { damaged: true, .. } => {
                Some("the local copy was damaged and has been removed: run the step again to fetch it".into())
            }
            Self::BaseLayers { .. } => Some("use another base image: no runtime can run this one".into()),
            Self::Ignore { source, .. } => source.help(),
            Self::LeadsOutside(error) => error.help(),
            Self::Store(error) => error.help(),
            Self::Manifest(error) => error.help(),
            Self::Read { .. }
            | Self::Glob { .. }
            | Self::LinkCircle { .. }
            | Self::BaseLayer { .. }
            | Self::BaseConfig { .. }
            | Self::Created { .. }
            | Self::Stopped
            | Self::Pack { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LayerError;
    use crate::http::Retryable as _;
    use std::io;

    #[test]
    fn a_missing_file_is_named_with_its_folder_and_the_remedy() {
        let error = LayerError::Missing { from: "dist/server".into(), folder: "/plan".into() };

        assert_eq!(error.to_string(), "there is no `dist/server` in `/plan`");
        assert_eq!(
            error.help().expect("help"),
            "if a `run` step creates it, that step must come before this one; `from` is relative to the plan's folder"
        );
    }

    #[test]
    fn a_file_that_vanishes_has_changed() {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let error = LayerError::read("/plan/dist/a".into(), gone());

        assert_eq!(error.to_string(), "`/plan/dist/a` changed while it was read");
        assert_eq!(
            error.help().expect("help"),
            "make sure that no other program writes to it during this step"
        );
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(LayerError::read("/a".into(), denied).to_string(), "cannot read `/a`");
    }

    #[test]
    fn a_file_onto_a_folder_names_the_remedy() {
        let error = LayerError::FileOntoFolder { to: "/app".into(), from: "server".into() };

        assert_eq!(error.to_string(), "`/app` is a folder in the image, and `server` is a file");
        assert_eq!(
            error.help().expect("help"),
            "write `to` with a `/` at its end to put the file into that folder"
        );
    }
}
