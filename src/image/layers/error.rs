//! What can go wrong when layers are built.

use super::recipe::InvalidRecipe;
use crate::http::{Retry, Retryable};
use crate::image::ignore::InvalidPattern;
use crate::image::manifest::ManifestError;
use crate::image::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Layers that could not be built.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// `from` names nothing.
    #[error("there is no `{}` in `{}`", from.display(), folder.display())]
    Missing {
        /// As the recipe has it.
        from: PathBuf,
        /// The folder that it is relative to.
        folder: PathBuf,
    },
    /// A file or folder could not be read.
    #[error("read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that a runtime would not see as one.
    #[error("`{}` has a name that means in a layer that another file is removed", path.display())]
    Whiteout {
        /// Which.
        path: PathBuf,
    },
    /// A file that is neither file, folder nor link.
    #[error("`{}` is a {kind}, which no layer can hold", path.display())]
    Special {
        /// Which.
        path: PathBuf,
        /// `socket`, `device` or `pipe`.
        kind: &'static str,
    },
    /// A file had another length when it was read than when it was listed.
    #[error("`{}` changed while it was read", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// `include` names nothing.
    #[error("nothing in `{}` is named by `include`", from.display())]
    NothingIncluded {
        /// As the recipe has it.
        from: PathBuf,
    },
    /// A glob that is none.
    #[error("understand the glob `{glob}`")]
    Glob {
        /// Which.
        glob: String,
        /// Why not.
        source: globset::Error,
    },
    /// A `.dockerignore` that is none.
    #[error("read `{}`", path.display())]
    Ignore {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: InvalidPattern,
    },
    /// A glob that takes something back.
    #[error("the glob `{glob}` begins with `!`")]
    NegatedGlob {
        /// Which.
        glob: String,
    },
    /// `to` is not a path in an image.
    #[error("`{to}` is not an absolute path in the image without `..`")]
    Destination {
        /// Which.
        to: String,
    },
    /// A file where the base has a folder.
    #[error("`{to}` is a folder in the image, and `{}` is a file", from.display())]
    FileOntoFolder {
        /// Where it was to go.
        to: String,
        /// As the recipe has it.
        from: PathBuf,
    },
    /// A link of the base leads in a circle.
    #[error("the symbolic links of the base lead from `{to}` in a circle")]
    LinkCircle {
        /// Where the circle was found.
        to: String,
    },
    /// The base is for something else.
    #[error("the base image is for {base}, and the image is to be for {wanted}")]
    BasePlatform {
        /// Of the base.
        base: String,
        /// Of the recipe.
        wanted: String,
    },
    /// A layer of the base cannot be read.
    #[error("read the base image's layer `{digest}`")]
    BaseLayer {
        /// Which.
        digest: String,
        /// Why not.
        source: io::Error,
        /// Whether the copy of it here was damaged, and is removed.
        damaged: bool,
    },
    /// The base names more or fewer layers than it has.
    #[error("the base image has {layers} layers where its configuration names {diff_ids}")]
    BaseLayers {
        /// How many there are.
        layers: usize,
        /// How many there should be.
        diff_ids: usize,
    },
    /// The configuration of the base has a field of the wrong form.
    #[error("the base image's configuration has a `{field}` of the wrong form")]
    BaseConfig {
        /// Which.
        field: &'static str,
    },
    /// The time is too late for a file.
    #[error("the time {created} is later than a layer can hold")]
    Created {
        /// In seconds since 1970.
        created: u64,
    },
    /// Text of the recipe does not mean what it should.
    #[error(transparent)]
    Recipe(#[from] InvalidRecipe),
    /// The run was cancelled.
    #[error("building was stopped")]
    Stopped,
    /// The archive could not be made.
    #[error("pack `{}`", from.display())]
    Pack {
        /// As the recipe has it.
        from: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The store could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A manifest or configuration could not be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl LayerError {
    /// Something in a folder that could not be read. What was there just before
    /// and is not any more was changed by somebody.
    pub(super) fn read(path: PathBuf, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Changed { path },
            _ => Self::Read { path, source },
        }
    }
}

impl Retryable for LayerError {
    fn retry(&self) -> Retry {
        match self {
            // Whatever wrote to it may have finished; the base is fetched anew.
            Self::Changed { .. } | Self::BaseLayer { damaged: true, .. } => Retry::Backoff,
            _ => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some(
                "is it built by a `run` step, and does that step come before this one? `from` is relative to the plan's folder".into(),
            ),
            Self::Special { .. } | Self::Whiteout { .. } => Some("name it under `exclude`".into()),
            Self::Changed { .. } => {
                Some("let whatever writes to it finish before this step".into())
            }
            Self::NothingIncluded { .. } => Some(
                "globs are relative to `from`: `*` stays within one name, `**/` stands for any folders".into(),
            ),
            Self::NegatedGlob { .. } => Some(
                "write what is wanted under `include`, and what is not under `exclude`".into(),
            ),
            Self::Destination { .. } => Some("write it as in the container, such as `/app/server`".into()),
            Self::FileOntoFolder { .. } => {
                Some("write `to` with a `/` at its end to put the file into that folder".into())
            }
            Self::BasePlatform { base, .. } => {
                Some(format!("write `platform: {base}`, or name a base for the other"))
            }
            Self::BaseLayer { damaged: true, .. } => {
                Some("the copy of it here was damaged and is removed: run the step again, which fetches it anew".into())
            }
            Self::BaseLayers { .. } => Some("name another base: no runtime can run this one".into()),
            Self::Ignore { source, .. } => source.help(),
            Self::Store(error) => error.help(),
            Self::Manifest(error) => error.help(),
            Self::Read { .. }
            | Self::Glob { .. }
            | Self::LinkCircle { .. }
            | Self::BaseLayer { .. }
            | Self::BaseConfig { .. }
            | Self::Created { .. }
            | Self::Recipe(_)
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
            "is it built by a `run` step, and does that step come before this one? `from` is relative to the plan's folder"
        );
    }

    #[test]
    fn what_goes_while_it_is_read_was_changed_by_somebody() {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let error = LayerError::read("/plan/dist/a".into(), gone());

        assert_eq!(error.to_string(), "`/plan/dist/a` changed while it was read");
        assert_eq!(
            error.help().expect("help"),
            "let whatever writes to it finish before this step"
        );
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(LayerError::read("/a".into(), denied).to_string(), "read `/a`");
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
