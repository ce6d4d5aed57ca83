//! What a container group may have beside its containers and their images.

use crate::azure::EnvValue;
use crate::secret::Secret;
use crate::value::{GpuSku, GroupSku, LogType, Port, Priority, ProbeScheme};
use std::collections::BTreeMap;

/// A volume of a group.
#[derive(Clone, Debug)]
pub struct Volume {
    pub name: String,
    pub files: VolumeFiles,
}

/// Where the files of a volume are.
#[derive(Clone, Debug)]
pub enum VolumeFiles {
    /// A share of Azure Files.
    Share {
        share: String,
        account: String,
        key: Secret,
        read_only: bool,
    },
    /// Files by name, whose contents Azure never returns.
    Secret(BTreeMap<String, EnvValue>),
    Empty,
    Git {
        repository: String,
        /// Relative to the volume; `None` lets Azure name it after the repository.
        directory: Option<String>,
        /// A commit; `None` is the newest of the default branch.
        revision: Option<String>,
    },
}

/// A volume at a path of a container.
#[derive(Clone, Debug)]
pub struct Mount {
    /// The name of the volume.
    pub volume: String,
    pub path: String,
    pub read_only: bool,
}

/// What a container may use beyond what it requests.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Cores.
    pub cpu: Option<f64>,
    /// Gigabytes; sent rounded up to a tenth.
    pub memory_gb: Option<f64>,
}

/// Graphics processors of a container.
#[derive(Clone, Copy, Debug)]
pub struct Gpu {
    pub count: u32,
    pub sku: GpuSku,
}

/// The probes of a container.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    pub liveness: Option<Probe>,
    pub readiness: Option<Probe>,
}

/// How Azure finds out whether a container is well.
#[derive(Clone, Debug)]
pub struct Probe {
    pub request: ProbeRequest,
    pub initial_delay_secs: u64,
    pub period_secs: u64,
    pub timeout_secs: u64,
    pub failure_threshold: u32,
    pub success_threshold: u32,
}

/// What a probe asks.
#[derive(Clone, Debug)]
pub enum ProbeRequest {
    Http {
        path: String,
        port: Port,
        scheme: ProbeScheme,
        headers: Vec<(String, String)>,
    },
    /// A command in the container, without a shell.
    Exec(Vec<String>),
}

/// How the containers of a group resolve names.
#[derive(Clone, Debug)]
pub struct DnsConfig {
    pub name_servers: Vec<String>,
    pub search_domains: Vec<String>,
    pub options: Vec<String>,
}

/// The Log Analytics workspace that gets what the containers write.
#[derive(Clone, Debug)]
pub struct LogAnalytics {
    pub workspace_id: String,
    pub workspace_key: Secret,
    pub log_type: LogType,
}

/// What a group runs on.
#[derive(Clone, Debug, Default)]
pub struct Hosting {
    pub zones: Vec<String>,
    pub priority: Priority,
    pub sku: GroupSku,
    /// Of a confidential group, in base64.
    pub cce_policy: Option<String>,
}
