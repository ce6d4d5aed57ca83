//! The initial state of a local cloud without a plan: empty but for preloaded images.

use super::seeds::seed_image;
use crate::journal::LocalCloudOptions;
use crate::local::{
    AccessRules, AzureRegistry, InitialState, PreloadedImage, ResourceGroup, RoleGrant,
};
use crate::oci::Reference;
use crate::run::outcome::StepError;

/// The resource group of the registries of preloaded images.
const RESOURCE_GROUP: &str = "preloaded";
const LOCATION: &str = "westeurope";

/// The domain of Azure's registries, each of which has a resource group.
const REGISTRY_DOMAIN: &str = ".azurecr.io";

pub fn initial_state_without_plan(options: &LocalCloudOptions) -> Result<InitialState, StepError> {
    let secrets = [
        ("--secret-env", !options.secret_env.is_empty()),
        ("--secrets-file", options.secrets_file.is_some()),
    ];
    if let Some((option, _)) = secrets.into_iter().find(|(_, given)| *given) {
        let what = format!("`{option}` gives secrets of a plan a value, and there is no plan");
        return Err(StepError::of_usage(what)
            .help("name the plan's file with `--plan PLAN`, or set secrets with `az keyvault`"));
    }
    let seeds = options.seed_image.iter().map(|text| seed_image(text));
    let seeds = seeds.collect::<Result<Vec<_>, _>>()?;
    let registries = registries(seeds.iter().map(|(reference, _)| reference.as_str()));
    let group = ResourceGroup { name: RESOURCE_GROUP.to_owned(), location: LOCATION.to_owned() };
    Ok(InitialState {
        resource_groups: if registries.is_empty() { Vec::new() } else { vec![group] },
        registries,
        runtime: options.runtime.unwrap_or_default(),
        offline: options.offline,
        seed_images: seeds
            .into_iter()
            .map(|(reference, layout)| PreloadedImage { reference, layout })
            .collect(),
        allow_hosts: options.allow_host.clone(),
        access: Some(owner()),
        made_identities_only: true,
        fault_rules: options.fault.clone(),
        ..InitialState::default()
    })
}

/// The application may do everything, and an identity what a role lets it do.
fn owner() -> AccessRules {
    let grant = |role: &str| RoleGrant {
        role: role.to_owned(),
        scope: String::new(),
        identity: String::new(),
    };
    // An owner of a subscription may not read the secrets in its vaults.
    let roles = Some(vec![grant("Owner"), grant("Key Vault Administrator")]);
    AccessRules { roles, ..AccessRules::default() }
}

/// The registries of Azure that hold preloaded images.
fn registries<'a>(references: impl Iterator<Item = &'a str>) -> Vec<AzureRegistry> {
    let hosts = references.filter_map(|text| Some(text.parse::<Reference>().ok()?.host));
    let mut hosts: Vec<String> = hosts.filter(|host| host.ends_with(REGISTRY_DOMAIN)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let registry = |host: String| AzureRegistry {
        name: host.trim_end_matches(REGISTRY_DOMAIN).to_owned(),
        host,
        resource_group: RESOURCE_GROUP.to_owned(),
        location: String::new(),
        sku: "Standard".to_owned(),
        admin_user: true,
        anonymous_pull: false,
        users: Vec::new(),
    };
    hosts.into_iter().map(registry).collect()
}

#[cfg(test)]
mod tests {
    use super::{initial_state_without_plan, owner, registries};
    use crate::journal::LocalCloudOptions;
    use crate::local::InitialState;

    #[test]
    fn a_cloud_without_a_plan_is_empty() {
        let initial = initial_state_without_plan(&LocalCloudOptions::default()).expect("a state");
        let rest = InitialState { access: None, made_identities_only: false, ..initial.clone() };
        assert_eq!(rest, InitialState::default());
        // The application may do everything, and identities what they are given.
        assert_eq!((initial.access, initial.made_identities_only), (Some(owner()), true));
    }

    #[test]
    fn preloaded_images_have_their_registries() {
        let images = ["demo.azurecr.io/web:v1", "ghcr.io/octo/web:v1", "demo.azurecr.io/api:v1"];
        let registries = registries(images.into_iter());
        assert_eq!(registries.len(), 1);
        assert_eq!((&*registries[0].name, &*registries[0].host), ("demo", "demo.azurecr.io"));
    }
}
