//! What a builder needs to run the commands of a Dockerfile. Nothing in `image` starts a
//! program: the caller of the builder provides a [`CommandRunner`].

use crate::image::layers::Owner;
use crate::secret::Secret;
use std::path::PathBuf;

/// Runs commands, each in a root file system of its own.
pub trait CommandRunner: Sync {
    /// Names what the files depend on that commands make, beside what is in a
    /// [`RunCommand`]: the users that there are.
    fn users(&self) -> &'static str;

    /// Tells what happens next.
    fn note(&self, line: String);

    /// Runs a command to its end. Its changes are a layer, if it ended with code 0.
    fn run(&self, command: RunCommand) -> Result<RanCommand, CommandError>;
}

/// A command with the root file system that it runs in.
#[derive(Clone, Debug)]
pub struct RunCommand {
    pub root: RootFiles,
    pub process: RunProcess,
}

/// The files that a command finds.
#[derive(Clone, Debug)]
pub struct RootFiles {
    pub base: RootBase,
    /// Archives of layers above the base, the lowest first. None of them removes a file.
    pub added: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
pub enum RootBase {
    /// Archives of layers, the lowest first. The same name stands for the same layers.
    Layers { name: String, archives: Vec<PathBuf> },
    /// The files that a command left.
    After(RootId),
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
    #[error("it was stopped")]
    Stopped,
    /// It was not started, or its changes cannot be a layer.
    #[error("{reason}")]
    Refused { reason: String, help: Option<String> },
}
