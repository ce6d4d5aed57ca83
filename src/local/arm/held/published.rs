//! Where a browser on this machine reaches what runs.

use super::super::apps::runtime_id;
use super::super::containers::{key, public_ports};
use super::super::handle::Arm;
use super::super::store::{App, ContainerGroup};
use super::teller::Addresses;
use crate::local::files::write_json;
use std::net::SocketAddr;

/// Writes `published.json`, which maps `NAME` or `NAME:PORT` of each container group and app to
/// the address at which a browser on this machine reaches it, and tells what is new.
pub fn write_published(arm: &Arm) {
    let addresses: Addresses = {
        let content = arm.store.read();
        let of_groups = content.container_groups.values().flat_map(|it| of_group(arm, it));
        of_groups.chain(content.apps.values().filter_map(|it| of_app(arm, it))).collect()
    };
    if let Err(error) = write_json(&arm.folder.join("published.json"), &addresses) {
        // What runs is still reached through the proxy.
        tracing::warn!(%error, "cannot write the addresses of container groups and apps");
    }
    arm.published.tell(addresses);
}

/// The names and addresses of a container group.
pub fn of_group(arm: &Arm, found: &ContainerGroup) -> Vec<(String, SocketAddr)> {
    let id = key(&found.resource_group, &found.name);
    let name = found.fqdn.as_ref().unwrap_or(&found.ip);
    let published = |port| {
        let address = arm.runtime.published(&id, port)?;
        let name = if port == 80 { name.clone() } else { format!("{name}:{port}") };
        Some((name, address))
    };
    public_ports(&found.body).into_iter().filter_map(published).collect()
}

/// The name and address of the revision of an app that gets the requests.
pub fn of_app(arm: &Arm, app: &App) -> Option<(String, SocketAddr)> {
    let id = runtime_id(app, app.ready.as_ref()?);
    // The port of an app is that of TLS, which its URL does not name.
    let address = arm.runtime.published(&id, app.target_port()?)?;
    Some((app.host(true), address))
}
