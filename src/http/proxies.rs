//! The proxies that the environment names, as curl and most others read it.

use super::error::BuildError;
use super::no_proxy::NoProxy;
use std::sync::Arc;
use url::Url;

/// Hosts that are never reached through a proxy: this machine, and the metadata service
/// of cloud machines.
const DIRECT: &str = "localhost,127.0.0.0/8,::1,169.254.169.254";

/// A variable of the process's environment.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The proxies in `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, without the hosts in
/// `NO_PROXY`. Names in lower case take precedence.
pub(super) fn proxies(
    read: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<reqwest::Proxy>, BuildError> {
    let value = |name: &str| {
        let names = [name.to_lowercase(), name.to_owned()];
        names.iter().find_map(|name| read(name)).filter(|value| !value.trim().is_empty())
    };
    let excluded = format!("{},{DIRECT}", value("NO_PROXY").unwrap_or_default());
    let excluded = Arc::new(NoProxy::parse(&excluded));
    let mut proxies = Vec::new();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        let Some(value) = value(name) else { continue };
        let url = address(name, value.trim())?;
        // The proxy that is used refuses a scheme only when it is used.
        reqwest::Proxy::all(url.clone())
            .map_err(|source| BuildError::Proxy { proxy: url.clone().into(), source })?;
        let scheme = match name {
            "HTTPS_PROXY" => Some("https"),
            "HTTP_PROXY" => Some("http"),
            _ => None,
        };
        let excluded = Arc::clone(&excluded);
        // The library's own list of exceptions knows no ports.
        proxies.push(reqwest::Proxy::custom(move |to: &Url| {
            let fits = scheme.is_none_or(|scheme| scheme == to.scheme());
            (fits && !excluded.holds(to)).then(|| url.clone())
        }));
    }
    Ok(proxies)
}

/// Parses an address, which may lack its scheme. An unreadable one is never shown: it may
/// hold a password.
fn address(variable: &'static str, value: &str) -> Result<Url, BuildError> {
    let whole = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&whole).ok().filter(Url::has_host);
    url.ok_or(BuildError::ProxyVariable { variable })
}

#[cfg(test)]
mod tests {
    use super::{address, proxies};

    #[test]
    fn an_address_may_lack_its_scheme() {
        let read = |value| address("HTTPS_PROXY", value).expect("a proxy").to_string();

        assert_eq!(read("proxy.example.com:3128"), "http://proxy.example.com:3128/");
        assert_eq!(read("me:secret@proxy:3128"), "http://me:secret@proxy:3128/");
        assert_eq!(read("https://proxy:3128"), "https://proxy:3128/");
    }

    #[test]
    fn an_address_that_cannot_be_read_is_an_error_that_does_not_show_it() {
        let error = address("HTTPS_PROXY", "me:secret@:x").expect_err("no address");
        assert_eq!(error.to_string(), "cannot read the proxy's address in `HTTPS_PROXY`");
    }

    #[test]
    fn small_letters_beat_capitals_and_empty_is_none() {
        let count = |variables: &[(&str, &str)]| {
            let read = |name: &str| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            proxies(&read).map(|proxies| proxies.len()).ok()
        };
        assert_eq!(count(&[]), Some(0));
        assert_eq!(count(&[("HTTPS_PROXY", "p:1"), ("http_proxy", "p:1")]), Some(2));
        assert_eq!(count(&[("https_proxy", ""), ("HTTPS_PROXY", "p:1")]), Some(0));
        assert_eq!(count(&[("https_proxy", "p:1"), ("HTTPS_PROXY", ":")]), Some(1));
        assert_eq!(count(&[("ALL_PROXY", "http://:")]), None);
    }
}
