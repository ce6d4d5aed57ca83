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
    /// Those of folders before those in them.
    pub mounts: Vec<MountOrder>,
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

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MountOrder {
    /// An absolute path in the root.
    pub target: String,
    pub kind: MountKind,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountKind {
    /// The one file or folder of an archive, for the helper to unpack.
    Files {
        archive: PathBuf,
        writable: bool,
    },
    /// A folder that outlives the build, for the helper to lock.
    Cache(CacheOrder),
    /// What the two above become.
    Bind {
        source: PathBuf,
        writable: bool,
    },
    Tmpfs {
        size: Option<u64>,
    },
    /// The value of a variable of the environment, as a file.
    Secret {
        variable: String,
        mode: u32,
        uid: u32,
        gid: u32,
    },
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CacheOrder {
    pub folder: PathBuf,
    pub sharing: CacheSharing,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub writable: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheSharing {
    Shared,
    Private,
    Locked,
}

/// A variable whose value is that of another one, which the helper is started with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SecretOrder {
    pub name: String,
    pub variable: String,
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
    /// Whether root is the only user that there is.
    pub only_root: bool,
    /// Whether it has the network of this machine.
    pub host_network: bool,
    /// The options of its overlay; the upper folder is the root itself where there are none.
    pub overlay: Option<String>,
    pub own: PathBuf,
    /// Files that stand above those of the root.
    pub files: Vec<BoundFile>,
    pub mounts: Vec<MountOrder>,
    pub secrets: Vec<SecretOrder>,
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
