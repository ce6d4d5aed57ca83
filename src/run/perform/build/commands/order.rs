//! The messages between Shipway and the processes that run a command of a Dockerfile.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the helper does: it makes the root file system, runs the command in it and writes
/// its layer. Paths are relative to the folder in which it is started.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HelperOrder {
    /// Layers to unpack as the lowest folder.
    pub base: Option<UnpackOrder>,
    /// The folders of the root, the topmost first.
    pub lowers: Vec<PathBuf>,
    /// Layers to unpack above them.
    pub added: Option<UnpackOrder>,
    /// The folder of this command alone.
    pub own: PathBuf,
    pub program: ProgramOrder,
    /// Where the layer is written.
    pub archive: PathBuf,
    /// Where the [`HelperReport`] is written.
    pub report: PathBuf,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnpackOrder {
    pub folder: PathBuf,
    pub archives: Vec<PathBuf>,
}

/// What the helper says at its end.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HelperReport {
    Ended {
        /// The exit code, or 128 plus the signal that ended it.
        code: u8,
        /// The folders of the root after it, the topmost first.
        lowers: Vec<PathBuf>,
    },
    /// The command was not started, or its changes cannot be a layer.
    Refused(String),
}

/// What the process of the command becomes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProgramOrder {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub workdir: String,
    pub user: String,
    /// Whether it has the network of this machine.
    pub host_network: bool,
    /// The options of its overlay; the upper folder is the root itself where there are none.
    pub overlay: Option<String>,
    pub own: PathBuf,
    /// Files that stand above those of the root.
    pub files: Vec<BoundFile>,
}

/// A file of this machine that stands in the root, read-only.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BoundFile {
    pub source: PathBuf,
    /// An absolute path in the root.
    pub target: String,
}

/// A file or folder that was made to mount on, which is no part of the layer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MountPoint {
    /// Relative to the root.
    pub path: PathBuf,
    pub is_folder: bool,
}
