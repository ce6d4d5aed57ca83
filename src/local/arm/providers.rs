//! Resource providers, with the types of resources that this cloud has.

use super::handle::Arm;
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

pub fn shown(arm: &Arm, provider: &str) -> Value {
    let subscription = &arm.identity().subscription_id;
    let is_registered = arm.access.is_registered(provider);
    let types = TYPES.iter().filter(|it| it.provider.eq_ignore_ascii_case(provider));
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
