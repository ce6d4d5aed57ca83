//! Lists in pages, as the service answers them: 25 at most, and a link to the next page.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

const MAX_RESULTS: usize = 25;

/// The page that a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub host: &'a str,
    pub path: &'a str,
    pub query: &'a str,
}

impl Page<'_> {
    fn value(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// This page of all values. The token of a link is the place where its page begins.
    pub fn answer(&self, all: &[Value]) -> Response {
        let number = |name| self.value(name).and_then(|text| text.parse::<usize>().ok());
        let count = number("maxresults").unwrap_or(MAX_RESULTS).clamp(1, MAX_RESULTS);
        let start = number("$skiptoken").unwrap_or(0).min(all.len());
        let end = (start + count).min(all.len());
        let next = (end < all.len()).then(|| {
            let version = self.value("api-version").unwrap_or_default();
            // As recorded, with the port.
            format!(
                "https://{}:443{}?api-version={version}&$skiptoken={end}&maxresults={count}",
                self.host, self.path
            )
        });
        Json(json!({ "value": all[start..end], "nextLink": next })).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::Page;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    async fn page(query: &str, all: &[Value]) -> Value {
        let page = Page { host: "demo.vault.azure.net", path: "/secrets", query };
        let bytes = page.answer(all).into_body().collect().await.expect("a body").to_bytes();
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[tokio::test]
    async fn pages_follow_each_other() {
        let all: Vec<Value> = (0..30).map(|number| json!(number)).collect();
        let first = page("api-version=7.4", &all).await;
        assert_eq!(first["value"].as_array().map(Vec::len), Some(25));
        assert_eq!(
            first["nextLink"],
            "https://demo.vault.azure.net:443/secrets?api-version=7.4&$skiptoken=25&maxresults=25"
        );
        let last = page("api-version=7.4&$skiptoken=25&maxresults=25", &all).await;
        assert_eq!(last, json!({ "value": [25, 26, 27, 28, 29], "nextLink": null }));
        let one = page("maxresults=1&api-version=7.4", &all[..2]).await;
        assert_eq!(one["value"], json!([0]));
        assert_eq!(page("$skiptoken=99", &all[..2]).await["value"], json!([]));
    }
}
