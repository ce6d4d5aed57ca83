//! What the runtime and its stages say to each other: one JSON document a line.
//!
//! Orders go down a pipe to the group's init process, notices come back up
//! another. Secrets travel in orders alone: never in arguments, never in files.

use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// The folder entry, relative to the group's folder, on which the relay listens.
pub(crate) const RELAY: &str = "relay.sock";

/// What the parent writes once the user namespace has its identity maps.
pub(crate) const MAPPED: &str = "mapped";

/// The address a group has beside 127.0.0.1. The relay connects here, so that a
/// program that listens on localhost alone is as unreachable as it is in Azure.
pub(crate) const ADDRESS: [u8; 4] = [10, 92, 0, 4];

/// ProgressReporter to the init process of a group.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// Start a container.
    Start(Box<ProcessSpec>),
    /// Send it a signal.
    Signal {
        /// Its name.
        container: String,
        /// Which, by number.
        signal: i32,
    },
}

/// ProgressReporter by the stages.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Notice {
    /// The namespaces are there and wait for their identity maps.
    Unshared,
    /// The group cannot be had; why, in words.
    Refused(String),
    /// The answer of a probe.
    Probed {
        /// Whether overlay file systems may be mounted.
        overlay: bool,
    },
    /// The group's init process takes orders and its relay listens.
    Ready,
    /// A container's program runs.
    Started {
        /// Its name.
        container: String,
    },
    /// A container's program could not be started.
    NotStarted {
        /// Its name.
        container: String,
        /// Why not.
        reason: String,
    },
    /// A container's program ended.
    Exited {
        /// Its name.
        container: String,
        /// Its exit code; 128 and the signal where one ended it.
        code: i32,
    },
}

/// One container to start.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ProcessSpec {
    /// The container's name.
    pub(crate) container: String,
    /// The folder that holds its root (`root`) or what that is made of (`lower`,
    /// `upper`, `work`).
    pub(crate) folder: PathBuf,
    /// Whether `root` is to be an overlay of the others.
    pub(crate) overlay: bool,
    /// Whether user 0 is the only one that exists.
    pub(crate) single_user: bool,
    /// The program and its arguments.
    pub(crate) argv: Vec<String>,
    /// Its environment, all of it.
    pub(crate) env: Vec<(String, String)>,
    /// Where it starts.
    pub(crate) workdir: String,
    /// As whom: a name or number, and after a colon perhaps a group.
    pub(crate) user: String,
    /// What it takes this machine to be called.
    pub(crate) hostname: String,
    /// Folders to be seen inside.
    pub(crate) mounts: Vec<Mount>,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

/// A folder of this machine that a container sees.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Mount {
    /// Here.
    pub(crate) source: PathBuf,
    /// There, an absolute path.
    pub(crate) target: String,
    /// Whether it may only be read.
    pub(crate) read_only: bool,
}

/// Writes a notice to standard output. Errors are ignored: a stage notices in
/// other ways that its parent is gone.
pub(super) fn say(notice: &Notice) {
    let mut line = serde_json::to_string(notice).expect("a notice is JSON");
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).ok();
}
