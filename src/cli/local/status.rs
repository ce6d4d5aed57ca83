//! `shipway local status`: which cloud is up, how it is reached, and what it holds.

use super::choose::WhichCloud;
use crate::cli::columns::{UNKNOWN, age, columns};
use crate::local::{
    CloudFile, HeldRegistry, HeldResourceGroup, HeldVault, HeldWorkload, Inventory,
};
use crate::report::Output;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;

const AFTER_HELP: &str = "\
Examples:
  shipway local status
  shipway local status ../cloud.json --output json

Exit codes: 0 it is up; 2 the command line is wrong; 3 none is up, or it does not answer.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct StatusArguments {
    #[command(flatten)]
    pub which: WhichCloud,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// The text for people or programs. `path` is the file of the cloud.
pub fn show(output: Output, path: &Path, cloud: &CloudFile, inventory: &Inventory) -> String {
    match output {
        Output::Human => {
            let mut parts = vec![reach(cloud, Timestamp::now())];
            parts.extend(tables(inventory));
            parts.join("\n\n")
        }
        Output::Json => document(path, cloud, inventory),
    }
}

fn reach(cloud: &CloudFile, now: Timestamp) -> String {
    let age = age(cloud.started.parse().ok(), now);
    let started = if cloud.started.is_empty() { UNKNOWN } else { &cloud.started };
    format!(
        "up         since {started} ({age}), process {}\n\
         state      {}\n\
         proxy      {}\n\
         authority  {}\n\
         registry   http://{} (images without the proxy)\n\
         browser    {} (public names without a password)\n\
         containers {}",
        cloud.pid,
        cloud.state.display(),
        cloud.proxy.expose(),
        cloud.ca_file.display(),
        cloud.direct_registry,
        cloud.browser,
        cloud.runtime
    )
}

/// A table for each kind that there is.
fn tables(inventory: &Inventory) -> Vec<String> {
    let Inventory { resource_groups, registries, container_groups, container_apps, vaults } =
        inventory;
    let table = |headings: &[&str], rows: Vec<Vec<String>>| {
        (!rows.is_empty()).then(|| columns(headings, &rows))
    };
    let group = |it: &HeldResourceGroup| vec![it.name.clone(), it.location.clone()];
    let registry = |it: &HeldRegistry| {
        let within = it.resource_group.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        vec![it.host.clone(), within, it.repositories.to_string(), it.tags.to_string()]
    };
    let workloads = |heading, all: &[HeldWorkload]| {
        let rows = all.iter().flat_map(workload).collect();
        table(&[heading, "RESOURCE GROUP", "STATE", "URL", "ON THIS MACHINE"], rows)
    };
    let vault = |it: &HeldVault| vec![it.host.clone(), it.secrets.to_string()];
    let all = [
        table(&["RESOURCE GROUP", "LOCATION"], resource_groups.iter().map(group).collect()),
        table(
            &["REGISTRY", "RESOURCE GROUP", "REPOSITORIES", "TAGS"],
            registries.iter().map(registry).collect(),
        ),
        workloads("CONTAINER GROUP", container_groups),
        workloads("CONTAINER APP", container_apps),
        table(&["VAULT", "SECRETS"], vaults.iter().map(vault).collect()),
    ];
    let found: Vec<String> = all.into_iter().flatten().collect();
    if found.is_empty() { vec!["it holds nothing yet".to_owned()] } else { found }
}

/// A row for each address, or one without.
fn workload(it: &HeldWorkload) -> Vec<Vec<String>> {
    let row = |url: String, local: String| {
        vec![it.name.clone(), it.resource_group.clone(), it.state.clone(), url, local]
    };
    if it.addresses.is_empty() {
        return vec![row(UNKNOWN.to_owned(), UNKNOWN.to_owned())];
    }
    let addresses = it.addresses.iter();
    addresses.map(|found| row(found.url.clone(), format!("http://{}", found.local))).collect()
}

/// One document. Its keys are documented in `docs/local-cloud.md` and do not change.
fn document(path: &Path, cloud: &CloudFile, inventory: &Inventory) -> String {
    let mut document = json!({
        "cloud": path,
        "state": cloud.state,
        "pid": cloud.pid,
        "started": cloud.started,
        "proxy": cloud.proxy.expose(),
        "authority": cloud.ca_file,
        "registry": format!("http://{}", cloud.direct_registry),
        "browser": cloud.browser,
        "containers": cloud.runtime,
        "subscription": cloud.subscription_id,
        "tenant": cloud.tenant_id,
    });
    if let (Some(document), Ok(serde_json::Value::Object(held))) =
        (document.as_object_mut(), serde_json::to_value(inventory))
    {
        document.extend(held);
    }
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::tables;
    use crate::local::Inventory;

    #[test]
    fn what_is_held_is_shown_in_a_table_for_each_kind() {
        let inventory: Inventory = serde_json::from_str(
            r#"{
                "resource-groups": [{"name": "demo", "location": "westeurope"}],
                "registries": [
                    {"host": "demo.azurecr.io", "resource-group": "demo", "repositories": 2, "tags": 3},
                    {"host": "ghcr.io", "resource-group": null, "repositories": 1, "tags": 1}
                ],
                "container-groups": [
                    {"name": "web", "resource-group": "demo", "state": "Running", "addresses": [
                        {"url": "http://web.westeurope.azurecontainer.io", "local": "127.0.0.1:4001"},
                        {"url": "http://web.westeurope.azurecontainer.io:81", "local": "127.0.0.1:4002"}
                    ]},
                    {"name": "job", "resource-group": "demo", "state": "Succeeded", "addresses": []}
                ],
                "container-apps": [
                    {"name": "api", "resource-group": "demo", "state": "Running", "addresses": [
                        {"url": "https://api.local-1.westeurope.azurecontainerapps.io", "local": "127.0.0.1:4003"}
                    ]}
                ],
                "vaults": [{"host": "demo.vault.azure.net", "secrets": 2}]
            }"#,
        )
        .expect("an inventory");
        assert_eq!(
            tables(&inventory).join("\n\n"),
            "\
RESOURCE GROUP  LOCATION
demo            westeurope

REGISTRY         RESOURCE GROUP  REPOSITORIES  TAGS
demo.azurecr.io  demo            2             3
ghcr.io          -               1             1

CONTAINER GROUP  RESOURCE GROUP  STATE      URL                                         ON THIS MACHINE
web              demo            Running    http://web.westeurope.azurecontainer.io     http://127.0.0.1:4001
web              demo            Running    http://web.westeurope.azurecontainer.io:81  http://127.0.0.1:4002
job              demo            Succeeded  -                                           -

CONTAINER APP  RESOURCE GROUP  STATE    URL                                                   ON THIS MACHINE
api            demo            Running  https://api.local-1.westeurope.azurecontainerapps.io  http://127.0.0.1:4003

VAULT                 SECRETS
demo.vault.azure.net  2"
        );
    }

    #[test]
    fn an_empty_cloud_says_so() {
        assert_eq!(tables(&Inventory::default()), ["it holds nothing yet"]);
    }
}
