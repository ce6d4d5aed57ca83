//! What a local cloud holds, as it answers itself.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Everything that clients have made in a cloud, and what it had from the start.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inventory {
    pub resource_groups: Vec<HeldResourceGroup>,
    pub registries: Vec<HeldRegistry>,
    pub container_groups: Vec<HeldWorkload>,
    pub container_apps: Vec<HeldWorkload>,
    pub vaults: Vec<HeldVault>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldResourceGroup {
    pub name: String,
    pub location: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldRegistry {
    pub host: String,
    /// `None` for a registry that is not Azure's.
    pub resource_group: Option<String>,
    pub repositories: usize,
    pub tags: usize,
}

/// A container group or an app.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldWorkload {
    pub name: String,
    pub resource_group: String,
    /// As Azure spells it, such as `Running`.
    pub state: String,
    pub addresses: Vec<HeldAddress>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldAddress {
    /// Under which the proxy answers for it, such as `http://web.westeurope.azurecontainer.io`.
    pub url: String,
    /// Where a browser on this machine reaches it.
    pub local: SocketAddr,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldVault {
    pub host: String,
    pub secrets: usize,
}
