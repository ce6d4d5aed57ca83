//! What Azure's registries say beside the distribution specification: when a
//! tag was last moved (Container Registry data plane, `/acr/v1/NAME/_tags`).

use super::time;
use crate::oci::Reference;
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::login::is_azure_registry;
use crate::registry::pull::pages;
use crate::registry::wire::{self, Request, Scope};
use jiff::Timestamp;
use reqwest::Method;
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
    /// Takes a tag from a manifest that stays, which only Azure's registries
    /// can do. Without complaint when it is not there.
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
