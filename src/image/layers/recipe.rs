//! The description of an image that is built from layers.

use crate::image::Image;
use crate::image::ignore::Ignore;
use crate::oci::Platform;
pub use crate::value::{Compression, ExposedPort, Mode, Owner};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The latest time that fits into the eleven octal digits of a tar header.
pub const MAX_CREATED_SECS: u64 = 0o777_7777_7777;

/// The description of an image, built without a container engine.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// The plan's folder; `from` is relative to it.
    pub folder: PathBuf,
    /// The base image; `scratch` when absent. Its configuration and layers must be stored.
    pub base: Option<Image>,
    /// In order; each becomes one layer, or several if it is large.
    pub layers: Vec<LayerSource>,
    /// The program and its fixed arguments. As in a Dockerfile, setting it drops the base's
    /// default arguments.
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Option<Vec<String>>,
    /// Environment variables in order. One that the base has too keeps its position.
    pub env: Vec<(String, String)>,
    pub expose: Vec<ExposedPort>,
    /// `user` or `user:group`.
    pub user: Option<String>,
    pub workdir: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub platform: Platform,
    /// The time of every file and of the image in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub created: u64,
    pub compression: Compression,
}

/// A file or folder that becomes one layer, or several if it is large.
#[derive(Clone, Debug, Default)]
pub struct LayerSource {
    /// Relative to the recipe's folder. The content of a folder is copied into `to`.
    pub from: PathBuf,
    /// An absolute path in the image. If it ends with `/`, a file is copied into it under
    /// its own name.
    pub to: String,
    /// Globs of wanted files relative to `from`; empty means all. `*` stays within a name,
    /// `**` does not; a folder includes everything in it.
    pub include: Vec<String>,
    /// Globs of unwanted files.
    pub exclude: Vec<String>,
    /// The ignore patterns that apply.
    pub ignore: IgnoreRules,
    /// The mode of files. Default: 0755 if the owner may execute the file, else 0644.
    pub mode: Option<Mode>,
    /// The owner of all its files and folders.
    pub owner: Owner,
}

/// Files to ignore, by the rules of `.dockerignore`.
#[derive(Clone, Debug, Default)]
pub enum IgnoreRules {
    /// The `.dockerignore` in the folder, if there is one.
    #[default]
    Own,
    /// Patterns that were read elsewhere.
    ListedLayer {
        list: Ignore,
        /// The path of `from` relative to the folder of the ignore file.
        within: PathBuf,
    },
}
