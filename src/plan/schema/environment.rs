//! `environments`, of which a run has one or none.

use super::azure::Azure;
use super::registry::Registries;
use super::secret::SecretDeclaration;
use super::text::{Condition, Field, Map, Text};
use crate::plan::describe::{
    Key, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, key, mapping,
};
use crate::plan::expr::contexts::Site;
use crate::plan::literal::{Host, Name, Period, Times};
use crate::plan::parse::Reader;
use serde_json::Value;

/// The events for which the `if` of a protected environment can choose it: only
/// people with write access can cause them.
pub const PROTECTED_EVENTS: [&str; 3] = ["push", "release", "workflow_dispatch"];

mapping! {
    by hand
    /// One environment, such as `preview`.
    pub struct Environment = "an environment" {
        /// Condition under which it is chosen.
        pub condition: Option<Condition> = key("if")
            .at(Site::EnvironmentCondition)
            .absent("chosen where none before it was"),
        /// Whether it is chosen only with a clean tree, and by its `if` only on `push`, `release`, `workflow_dispatch`; `--env` chooses it on any event.
        pub protected: Field<bool> = key("protected").default("false"),
        /// Variables that replace the plan's.
        pub vars: Map<Text> = key("vars").names::<Name>().at(Site::Variable).absent("none"),
        /// Where in Azure it deploys: each key that stands here replaces the plan's.
        pub azure: Option<Azure> = key("azure").at(Site::Azure).absent("the plan's"),
        /// Registries that differ in it: each key of a registry that stands here replaces the plan's.
        pub registries: Registries = key("registries")
            .names::<Host>()
            .at(Site::Registry)
            .absent("the plan's"),
        /// Secrets that come from elsewhere in it; each replaces the plan's of that name.
        pub secrets: Map<SecretDeclaration> = key("secrets")
            .names::<Name>()
            .at(Site::SecretSource)
            .absent("the plan's"),
        /// How long what it deploys may live: stamped on it, and `shipway sweep` removes what has outlived it.
        pub ttl: Option<Field<Period>> = key("ttl").absent("for ever"),
        /// How many pull requests may have a preview in it at the same time; a further one is refused before anything is changed.
        pub max_previews: Option<Field<Times>> = key("max-previews").absent("any number"),
    }
}

impl PlanValue for Environment {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        visit.environment(|visit| self.visit_keys(visit));
    }

    fn schema(_: &'static Key) -> Value {
        Self::object().to_schema()
    }
}
