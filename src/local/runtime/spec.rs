//! The description of a container group that the runtime runs.

use super::image::Image;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Group {
    /// Unique among all groups, such as a resource id.
    pub id: String,
    /// The host names and addresses at which it is reached.
    pub hosts: Vec<String>,
    pub ports: Vec<u16>,
    pub restart: Restart,
    /// Init containers, each run to success before the next starts.
    pub init: Vec<Container>,
    pub containers: Vec<Container>,
    /// What all of them together may take.
    pub memory_bytes: Option<u64>,
}

#[derive(Clone)]
pub struct Container {
    /// Unique within the group.
    pub name: String,
    pub image: Image,
    /// Replaces entrypoint and arguments of the image, unless empty.
    pub command: Vec<String>,
    /// Added to the variables of the image.
    pub env: Vec<(String, String)>,
    pub mounts: Vec<Volume>,
    /// It is started again where this fails.
    pub liveness: Option<HealthProbe>,
    /// It takes no connections until this passes, and while it fails.
    pub readiness: Option<HealthProbe>,
}

/// How it is found out whether a container is well.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HealthProbe {
    pub request: ProbeRequest,
    /// From the start to the first try.
    pub initial_delay: Duration,
    /// From one try to the next.
    pub period: Duration,
    pub timeout: Duration,
    /// How many tries in a row have to fail.
    pub failures: u32,
    /// How many tries in a row have to pass.
    pub successes: u32,
}

/// What a probe asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProbeRequest {
    /// By plain HTTP: it passes with a status from 200 to 399.
    Http { path: String, port: u16, headers: Vec<(String, String)> },
    /// A program in the container: it passes with exit code 0.
    Exec(Vec<String>),
}

impl fmt::Debug for Container {
    /// Leaves out the values of variables, which are often secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Container")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("command", &self.command)
            .field("env", &names)
            .field("mounts", &self.mounts)
            .field("liveness", &self.liveness)
            .field("readiness", &self.readiness)
            .finish()
    }
}

/// A command that is started in a running container, in a terminal of its own.
#[derive(Clone, Debug)]
pub struct ExecCommand {
    pub argv: Vec<String>,
    pub rows: u16,
    pub columns: u16,
}

/// A folder of this machine that is mounted in a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Volume {
    pub source: PathBuf,
    /// An absolute path in the container.
    pub target: String,
    pub read_only: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Restart {
    #[default]
    Always,
    /// Unless the exit code is 0.
    OnFailure,
    Never,
}

impl Restart {
    /// Whether a program that ended with this exit code is restarted.
    pub fn restarts(self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => code != 0,
            Self::Never => false,
        }
    }
}
