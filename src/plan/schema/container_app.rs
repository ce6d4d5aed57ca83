//! `container-app`: an app in Azure Container Apps.

mod environment;
mod probe;

#[cfg(test)]
pub use environment::AppEnvironment;
pub use probe::{AppProbe, AppProbeKind};

use super::aci::{Identity, OnFailure, Strategy, TagKey, TagValue, VariableValue};
use super::text::{Field, Map, Text};
use crate::plan::describe::{Exposure, key, mapping};
use crate::plan::literal::{NotEmpty, ResourceGroupName, Times, VariableName, VaultSecretUrl};
use crate::value::{AppName, IngressPort, PreviewForm, Transport};

/// The cores of the largest replica on consumption (learn.microsoft.com, "Containers in Azure
/// Container Apps").
pub const MAX_APP_CPU: f64 = 4.0;

/// A number above 0 and at most [`MAX_APP_CPU`], in steps of a quarter.
const QUARTERS: &str = "^0*(4(\\.0+)?|[1-3](\\.(0+|250*|50*|750*))?|0?\\.(250*|50*|750*))$";

mapping! {
    /// An app in Azure Container Apps.
    pub struct ContainerApp = "`container-app`" {
        /// Name of the app, 2 to 32 lower-case letters, digits and `-`.
        pub name: Option<Text> = key("name")
            .is::<AppName>()
            .names_resource()
            .absent("plan and service"),
        /// Environment that it runs in, by its name or its id, or `{ name, create: true }`.
        pub environment: environment::AppEnvironment = key("environment"),
        /// How requests reach it: `{ target-port }`.
        pub ingress: Option<Ingress> = key("ingress").absent("no request reaches it"),
        /// Cores, in steps of a quarter; there are 2 GiB of memory for each.
        pub cpu: Field<f64> = key("cpu").up_to(MAX_APP_CPU).spelled(QUARTERS).default("0.5"),
        /// Command, instead of the image's entrypoint.
        pub command: Option<Vec<Text>> = key("command")
            .list()
            .exposed(Exposure::CONTAINER_COMMAND)
            .absent("the image's"),
        /// Arguments of the command, instead of the image's.
        pub args: Option<Vec<Text>> = key("args")
            .list()
            .exposed(Exposure::CONTAINER_COMMAND)
            .absent("the image's"),
        /// Environment variables; those from a secret become secrets of the app.
        pub env: Map<VariableValue> = key("env").names::<VariableName>().absent("none"),
        /// Environment variables whose values the app reads from Key Vault itself, each by the URL of the secret.
        pub secrets: Map<Text> = key("secrets")
            .names::<VariableName>()
            .is::<VaultSecretUrl>()
            .names_resource()
            .absent("none"),
        /// User-assigned identity that reads `secrets`, by its name in the plan's resource group or by its id.
        pub secrets_identity: Option<Text> = key("secrets-identity")
            .is::<NotEmpty>()
            .names_resource()
            .absent("the app's own"),
        /// Identities that its programs have.
        pub identity: Option<Identity> = key("identity").absent("none"),
        /// How many replicas run: `{ min, max, concurrent-requests }`.
        pub scale: Option<Scale> = key("scale").absent("0 to 10 replicas"),
        /// How Azure finds out whether it is well: `{ liveness, readiness, startup }`.
        pub probes: probe::AppProbes = key("probes").absent("it listens on the `target-port`"),
        /// Resource group, over the plan's.
        pub resource_group: Option<Text> = key("resource-group")
            .is::<ResourceGroupName>()
            .names_resource()
            .absent("the plan's"),
        /// Tags of the app, beside Shipway's own, whose names begin with `shipway-`.
        pub tags: Map<Text> = key("tags").names::<TagKey>().is::<TagValue>().names_resource().absent("none"),
        /// Whether a new version is verified beside the one that runs before that is changed.
        pub strategy: Option<Field<Strategy>> = key("strategy").absent("`in-place`"),
        /// What the preview of a pull request is: an app of its own, or a revision of the app with the label `pr-N`, which is reached at `NAME---pr-N.…` and gets no request of the app.
        pub preview: Option<Field<PreviewForm>> = key("preview").absent("`app`"),
        /// What happens to the app when this deploy or a later step up to the service's last verify fails.
        pub on_failure: Option<Field<OnFailure>> = key("on-failure").absent("`keep`"),
    }
}

mapping! {
    /// How requests reach an app.
    pub struct Ingress = "`ingress`" {
        /// Port on which the program listens.
        pub target_port: Field<IngressPort> = key("target-port").names_resource(),
        /// Whether requests may come from outside of the environment.
        pub external: Field<bool> = key("external").default("true"),
        /// How requests are passed on: `http` is HTTP/1.1, `auto` finds out.
        pub transport: Field<Transport> = key("transport").default("auto"),
    }
}

mapping! {
    /// How many replicas of an app run.
    pub struct Scale = "`scale`" {
        /// How many run without any request.
        pub min: Field<u32> = key("min").default("0"),
        /// How many run at most.
        pub max: Field<Times> = key("max").default("10"),
        /// How many requests at once one replica is given before another one is started.
        pub concurrent_requests: Option<Field<Times>> = key("concurrent-requests")
            .absent("Azure's default"),
    }
}
