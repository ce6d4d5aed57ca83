//! `aci`: a container group in Azure Container Instances.

use super::text::{Field, Map, Text};
use crate::oci::Reference;
use crate::plan::describe::{Exposure, key, mapping};
use crate::plan::literal::{
    DnsLabelScope, Literal, NotEmpty, ResourceGroupName, Shape, Size, VariableName,
};
use crate::value::{DnsLabel, GroupName, MAX_TAG_VALUE_CHARS, Port, Replace, RestartPolicy, words};

/// The cores of the largest container group that Azure has, on request
/// (learn.microsoft.com, "Resource availability & quota limits for ACI").
pub const MAX_CPU: f64 = 31.0;

/// A number above 0 and at most [`MAX_CPU`].
const CORES: &str = "^(0*(31(\\.0+)?|([1-9]|[12][0-9]|30)(\\.[0-9]+)?)|0+\\.[0-9]*[1-9][0-9]*)$";

/// A size above 0.
const SOME_MEMORY: &str =
    "^([0-9]*[1-9][0-9]*(\\.[0-9]+)?|[0-9]+\\.[0-9]*[1-9][0-9]*) *([kKmMgGtT][iI]?)?[bB]$";

mapping! {
    /// A container group in Azure Container Instances.
    pub struct Aci = "`aci`" {
        /// Name of the container group, 1 to 63 lower-case letters, digits and `-`.
        pub name: Option<Text> = key("name")
            .is::<GroupName>()
            .names_resource()
            .absent("the DNS label, else plan and service"),
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
        /// Public ports of the first container: `80`, `53/udp`.
        pub ports: Vec<Text> = key("ports").is::<Port>().names_resource().absent("none"),
        /// Cores of the first container.
        pub cpu: Field<f64> = key("cpu").up_to(MAX_CPU).spelled(CORES).default("1"),
        /// Memory of the first container.
        pub memory: Field<Size> = key("memory").spelled(SOME_MEMORY).default("1.5GB"),
        /// Command of the first container, instead of the image's entrypoint.
        pub command: Option<Vec<Text>> = key("command")
            .list()
            .exposed(Exposure::CONTAINER_COMMAND)
            .absent("the image's"),
        /// Environment variables of the first container; those from a secret are sent as secure values.
        pub env: Map<Text> = key("env").names::<VariableName>().absent("none"),
        /// When a container is started again.
        pub restart_policy: Field<RestartPolicy> = key("restart-policy").default("always"),
        /// Further containers.
        pub containers: Vec<Container> = key("containers").list().absent("none"),
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
    /// The public ports of all containers.
    pub fn all_ports(&self) -> impl Iterator<Item = &Text> {
        self.ports.iter().chain(self.containers.iter().flat_map(|container| &container.ports))
    }
}

mapping! {
    /// A further container of the group.
    pub struct Container = "a container" {
        /// Name in the group.
        pub name: Text = key("name").is::<GroupName>().names_resource(),
        /// Image.
        pub image: Option<Text> = key("image")
            .is::<Reference>()
            .names_image()
            .absent("what the service pushed"),
        /// Ports, which are public too.
        pub ports: Vec<Text> = key("ports").is::<Port>().names_resource().absent("none"),
        /// Cores.
        pub cpu: Field<f64> = key("cpu").up_to(MAX_CPU).spelled(CORES).default("1"),
        /// Memory.
        pub memory: Field<Size> = key("memory").spelled(SOME_MEMORY).default("1.5GB"),
        /// Command, instead of the image's entrypoint.
        pub command: Option<Vec<Text>> = key("command")
            .list()
            .exposed(Exposure::CONTAINER_COMMAND)
            .absent("the image's"),
        /// Environment variables; those from a secret are sent as secure values.
        pub env: Map<Text> = key("env").names::<VariableName>().absent("none"),
    }
}

/// The name of a tag, as Resource Manager accepts it. Names that begin with
/// `shipway-`, in any case, are reserved: Shipway finds its resources by them.
struct TagKey;

impl Literal for TagKey {
    const SHAPE: Shape =
        Shape { pattern: r"^[^<>%&\\?/]{1,512}$", examples: &["team"], ..Shape::ANY };

    fn parse(text: &str) -> Result<Self, String> {
        // Resource Manager compares the names of tags without regard to case.
        if text.to_ascii_lowercase().starts_with("shipway-") {
            return Err(
                "expected a name that does not begin with `shipway-`, which is reserved".to_owned()
            );
        }
        let is_valid = (1..=512).contains(&text.chars().count())
            && !text.contains(['<', '>', '%', '&', '\\', '?', '/']);
        if is_valid {
            Ok(Self)
        } else {
            Err(r"expected 1 to 512 characters, without `<`, `>`, `%`, `&`, `\`, `?` and `/`"
                .to_owned())
        }
    }
}

/// The value of a tag, as Resource Manager accepts it.
struct TagValue;

impl Literal for TagValue {
    const SHAPE: Shape = Shape { pattern: r"^[\s\S]{0,256}$", examples: &["web"], ..Shape::ANY };

    fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() <= MAX_TAG_VALUE_CHARS {
            Ok(Self)
        } else {
            Err(format!("expected at most {MAX_TAG_VALUE_CHARS} characters"))
        }
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
