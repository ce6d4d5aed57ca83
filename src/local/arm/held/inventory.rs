//! Lists what the cloud holds, for `shipway local status`.

use super::super::apps;
use super::super::containers;
use super::super::handle::Arm;
use super::super::store::{App, ContainerGroup};
use super::published::{of_app, of_group};
use super::teller::public_url;
use crate::local::inventory::{
    HeldAddress, HeldRegistry, HeldResourceGroup, HeldVault, HeldWorkload, Inventory,
};
use std::net::SocketAddr;

pub async fn inventory(arm: &Arm) -> Inventory {
    let groups: Vec<ContainerGroup> = arm.store.read().container_groups.values().cloned().collect();
    let found: Vec<App> = arm.store.read().apps.values().cloned().collect();
    let mut apps = Vec::new();
    for app in found {
        apps.push(match apps::settled(arm, app.clone()).await {
            Ok(app) => of_container_app(arm, &app),
            // Its state cannot be written; it is shown as it was.
            Err(_) => of_container_app(arm, &app),
        });
    }
    let resource_groups = arm
        .store
        .read()
        .resource_groups
        .values()
        .map(|group| HeldResourceGroup {
            name: group.name.clone(),
            location: group.location.clone(),
        })
        .collect();
    Inventory {
        resource_groups,
        registries: registries(arm),
        container_groups: groups.iter().map(|group| of_container_group(arm, group)).collect(),
        container_apps: apps,
        vaults: vaults(arm),
    }
}

/// Azure's registries, and others that hold something.
fn registries(arm: &Arm) -> Vec<HeldRegistry> {
    let (accounts, storage) = (&arm.registries.accounts, &arm.registries.storage);
    let azure = accounts.list();
    let all = accounts.hosts().into_iter().map(|host| {
        let own = azure.iter().find(|registry| registry.host.eq_ignore_ascii_case(&host));
        let repositories = storage.repositories(&host);
        HeldRegistry {
            resource_group: own.map(|registry| registry.resource_group.clone()),
            tags: repositories.iter().map(|name| storage.tags(&host, name).len()).sum(),
            repositories: repositories.len(),
            host,
        }
    });
    all.filter(|held| held.resource_group.is_some() || held.repositories > 0).collect()
}

fn of_container_group(arm: &Arm, group: &ContainerGroup) -> HeldWorkload {
    HeldWorkload {
        name: group.name.clone(),
        resource_group: group.resource_group.clone(),
        state: containers::state_of(arm, group).to_owned(),
        addresses: of_group(arm, group).into_iter().map(address).collect(),
    }
}

fn of_container_app(arm: &Arm, app: &App) -> HeldWorkload {
    HeldWorkload {
        name: app.name.clone(),
        resource_group: app.resource_group.clone(),
        state: if app.stopped { "Stopped" } else { "Running" }.to_owned(),
        addresses: of_app(arm, app).into_iter().map(address).collect(),
    }
}

fn address((name, local): (String, SocketAddr)) -> HeldAddress {
    HeldAddress { url: public_url(&name), local }
}

fn vaults(arm: &Arm) -> Vec<HeldVault> {
    let hosts = arm.vaults.hosts().into_iter();
    hosts.map(|host| HeldVault { secrets: arm.vaults.names(&host).len(), host }).collect()
}
