//! Resource providers, with the types of resources that this cloud has.

use super::handle::Arm;
use super::response::{ArmError, ArmResponse};
use crate::value::REGIONS;
use serde_json::{Value, json};

/// A resource type, and the versions of its API that are used most.
struct ResourceType {
    provider: &'static str,
    name: &'static str,
    versions: &'static [&'static str],
}

const TYPES: [ResourceType; 6] = [
    ResourceType {
        provider: "Microsoft.App",
        name: "managedEnvironments",
        versions: &["2025-01-01", "2024-03-01"],
    },
    ResourceType {
        provider: "Microsoft.App",
        name: "containerApps",
        versions: &["2025-01-01", "2024-03-01"],
    },
    ResourceType {
        provider: "Microsoft.ContainerInstance",
        name: "containerGroups",
        versions: &["2025-09-01", "2023-05-01"],
    },
    ResourceType {
        provider: "Microsoft.ContainerRegistry",
        name: "registries",
        versions: &["2025-11-01", "2023-07-01"],
    },
    ResourceType { provider: "Microsoft.KeyVault", name: "vaults", versions: &["2023-07-01"] },
    ResourceType {
        provider: "Microsoft.ManagedIdentity",
        name: "userAssignedIdentities",
        versions: &["2023-01-31"],
    },
];

/// Providers that plans and az ask for beside those of [`TYPES`], without types here.
const OTHERS: [&str; 3] =
    ["Microsoft.Authorization", "Microsoft.OperationalInsights", "Microsoft.Resources"];

/// The name of a provider as Azure spells it.
fn spelled(provider: &str) -> Option<&'static str> {
    names().find(|name| name.eq_ignore_ascii_case(provider))
}

fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = TYPES.iter().map(|it| it.provider).chain(OTHERS).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter()
}

pub fn list(arm: &Arm) -> ArmResponse {
    ArmResponse::list(names().map(|name| described(arm, name)))
}

pub fn shown(arm: &Arm, provider: &str) -> Result<ArmResponse, ArmError> {
    let name = spelled(provider).ok_or_else(|| {
        let message = format!(
            "The resource namespace '{provider}' is invalid, or the local cloud does not have it."
        );
        ArmError::missing("InvalidResourceNamespace", message)
    })?;
    Ok(ArmResponse::ok(described(arm, name)))
}

fn described(arm: &Arm, provider: &str) -> Value {
    let subscription = &arm.identity().subscription_id;
    let is_registered = arm.access.is_registered(provider);
    let types = TYPES.iter().filter(|it| it.provider == provider);
    let types: Vec<Value> = types
        .map(|it| {
            json!({
                "resourceType": it.name, "locations": REGIONS.as_slice(), "apiVersions": it.versions,
                "capabilities": "SupportsTags, SupportsLocation",
            })
        })
        .collect();
    json!({
        "id": format!("/subscriptions/{subscription}/providers/{provider}"),
        "namespace": provider,
        "registrationState": if is_registered { "Registered" } else { "NotRegistered" },
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": types,
    })
}
