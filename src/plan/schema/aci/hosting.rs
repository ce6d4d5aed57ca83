//! What Azure gives a group beside its containers: identities and a log.

use crate::plan::describe::{key, mapping};
use crate::plan::literal::NotEmpty;
use crate::plan::schema::text::{Field, Text};
use crate::value::LogType;

mapping! {
    /// The managed identities of a group.
    pub struct Identity = "`identity`" {
        /// Whether it has one of its own, which goes with it.
        pub system: Field<bool> = key("system").names_resource().default("false"),
        /// User-assigned ones: each by its name in the plan's resource group, or by its id.
        pub user_assigned: Vec<Text> = key("user-assigned")
            .is::<NotEmpty>()
            .names_resource()
            .absent("none"),
    }
}

mapping! {
    /// A Log Analytics workspace.
    pub struct LogAnalytics = "`log-analytics`" {
        /// Id of the workspace, a UUID.
        pub workspace_id: Text = key("workspace-id").is::<NotEmpty>().names_resource(),
        /// Key of the workspace.
        pub workspace_key: Text = key("workspace-key").is::<NotEmpty>(),
        /// What the log has: what containers write alone, or with events and states.
        pub log_type: Field<LogType> = key("log-type").default("instance-logs"),
    }
}
