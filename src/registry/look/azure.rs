//! What Azure's registries say beside the distribution specification: when a
//! tag was last moved (Container Registry data plane, `/acr/v1/NAME/_tags`).

use super::time;
use crate::registry::client::Client;
use crate::registry::error::Failure;
use crate::registry::login::is_azure_registry;
use crate::registry::pull::pages;
use crate::registry::wire::Scope;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tag {
    name: String,
    #[serde(default)]
    last_update_time: String,
}

/// When each tag was last moved; nothing at other registries, and where the
/// registry will not say, because a list is worth having without it.
pub(super) async fn updates(
    client: &Client,
    host: &str,
    repository: &str,
) -> BTreeMap<String, Timestamp> {
    if !is_azure_registry(host) {
        return BTreeMap::new();
    }
    let pages = read(client, host, repository).await.unwrap_or_default();
    let tags = pages.into_iter().filter_map(|page| page.tags).flatten();
    tags.filter_map(|tag| Some((tag.name, time::known(&tag.last_update_time)?))).collect()
}

async fn read(client: &Client, host: &str, repository: &str) -> Result<Vec<Page>, Failure> {
    let host = client.host(host)?;
    let url = url(&host.address.base, &format!("{repository}/_tags"));
    pages(&host, url, &Scope::of(repository, "pull,metadata_read")).await
}

fn url(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("/acr/v1/{path}"));
    url
}
