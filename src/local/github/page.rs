//! Lists in pages, with links to the others.

use super::context::{Fields, RepositoryContext};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use serde_json::Value;

/// How many are in a page where nobody says, and at most.
const USUAL: usize = 30;
const MOST: usize = 100;

/// One page of a list. `path` is below the repository; the links name the
/// repository by its number, as GitHub's do.
pub(super) fn page(
    context: &RepositoryContext,
    path: &str,
    query: &Fields,
    all: &[Value],
) -> Response {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(USUAL).clamp(1, MOST);
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
