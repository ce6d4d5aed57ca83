//! `azure`: where things are deployed.

use super::text::{Field, Text};
use crate::plan::describe::{key, mapping};
use crate::plan::literal::{NotEmpty, ResourceGroupName};
use crate::value::{Cloud, SignIn};

mapping! {
    /// Where in Azure things are deployed.
    pub struct Azure = "`azure`" {
        /// Id of the subscription.
        pub subscription: Option<Text> = key("subscription")
            .is::<NotEmpty>()
            .names_resource()
            .absent("`AZURE_SUBSCRIPTION_ID`, else the only one that is visible"),
        /// Name of the resource group.
        pub resource_group: Option<Text> = key("resource-group")
            .is::<ResourceGroupName>()
            .names_resource()
            .absent("needed, here or in the step"),
        /// Region, such as `westeurope`.
        pub location: Option<Text> = key("location")
            .is::<NotEmpty>()
            .names_resource()
            .absent("the resource group's"),
        /// Whether the resource group is created where it is not there, which needs a `location`.
        pub create: Field<bool> = key("create").names_resource().default("false"),
        /// Which of Microsoft's clouds.
        pub cloud: Field<Cloud> = key("cloud").names_resource().default("public"),
        /// How a run signs in to Azure.
        pub sign_in: Field<SignIn> = key("sign-in").names_resource().default("auto"),
    }
}
