//! Requests below the URL of a service, and their answers.

use crate::http::{self, SafeUrl};
use serde::de::DeserializeOwned;
use url::Url;

/// A certificate with its chain, and an entry with its proof, have some kilobytes.
pub const MAX_ANSWER_BYTES: usize = 1 << 20;

/// The URL of a path below a service.
pub fn below(service: &Url, path: &str) -> Url {
    let mut url = service.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    }
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Reads an answer as JSON.
pub async fn json<T: DeserializeOwned>(
    method: &'static str,
    response: reqwest::Response,
) -> Result<T, http::Error> {
    let (url, route) = (response.url().clone(), http::route_of(&response));
    let body = http::body(method, response, MAX_ANSWER_BYTES).await?;
    serde_json::from_slice(&body).map_err(|error| http::Error::Unreadable {
        method: method.into(),
        url: SafeUrl::new(url),
        route,
        reason: error.to_string(),
    })
}
