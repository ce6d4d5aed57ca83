//! The messages between the local cloud and its stages: one JSON document per line.
//!
//! Orders go to the group's init process through one pipe, notices come back through
//! another. Secrets are only in orders, never in arguments or files.

use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// The socket of the relay, relative to the group's folder.
pub const RELAY: &str = "relay.sock";

/// The socket for commands in running containers, relative to the group's folder. A client
/// writes the length of an [`ExecOrder`] in four bytes and the order; then the connection
/// is the terminal of the command.
pub const EXEC: &str = "exec.sock";

/// The line that the parent writes once the user namespace has its identity maps.
pub const MAPPED: &str = "mapped";

/// The address of a group beside 127.0.0.1. The relay connects to it, so that a
/// program that listens only on localhost is as unreachable as in Azure.
pub const ADDRESS: [u8; 4] = [10, 92, 0, 4];

/// A message to the init process of a group.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    Start(Box<ProcessSpec>),
    /// Send it a signal.
    Signal {
        container: String,
        signal: i32,
    },
}

/// A message from a stage.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// The namespaces exist and wait for their identity maps.
    Unshared,
    /// The group cannot be started, with the reason.
    Refused(String),
    /// The result of a probe.
    Probed {
        /// Whether overlay file systems work.
        overlay: bool,
    },
    /// The group's init process takes orders and its relay listens.
    Ready,
    /// A container's program runs.
    Started { container: String },
    /// A container's program could not be started.
    NotStarted { container: String, reason: String },
    /// A container's program ended.
    Exited {
        container: String,
        /// The exit code, or 128 plus the signal that ended it.
        code: i32,
    },
}

/// What a container's process is started with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProcessSpec {
    pub container: String,
    /// The folder with the root file system: `root`, and for an overlay `lower`,
    /// `upper` and `work`.
    pub folder: PathBuf,
    /// Whether `root` is mounted as an overlay.
    pub overlay: bool,
    /// Whether user 0 is the only mapped user.
    pub single_user: bool,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The complete environment.
    pub env: Vec<(String, String)>,
    pub workdir: String,
    /// `USER` or `USER:GROUP`, each a name or number.
    pub user: String,
    pub hostname: String,
    pub mounts: Vec<Mount>,
    /// The file for the output.
    pub log: PathBuf,
}

/// A command that is started in a running container.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExecOrder {
    /// The container's own, but for the program and its arguments.
    pub process: ProcessSpec,
    pub size: TerminalSize,
    /// Whether its exit code follows its output, in four bytes.
    pub reports_exit: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct TerminalSize {
    pub rows: u16,
    pub columns: u16,
}

/// A folder of this machine that is mounted in a container.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mount {
    pub source: PathBuf,
    /// An absolute path in the container.
    pub target: String,
    pub read_only: bool,
}

/// Writes a notice to standard output. Errors are ignored: a stage notices in
/// other ways that its parent is gone.
pub fn say(notice: &Notice) {
    let mut line = serde_json::to_string(notice).expect("a notice is JSON");
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).ok();
}
