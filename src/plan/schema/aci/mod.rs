//! `aci`: a container group in Azure Container Instances.

mod container;
mod hosting;
mod network;
mod probe;
mod tag;
mod volume;

pub use container::{Container, ContainerSettings, InitContainer, MAX_CPU, VariableValue};
pub use hosting::Identity;
pub use probe::{HealthProbe, HealthProbeKind, HealthProbes};
pub use tag::{TagKey, TagValue};
pub use volume::{AzureFile, GitVolume, Mount, VolumeKind};
#[cfg(test)]
pub use {container::Gpu, hosting::LogAnalytics, network::DnsConfig};

use super::text::{Field, Map, Text};
use crate::plan::describe::{key, mapping};
use crate::plan::literal::{DnsLabelScope, NotEmpty, ResourceGroupName, SubnetName};
use crate::value::{
    DnsLabel, GroupName, GroupSku, IpKind, Priority, Replace, RestartPolicy, words,
};

mapping! {
    /// A container group in Azure Container Instances.
    pub struct Aci = "`aci`" {
        /// Name of the container group, 1 to 63 lower-case letters, digits and `-`.
        pub name: Option<Text> = key("name")
            .is::<GroupName>()
            .names_resource()
            .absent("the DNS label, else plan and service"),
        /// Name of the first container.
        pub container_name: Option<Text> = key("container-name")
            .is::<GroupName>()
            .names_resource()
            .absent("the name of the group"),
        /// First label of its FQDN, 5 to 63 lower-case letters, digits and `-`.
        pub dns_label: Option<Text> = key("dns-label")
            .is::<DnsLabel>()
            .names_resource()
            .absent("an address alone"),
        /// How far the DNS label stays reserved when the group is deleted.
        pub dns_label_scope: Option<Text> = key("dns-label-scope")
            .is::<DnsLabelScope>()
            .names_resource()
            .absent("Azure's default"),
        flattened pub first: ContainerSettings,
        /// When a container is started again.
        pub restart_policy: Field<RestartPolicy> = key("restart-policy").default("always"),
        /// Further containers.
        pub containers: Vec<Container> = key("containers").list().absent("none"),
        /// Containers that run to their end, one after the other, before the others start.
        pub init_containers: Vec<InitContainer> = key("init-containers").list().absent("none"),
        /// Volumes by name, each of one kind, which containers have by `mounts`.
        pub volumes: Map<VolumeKind> = key("volumes").names::<GroupName>().absent("none"),
        /// Where its address is reached from.
        pub ip: Option<Field<IpKind>> = key("ip")
            .absent("`private` with a `subnet`, else `public`; none without ports"),
        /// Subnet of a virtual network that it is put into: `NETWORK/SUBNET`, or the id of the subnet.
        pub subnet: Option<Text> = key("subnet").is::<SubnetName>().names_resource().absent("none"),
        /// Name servers and search domains of the containers.
        pub dns_config: Option<network::DnsConfig> = key("dns-config").absent("Azure's"),
        /// Identities that its programs have.
        pub identity: Option<hosting::Identity> = key("identity").absent("none"),
        /// Log Analytics workspace that gets the logs of the containers.
        pub log_analytics: Option<hosting::LogAnalytics> = key("log-analytics").absent("none"),
        /// Availability zone of the region, such as `1`.
        pub zones: Vec<Text> = key("zones").is::<NotEmpty>().names_resource().absent("any"),
        /// Whether Azure may end it for want of capacity, at a lower price.
        pub priority: Field<Priority> = key("priority").default("regular"),
        /// Kind of machine: `confidential` has encrypted memory.
        pub sku: Field<GroupSku> = key("sku").default("standard"),
        /// Policy of a confidential group, in base64, that says which containers may run.
        pub cce_policy: Option<Text> = key("cce-policy")
            .is::<NotEmpty>()
            .names_resource()
            .absent("every container may run"),
        /// Resource group, over the plan's.
        pub resource_group: Option<Text> = key("resource-group")
            .is::<ResourceGroupName>()
            .names_resource()
            .absent("the plan's"),
        /// Region, over the plan's.
        pub location: Option<Text> = key("location")
            .is::<NotEmpty>()
            .names_resource()
            .absent("the plan's"),
        /// Tags of the group, beside Shipway's own, whose names begin with `shipway-`.
        pub tags: Map<Text> = key("tags").names::<TagKey>().is::<TagValue>().names_resource().absent("none"),
        /// Whether the group may be deleted and created again.
        pub replace: Option<Field<Replace>> = key("replace")
            .absent("`when-required`; `never` where the environment is protected"),
        /// Whether a new version is verified beside the one that runs before that is changed.
        pub strategy: Option<Field<Strategy>> = key("strategy").absent("`in-place`"),
        /// What happens to the group when this deploy or a later step up to the service's last verify fails.
        pub on_failure: Option<Field<OnFailure>> = key("on-failure").absent("`keep`"),
    }
}

impl Aci {
    /// The settings of each container, the first one's first. Init containers have fewer,
    /// and are not among them.
    pub fn all_settings(&self) -> impl Iterator<Item = &ContainerSettings> {
        let further = self.containers.iter().map(|container| &container.settings);
        std::iter::once(&self.first).chain(further)
    }

    /// The ports of all containers.
    pub fn all_ports(&self) -> impl Iterator<Item = &Text> {
        self.all_settings().flat_map(|container| &container.ports)
    }

    /// The mounts of all containers.
    pub fn all_mounts(&self) -> impl Iterator<Item = &Mount> {
        let init = self.init_containers.iter().flat_map(|container| &container.mounts);
        self.all_settings().flat_map(|container| &container.mounts).chain(init)
    }
}

words! {
    /// How a version that runs is replaced by a new one.
    pub enum Strategy {
        /// It is changed, and verified then.
        InPlace = "in-place",
        /// The new one is verified under a temporary name first.
        VerifyFirst = "verify-first",
    }
}

words! {
    /// What happens to a deployed group when its service fails.
    pub enum OnFailure {
        /// What it replaced is put back; a new preview is removed.
        Rollback = "rollback",
        /// It stays for inspection.
        Keep = "keep",
    }
}
