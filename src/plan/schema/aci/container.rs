//! The containers of a group.

use super::probe::HealthProbes;
use super::volume::Mount;
use crate::oci::Reference;
use crate::plan::describe::{
    Exposure, Key, PlanKeys as _, PlanMapping as _, PlanValue, Slot, Visit, any_of, key, mapping,
};
use crate::plan::literal::{Size, Times, VariableName};
use crate::plan::parse::Reader;
use crate::plan::schema::text::{Field, Map, Text};
use crate::plan::tree::Kind;
use crate::value::{GpuSku, GroupName, Port};
use serde_json::Value;

/// The cores of the largest container group that Azure has, on request
/// (learn.microsoft.com, "Resource availability & quota limits for ACI").
pub const MAX_CPU: f64 = 31.0;

/// A number above 0 and at most [`MAX_CPU`].
const CORES: &str = "^(0*(31(\\.0+)?|([1-9]|[12][0-9]|30)(\\.[0-9]+)?)|0+\\.[0-9]*[1-9][0-9]*)$";

/// A size above 0.
const SOME_MEMORY: &str =
    "^([0-9]*[1-9][0-9]*(\\.[0-9]+)?|[0-9]+\\.[0-9]*[1-9][0-9]*) *([kKmMgGtT][iI]?)?[bB]$";

mapping! {
    by hand
    /// What the first container and further ones have in common.
    pub struct ContainerSettings = "a container" {
        /// Ports, which the group's address has too: `80`, `53/udp`.
        pub ports: Vec<Text> = key("ports").is::<Port>().names_resource().absent("none"),
        /// Cores.
        pub cpu: Field<f64> = key("cpu").up_to(MAX_CPU).spelled(CORES).default("1"),
        /// Memory.
        pub memory: Field<Size> = key("memory").spelled(SOME_MEMORY).default("1.5GB"),
        /// Cores that it may use at most, of those that other containers leave.
        pub cpu_limit: Option<Field<f64>> = key("cpu-limit")
            .up_to(MAX_CPU)
            .spelled(CORES)
            .absent("its `cpu`"),
        /// Memory that it may use at most.
        pub memory_limit: Option<Field<Size>> = key("memory-limit")
            .spelled(SOME_MEMORY)
            .absent("its `memory`"),
        /// Graphics processors: `{ count, sku }`.
        pub gpu: Option<Gpu> = key("gpu").absent("none"),
        /// Command, instead of the image's entrypoint.
        pub command: Option<Vec<Text>> = key("command")
            .list()
            .exposed(Exposure::CONTAINER_COMMAND)
            .absent("the image's"),
        /// Environment variables; those from a secret are sent as secure values.
        pub env: Map<VariableValue> = key("env").names::<VariableName>().absent("none"),
        /// Volumes that it has, each at a path.
        pub mounts: Vec<Mount> = key("mounts").list().absent("none"),
        /// How Azure finds out whether it is well: `{ liveness, readiness }`.
        pub probes: HealthProbes = key("probes").absent("none"),
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
        flattened pub settings: ContainerSettings,
    }
}

mapping! {
    /// A container that runs to its end before the others start.
    pub struct InitContainer = "an init container" {
        /// Name in the group.
        pub name: Text = key("name").is::<GroupName>().names_resource(),
        /// Image.
        pub image: Option<Text> = key("image")
            .is::<Reference>()
            .names_image()
            .absent("what the service pushed"),
        /// Command, instead of the image's entrypoint.
        pub command: Option<Vec<Text>> = key("command")
            .list()
            .exposed(Exposure::CONTAINER_COMMAND)
            .absent("the image's"),
        /// Environment variables; those from a secret are sent as secure values.
        pub env: Map<VariableValue> = key("env").names::<VariableName>().absent("none"),
        /// Volumes that it has, each at a path.
        pub mounts: Vec<Mount> = key("mounts").list().absent("none"),
    }
}

mapping! {
    by hand
    /// The value of an environment variable.
    pub struct VariableValue = "a variable" {
        /// Text that the variable has.
        pub value: Text = key("value"),
        /// Whether it is sent as a secure value, also where it is made of no secret.
        pub secure: Field<bool> = key("secure").default("false"),
        /// Whether the variable is left out where its text is empty.
        pub omit_if_empty: Field<bool> = key("omit-if-empty").default("false"),
    }
}

/// A text alone, or a mapping.
impl PlanValue for VariableValue {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if let Kind::Mapping(_) = &slot.node.kind {
            let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
            return Self::from_entries(reader, &entries);
        }
        let value = Text::read(reader, slot)?;
        Some(Self {
            value,
            secure: Field::default_of("false"),
            omit_if_empty: Field::default_of("false"),
        })
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.value.visit(key, visit);
        self.secure.visit(key, visit);
        self.omit_if_empty.visit(key, visit);
    }

    fn schema(key: &'static Key) -> Value {
        any_of([Text::schema(key), Self::object().to_schema()])
    }
}

mapping! {
    /// Graphics processors of a container.
    pub struct Gpu = "`gpu`" {
        /// How many there are.
        pub count: Field<Times> = key("count"),
        /// Their model.
        pub sku: Field<GpuSku> = key("sku"),
    }
}
