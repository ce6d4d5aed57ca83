//! The environment that an app runs in.

use crate::plan::describe::{
    Key, PlanKeys as _, PlanMapping as _, PlanValue, Slot, Visit, any_of, key, mapping,
    shape_schema,
};
use crate::plan::literal::{NotEmpty, ResourceGroupName, Shape};
use crate::plan::parse::Reader;
use crate::plan::schema::text::{Field, Text};
use crate::plan::tree::Kind;
use serde_json::Value;

mapping! {
    by hand
    /// The environment that an app runs in.
    pub struct AppEnvironment = "`environment`" {
        /// Its name, or its resource id.
        pub name: Text = key("name").is::<NotEmpty>().names_resource(),
        /// Resource group that it is in.
        pub resource_group: Option<Text> = key("resource-group")
            .is::<ResourceGroupName>()
            .names_resource()
            .absent("the app's"),
        /// Whether it is created where it is not there, which takes a minute or two.
        pub create: Field<bool> = key("create").names_resource().default("false"),
    }
}

/// The name as it stands alone.
const NAME: Key = key("environment").is::<NotEmpty>().names_resource();

/// A name alone, or a mapping.
impl PlanValue for AppEnvironment {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if matches!(slot.node.kind, Kind::Scalar(_)) {
            let name = reader.checked(slot.name, slot.node, &NAME.shape)?;
            let create = Field::default_of("false");
            return Some(Self { name, resource_group: None, create });
        }
        let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        any_of([shape_schema(&Shape::of::<NotEmpty>()), Self::object().to_schema()])
    }
}
