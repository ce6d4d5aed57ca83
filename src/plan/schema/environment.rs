//! `environments`, of which a run has one or none.

use super::text::{Condition, Field, Map, Text};
use crate::plan::describe::{key, mapping};
use crate::plan::expr::contexts::Site;
use crate::plan::literal::{Name, Period, Times};

/// The events for which the `if` of a protected environment can choose it: only
/// people with write access can cause them.
pub const PROTECTED_EVENTS: [&str; 3] = ["push", "release", "workflow_dispatch"];

mapping! {
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
        /// How long what it deploys may live: stamped on it, and `shipway sweep` removes what has outlived it.
        pub ttl: Option<Field<Period>> = key("ttl").absent("for ever"),
        /// How many pull requests may have a preview in it at the same time; a further one is refused before anything is changed.
        pub max_previews: Option<Field<Times>> = key("max-previews").absent("any number"),
    }
}
