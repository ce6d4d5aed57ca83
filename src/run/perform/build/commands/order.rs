//! The messages between Shipway and the processes that run a command of a Dockerfile.

use crate::oci::Digest;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the helper does: it makes the root file system, runs the command in it and writes
/// its layer. Paths are relative to the folder in which it is started.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HelperOrder {
    /// What the root consists of, the lowest first.
    pub root: Vec<PartOrder>,
    /// Where unpacked layers are kept for later builds.
    pub kept: PathBuf,
    /// The names of those that this build has verified.
    pub verified: Vec<String>,
    /// The folder of this command alone.
    pub own: PathBuf,
    /// Those of folders before those in them.
    pub mounts: Vec<MountOrder>,
    pub program: ProgramOrder,
    /// How many bytes of memory the command may take.
    pub memory: Option<u64>,
    /// Where the layer is written.
    pub archive: PathBuf,
    /// Where the [`HelperReport`] is written.
    pub report: PathBuf,
}

/// Layers whose files are in one folder.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartOrder {
    /// The digits of a digest that stands for these layers and all that are below them.
    pub name: String,
    pub kind: PartOrderKind,
    /// The lowest first.
    pub layers: Vec<LayerOrder>,
    /// The files that a command of this build has left, unless they were moved since.
    pub left: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartOrderKind {
    Base,
    /// Removes no file of the parts below.
    Copied,
    Run,
}

/// A layer, whose content is not verified.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerOrder {
    pub archive: PathBuf,
    pub digest: Digest,
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
    /// The socket of an ssh agent, for the helper to pass on.
    Agent {
        socket: PathBuf,
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
        /// The names of the unpacked layers that were verified for it.
        verified: Vec<String>,
    },
    /// The command was not started, or its changes cannot be a layer.
    Refused(String),
    /// It was killed for taking more memory than this.
    OutOfMemory { limit: u64 },
    /// A layer has another content than its digest says.
    Damaged(Digest),
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
    /// How large each of its processes may be, where no control group limits them.
    pub address_space: Option<u64>,
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
