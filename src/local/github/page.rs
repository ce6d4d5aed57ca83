//! Paginated lists with `Link` headers.

use super::context::{Fields, RepositoryContext};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use serde_json::Value;

/// The values that GitHub documents for `per_page`.
const DEFAULT_PAGE_SIZE: usize = 30;
const MAX_PAGE_SIZE: usize = 100;

/// One page of a list. `path` is relative to the repository. As at GitHub, the
/// links contain the repository's number instead of its name.
pub fn page(context: &RepositoryContext, path: &str, query: &Fields, all: &[Value]) -> Response {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(DEFAULT_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE);
    let current = number("page").unwrap_or(1).max(1);
    let last = all.len().div_ceil(size).max(1);
    let shown: Vec<&Value> = all.iter().skip((current - 1) * size).take(size).collect();
    let mut answer = Json(shown).into_response();
    let mut other = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query.iter().filter(|(name, _)| !name.ends_with("page")) {
        other.append_pair(name, value);
    }
    let other = other.append_pair("per_page", &size.to_string()).finish();
    let link = |page: usize, relation: &str| {
        let base = format!("https://api.github.com/repositories/{}", context.repository_id);
        format!("<{base}/{path}?{other}&page={page}>; rel=\"{relation}\"")
    };
    let mut links = Vec::new();
    if current > 1 {
        links.push(link(current - 1, "prev"));
    }
    if current < last {
        links.extend([link(current + 1, "next"), link(last, "last")]);
    }
    if current > 1 {
        links.push(link(1, "first"));
    }
    if let Some(value) = Some(links.join(", ")).filter(|text| !text.is_empty())
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        answer.headers_mut().insert(header::LINK, value);
    }
    answer
}
