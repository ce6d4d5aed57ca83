//! Where a browser on this machine reaches what runs.

use super::apps::runtime_id;
use super::containers::{key, public_ports};
use super::handle::Arm;
use super::store::App;
use crate::local::files::write_json;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Writes `published.json`, which maps `NAME` or `NAME:PORT` of each container group and app to
/// the address at which a browser on this machine reaches it.
pub fn write_published(arm: &Arm) {
    let all = published(arm).into_iter();
    let addresses: BTreeMap<String, String> =
        all.map(|(name, address)| (name, address.to_string())).collect();
    if let Err(error) = write_json(&arm.folder.join("published.json"), &addresses) {
        // What runs is still reached through the proxy.
        tracing::warn!(%error, "cannot write the addresses of container groups and apps");
    }
}

fn published(arm: &Arm) -> Vec<(String, SocketAddr)> {
    let content = arm.store.read();
    let mut published = Vec::new();
    for found in content.container_groups.values() {
        let id = key(&found.resource_group, &found.name);
        let name = found.fqdn.as_ref().unwrap_or(&found.ip);
        for port in public_ports(&found.body) {
            let Some(address) = arm.runtime.published(&id, port) else { continue };
            let name = if port == 80 { name.clone() } else { format!("{name}:{port}") };
            published.push((name, address));
        }
    }
    // The port of an app is that of TLS, which its URL does not name.
    let address = |app: &App| {
        let id = runtime_id(app, app.ready.as_ref()?);
        let address = arm.runtime.published(&id, app.target_port()?)?;
        Some((app.host(true), address))
    };
    published.extend(content.apps.values().filter_map(address));
    published
}
