//! A container group as Azure reports it.
//!
//! Real responses lack fields that the specification requires, and have others
//! that it does not know. So only the fields in use are read, and all of them are
//! optional.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Value")]
pub struct Group {
    /// The resource id.
    pub id: String,
    pub name: String,
    pub tags: BTreeMap<String, String>,
    pub properties: GroupProperties,
    /// The whole response, of which the other fields are the parts in use.
    pub document: Value,
}

/// The parts of a response that are in use.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parts {
    id: String,
    name: String,
    #[serde(deserialize_with = "without_nulls")]
    tags: BTreeMap<String, String>,
    properties: GroupProperties,
}

impl TryFrom<Value> for Group {
    type Error = serde_json::Error;

    fn try_from(document: Value) -> Result<Self, Self::Error> {
        let Parts { id, name, tags, properties } = Parts::deserialize(&document)?;
        Ok(Self { id, name, tags, properties, document })
    }
}

/// The `properties` of a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GroupProperties {
    /// The state of Azure's operation. It says nothing about the containers.
    pub provisioning_state: String,
    #[serde(deserialize_with = "or_default")]
    pub containers: Vec<GroupContainer>,
    /// `Always`, `OnFailure` or `Never`.
    #[serde(deserialize_with = "or_default")]
    pub restart_policy: String,
    #[serde(deserialize_with = "or_default")]
    pub os_type: String,
    /// The public address; `None` without a port.
    pub ip_address: Option<IpAddress>,
    /// The current state and events. Azure leaves it out of lists.
    pub instance_view: Option<GroupView>,
    /// Groups that others deployed may have init containers.
    #[serde(deserialize_with = "or_default")]
    pub init_containers: Vec<InitContainer>,
}

/// An init container of a group, as far as it is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct InitContainer {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    pub properties: InitProperties,
}

/// The `properties` of an init container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InitProperties {
    /// The specification allows an init container without an image.
    #[serde(deserialize_with = "or_default")]
    pub image: String,
    /// Its states and events. Azure leaves it out of lists.
    pub instance_view: Option<ContainerView>,
}

impl InitContainer {
    /// Whether it has ended well, so that the next container is started.
    pub fn has_ended_well(&self) -> bool {
        let view = self.properties.instance_view.as_ref();
        let state = view.and_then(|view| view.current_state.as_ref());
        state.is_some_and(|state| {
            state.state.eq_ignore_ascii_case("Terminated") && state.exit_code == Some(0)
        })
    }
}

/// The public address of a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IpAddress {
    /// `None` until Azure has assigned an address.
    pub ip: Option<String>,
    /// `None` without a DNS label.
    pub fqdn: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub ports: Vec<PublicPort>,
}

/// A public port of a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PublicPort {
    pub port: u16,
    #[serde(deserialize_with = "or_default")]
    pub protocol: String,
}

/// The current state of a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GroupView {
    /// `Pending`, `Running`, `Stopped`, `Succeeded` or `Failed`.
    #[serde(deserialize_with = "or_default")]
    pub state: String,
    /// Often empty.
    #[serde(deserialize_with = "or_default")]
    pub events: Vec<GroupEvent>,
}

/// A container of a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GroupContainer {
    pub name: String,
    pub properties: ContainerProperties,
}

/// The `properties` of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerProperties {
    #[serde(deserialize_with = "or_default")]
    pub image: String,
    #[serde(deserialize_with = "or_default")]
    pub resources: Resources,
    pub instance_view: Option<ContainerView>,
}

/// The CPU and memory of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    pub requests: Requests,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Requests {
    /// Cores.
    pub cpu: f64,
    #[serde(rename = "memoryInGB")]
    pub memory_in_gb: f64,
}

/// The current state of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerView {
    pub restart_count: u32,
    pub current_state: Option<ContainerState>,
    pub previous_state: Option<ContainerState>,
    /// Often empty.
    #[serde(deserialize_with = "or_default")]
    pub events: Vec<GroupEvent>,
}

/// A state that a container is or was in.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerState {
    /// `Running`, `Waiting` or `Terminated`.
    #[serde(deserialize_with = "or_default")]
    pub state: String,
    /// RFC 3339.
    pub start_time: Option<String>,
    /// RFC 3339.
    pub finish_time: Option<String>,
    pub exit_code: Option<i64>,
    /// A description, such as `CrashLoopBackOff: Back-off 10s restarting failed…`.
    #[serde(deserialize_with = "or_default")]
    pub detail_status: String,
}

impl ContainerState {
    pub fn is_running(&self) -> bool {
        self.state.eq_ignore_ascii_case("Running")
    }
}

/// An event of a group or a container.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, rename_all = "camelCase")]
pub struct GroupEvent {
    /// How often it happened.
    pub count: u32,
    /// `Pulling`, `Pulled`, `Started`, `Killing`, `BackOff`, ….
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
}

/// Azure writes `null` for empty values.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The tags that have a value: one without must not make the whole list unreadable.
fn without_nulls<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let tags: BTreeMap<String, Option<String>> = or_default(deserializer)?;
    Ok(tags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// One start of a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instance {
    container: String,
    restart_count: u32,
    /// RFC 3339.
    started: String,
}

impl Group {
    /// What runs or ran last of each container that was started.
    pub fn instances(&self) -> Vec<Instance> {
        let instance = |container: &GroupContainer| {
            let view = container.properties.instance_view.as_ref()?;
            Some(Instance {
                container: container.name.clone(),
                restart_count: view.restart_count,
                started: view.current_state.as_ref()?.start_time.clone()?,
            })
        };
        self.properties.containers.iter().filter_map(instance).collect()
    }

    /// The names of all images, those of init containers included.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        let first = self.properties.init_containers.iter().map(|one| &one.properties.image);
        let then = self.properties.containers.iter().map(|one| &one.properties.image);
        first.chain(then).map(String::as_str).filter(|image| !image.is_empty())
    }

    /// The URL of each public TCP port in order: `http://HOST[:PORT]` with the FQDN
    /// or else the address, and `https` only for port 443.
    pub fn urls(&self) -> Vec<String> {
        let Some(address) = &self.properties.ip_address else { return Vec::new() };
        let Some(host) = address.fqdn.as_ref().or(address.ip.as_ref()) else { return Vec::new() };
        let tcp = address.ports.iter().filter(|port| !port.protocol.eq_ignore_ascii_case("udp"));
        tcp.map(|port| match port.port {
            80 => format!("http://{host}"),
            443 => format!("https://{host}"),
            other => format!("http://{host}:{other}"),
        })
        .collect()
    }

    /// The first part of the public address that Azure has not assigned yet.
    pub fn missing_address(&self, wants_name: bool) -> Option<&'static str> {
        let address = self.properties.ip_address.as_ref();
        let lacks = |part: Option<&String>| part.is_none_or(String::is_empty);
        if lacks(address.and_then(|address| address.ip.as_ref())) {
            return Some("its IP address");
        }
        let lacks_name = lacks(address.and_then(|address| address.fqdn.as_ref()));
        (wants_name && lacks_name).then_some("its domain name")
    }

    /// The events of the group and of all of its containers.
    pub fn events(&self) -> impl Iterator<Item = &GroupEvent> {
        let containers = self.properties.containers.iter();
        let views = containers.filter_map(|container| container.properties.instance_view.as_ref());
        self.own_events().chain(views.flat_map(|view| &view.events))
    }

    /// The events of the group without those of its containers.
    pub fn own_events(&self) -> impl Iterator<Item = &GroupEvent> {
        self.properties.instance_view.iter().flat_map(|view| &view.events)
    }

    /// The logins that its images are pulled with, without their passwords.
    pub fn pull_logins(&self) -> &Value {
        &self.document["properties"]["imageRegistryCredentials"]
    }

    /// Whether its containers have ended for good. Azure deploys such a group like a new
    /// one.
    pub fn has_ended(&self) -> bool {
        let failed = self.properties.provisioning_state.eq_ignore_ascii_case("Failed");
        let ends = ["Stopped", "Succeeded", "Failed"];
        failed || ends.iter().any(|end| self.state().eq_ignore_ascii_case(end))
    }

    /// Whether each container has run for this long, seen at `now`.
    pub fn runs_since(&self, now: jiff::Timestamp, at_least: Duration) -> bool {
        let runs = |container: &GroupContainer| {
            let view = container.properties.instance_view.as_ref();
            let state = view.and_then(|view| view.current_state.as_ref());
            let state = state.filter(|state| state.is_running());
            let started = state.and_then(|state| state.start_time.as_ref()?.parse().ok());
            started.is_some_and(|started: jiff::Timestamp| {
                Duration::try_from(now.duration_since(started)).is_ok_and(|age| age >= at_least)
            })
        };
        let containers = &self.properties.containers;
        !containers.is_empty() && containers.iter().all(runs)
    }

    /// The current state in Azure's word, such as `Running`; empty where unknown.
    pub fn state(&self) -> &str {
        self.properties.instance_view.as_ref().map_or("", |view| view.state.as_str())
    }
}
