//! Names of requests that are the same in each run, although ids differ.

use http::{Method, Uri};
use regex::Regex;
use std::sync::LazyLock;

/// The names of ids, and what they look like. The first that matches counts.
static IDS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let ids = [
        ("{digest}", "sha256(:|%3A)[0-9a-f]{64}"),
        ("{uuid}", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        ("{commit}", "[0-9a-f]{40}"),
        ("{number}", "[0-9]{6,}"),
    ];
    ids.map(|(name, pattern)| (name, Regex::new(pattern).expect("a pattern"))).into()
});

/// `METHOD host path?parameters`, without the values of the parameters.
pub fn request_key(method: &Method, host: &str, uri: &Uri) -> String {
    let mut path = uri.path().to_owned();
    for (name, pattern) in IDS.iter() {
        path = pattern.replace_all(&path, *name).into_owned();
    }
    let parameters = uri.query().unwrap_or_default().split('&');
    let parameters: Vec<&str> = parameters.filter_map(|one| one.split('=').next()).collect();
    let parameters = parameters.join("&");
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{method} {host} {path}{mark}{parameters}")
}

/// The name of a connection through the proxy.
pub fn connection_key(authority: &str) -> String {
    format!("CONNECT {authority}")
}

#[test]
fn ids_are_left_out_of_the_names_of_requests() {
    let uri = "/v2/shop/blobs/uploads/e606d4d5-317d-4c6e-9231-67dd2ffb3884?digest=sha256%3A00";
    let key = request_key(&Method::PUT, "demo.azurecr.io", &uri.parse().expect("a path"));

    assert_eq!(key, "PUT demo.azurecr.io /v2/shop/blobs/uploads/{uuid}?digest");
}
