//! What Azure registries offer beyond the distribution specification: the time a tag
//! was last moved, and removing a tag from a manifest that stays (Container
//! Registry data plane, `/acr/v1/NAME/_tags`).

use super::time;
use crate::oci::Reference;
use crate::registry::azure::is_azure_registry;
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::pull::pages;
use crate::registry::wire::{self, Request, Scope};
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

#[derive(Default, Deserialize)]
#[serde(default)]
struct TagPage {
    tags: Option<Vec<TagAttributes>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TagAttributes {
    name: String,
    #[serde(default)]
    last_update_time: String,
}

/// When each tag was last moved. Empty at other registries, and where the request
/// fails: a listing is useful without these times.
pub async fn tag_updates(
    client: &Client,
    host: &str,
    repository: &str,
) -> BTreeMap<String, Timestamp> {
    if !is_azure_registry(host) {
        return BTreeMap::new();
    }
    let pages = tag_pages(client, host, repository).await.unwrap_or_default();
    let tags = pages.into_iter().filter_map(|page| page.tags).flatten();
    tags.filter_map(|tag| Some((tag.name, time::meaningful(&tag.last_update_time)?))).collect()
}

async fn tag_pages(client: &Client, host: &str, repository: &str) -> Result<Vec<TagPage>, Failure> {
    let host = client.host(host)?;
    let mut url = url(&host.address.base, &format!("{repository}/_tags"));
    url.query_pairs_mut().append_pair("n", "1000");
    pages(&host, url, &Scope::of(repository, "pull,metadata_read")).await
}

fn url(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("/acr/v1/{path}"));
    url
}

impl Client {
    /// Removes a tag from a manifest that stays, which only Azure registries can do.
    /// Succeeds where there is no such tag.
    pub async fn untag(&self, reference: &Reference) -> Result<(), PullError> {
        let failed = |source| PullError::Delete { reference: reference.clone(), source };
        let host = self.host(&reference.host).map_err(failed)?;
        let tag = reference.tag.as_deref().unwrap_or_default();
        let url = url(&host.address.base, &format!("{}/_tags/{tag}", reference.repository));
        let scope = Scope::of(&reference.repository, "pull,delete");
        let request = Request::new(Method::DELETE, url, scope);
        let response = host.send(&request).await.map_err(failed)?;
        match response.status().as_u16() {
            200..=204 | 404 => Ok(()),
            _ => Err(failed(wire::refused("DELETE", response).await.into())),
        }
    }
}
