//! What a builder needs to run the commands of a Dockerfile. Nothing in `image` starts a
//! program: the caller of the builder provides a [`CommandRunner`].

use crate::image::layers::Owner;
use crate::oci::Digest;
use crate::secret::Secret;
use std::path::PathBuf;

/// Runs commands, each in a root file system of its own.
pub trait CommandRunner: Sync {
    /// Names what the files depend on that commands make, beside what is in a
    /// [`RunCommand`]: the users that there are.
    fn users(&self) -> &'static str;

    /// Tells what happens next.
    fn note(&self, line: String);

    /// Runs a command to its end. Its changes are a layer, if it ended with code 0. Called by
    /// several threads at once.
    fn run(&self, command: RunCommand) -> Result<RanCommand, CommandError>;

    /// Ends all commands, and those that come.
    fn stop(&self);
}

/// A command with the root file system that it runs in.
#[derive(Clone, Debug)]
pub struct RunCommand {
    /// What the lines of its output begin with, where several stages have commands.
    pub stage: Option<String>,
    pub root: RootFiles,
    pub process: RunProcess,
}

/// The files that a command finds: at least one part, the lowest first.
#[derive(Clone, Debug)]
pub struct RootFiles(pub Vec<RootPart>);

/// Layers whose files stand in one folder.
#[derive(Clone, Debug)]
pub struct RootPart {
    /// Stands for these layers and all that are below them.
    pub name: Digest,
    pub kind: PartKind,
    /// The lowest first.
    pub layers: Vec<StoredLayer>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PartKind {
    /// The image that the stage begins with.
    Base,
    /// Layers that remove no file.
    Copied,
    /// The layer of a command, and its files if this build has run it.
    Run(Option<RootId>),
}

/// A layer in the store, whose content is not verified yet.
#[derive(Clone, Debug)]
pub struct StoredLayer {
    pub path: PathBuf,
    pub digest: Digest,
}

/// The files after a command, until the builder ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RootId(pub usize);

#[derive(Clone, Debug)]
pub struct RunProcess {
    pub argv: Vec<String>,
    /// In this order.
    pub env: Vec<(String, String)>,
    /// Further variables, on which the result does not depend.
    pub proxies: Vec<(String, String)>,
    pub workdir: String,
    /// `USER` or `USER:GROUP`, each a name or number. Empty is root.
    pub user: String,
    pub network: RunNetwork,
    /// Those of folders before those in them.
    pub mounts: Vec<RunMount>,
    pub secrets: Vec<SecretVariable>,
    /// How many bytes of memory it may take; most of this machine's when absent.
    pub memory: Option<u64>,
}

/// A variable of the environment with a secret value.
#[derive(Clone, Debug)]
pub struct SecretVariable {
    pub name: String,
    pub secret: Secret,
}

/// What a command finds at a path, and is no part of its layer.
#[derive(Clone, Debug)]
pub struct RunMount {
    /// An absolute path in the root.
    pub target: String,
    pub kind: RunMountKind,
}

/// How a cache is used by several commands at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sharing {
    Shared,
    Private,
    Locked,
}

#[derive(Clone, Debug)]
pub enum RunMountKind {
    /// A file or folder named [`MOUNTED`](super::mounts::MOUNTED) in an archive. What is
    /// written to it is lost.
    Files {
        archive: PathBuf,
        writable: bool,
    },
    /// A folder that outlives the build.
    Cache {
        name: String,
        sharing: Sharing,
        mode: u32,
        owner: Owner,
        writable: bool,
    },
    Tmpfs {
        /// In bytes; half of the memory where it is not limited.
        size: Option<u64>,
    },
    Secret {
        secret: Secret,
        mode: u32,
        owner: Owner,
    },
    /// An ssh agent of this machine, by its socket.
    Agent {
        socket: PathBuf,
        mode: u32,
        owner: Owner,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunNetwork {
    /// That of this machine.
    Host,
    /// A loopback alone.
    None,
}

impl RunNetwork {
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::None => "none",
        }
    }
}

/// The result of a command.
#[derive(Debug)]
pub struct RanCommand {
    /// Its layer, a tar archive, which the builder removes.
    pub archive: PathBuf,
    /// What it left.
    pub root: RootId,
}

/// Why a command has no result.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// It ended with another code than 0; one that a signal ended has 128 plus its number.
    #[error("exit code {0}")]
    Exited(u8),
    /// It was killed because it took more than these bytes of memory.
    #[error("it was killed")]
    OutOfMemory { limit: u64 },
    #[error("it was stopped")]
    Stopped,
    /// A layer of its root has another content than its digest says.
    #[error("layer {0} is damaged")]
    Damaged(Digest),
    /// It was not started, or its changes cannot be a layer.
    #[error("{reason}")]
    Refused { reason: String, help: Option<String> },
}
