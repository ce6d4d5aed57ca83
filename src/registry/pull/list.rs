//! Lists of tags and repositories, page by page.

use crate::http;
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::wire::{self, Host, Request, Scope};
use reqwest::{Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use url::Url;

/// How many names to ask for at a time.
const PAGE_LENGTH: &str = "1000";
/// More pages are an endless list.
const MAX_PAGES: usize = 1_000;
const MAX_PAGE_BYTES: usize = 4 << 20;

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamesPage {
    tags: Option<Vec<String>>,
    repositories: Option<Vec<String>>,
}

impl Client {
    /// The tags of a repository, sorted. Empty where there is no such repository.
    pub async fn tags(&self, host: &str, repository: &str) -> Result<Vec<String>, PullError> {
        let name = format!("{host}/{repository}");
        let failed = |source| PullError::List { what: "the tags", name: name.clone(), source };
        let host = self.host(host).map_err(failed)?;
        let mut url = host.address.url(&format!("{repository}/tags/list"));
        url.query_pairs_mut().append_pair("n", PAGE_LENGTH);
        let pages = pages(&host, url, &Scope::pull(repository)).await;
        match pages {
            Ok(pages) => Ok(sorted(pages.into_iter().filter_map(|page: NamesPage| page.tags))),
            Err(failure) if failure.status() == Some(404) => Ok(Vec::new()),
            Err(failure) => Err(failed(failure)),
        }
    }

    /// The repositories of a registry, sorted.
    pub async fn catalog(&self, host: &str) -> Result<Vec<String>, PullError> {
        let name = host.to_owned();
        let failed =
            |source| PullError::List { what: "the repositories", name: name.clone(), source };
        let host = self.host(host).map_err(failed)?;
        let mut url = host.address.url("_catalog");
        url.query_pairs_mut().append_pair("n", PAGE_LENGTH);
        let pages = pages(&host, url, &Scope::catalog()).await.map_err(failed)?;
        Ok(sorted(pages.into_iter().filter_map(|page: NamesPage| page.repositories)))
    }
}

fn sorted(names: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    names.flatten().collect::<BTreeSet<_>>().into_iter().collect()
}

/// All pages of a list.
pub async fn pages<T: DeserializeOwned>(
    host: &Host,
    mut url: Url,
    scope: &Scope,
) -> Result<Vec<T>, Failure> {
    let mut seen = BTreeSet::from([url.clone()]);
    let mut pages = Vec::new();
    loop {
        let request = Request::new(Method::GET, url.clone(), scope.clone());
        let response = host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        let next = next_url(host, &response)?;
        let body = http::body("GET", response, MAX_PAGE_BYTES).await?;
        let page = serde_json::from_slice(&body)
            .map_err(|error| Failure::Unexpected(format!("the list cannot be read: {error}")))?;
        pages.push(page);
        match next {
            None => return Ok(pages),
            Some(next) if pages.len() < MAX_PAGES && seen.insert(next.clone()) => url = next,
            Some(_) => {
                return Err(Failure::Unexpected("the list has no end".to_owned()));
            }
        }
    }
}

/// The target of the next page in a `Link` header.
pub fn next_target(link: &str) -> Option<&str> {
    let (target, parameters) = link.split_once('<')?.1.split_once('>')?;
    parameters.contains("next").then_some(target)
}

/// The URL of the next page, which must be on the same registry:
/// `Link: </v2/web/tags/list?last=x&n=1000>; rel="next"` (RFC 8288).
fn next_url(host: &Host, response: &Response) -> Result<Option<Url>, Failure> {
    let Some(link) = wire::header(response, "link") else { return Ok(None) };
    let Some(target) = next_target(link) else { return Ok(None) };
    let url = host.address.locate(response.url(), target);
    match url.filter(|url| host.address.is_here(url)) {
        Some(url) => Ok(Some(url)),
        None => Err(Failure::Elsewhere {
            host: host.address.name.clone(),
            to: http::shortened(target.split('?').next().unwrap_or_default(), 200),
            private_host: None,
        }),
    }
}
