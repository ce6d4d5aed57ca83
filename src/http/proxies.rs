//! The proxies that the environment names, as curl and most others read it.

use super::error::BuildError;
use super::no_proxy::NoProxy;
use super::safe_url::SafeUrl;
use std::sync::Arc;
use url::Url;

/// Hosts that are never reached through a proxy: this machine, and the metadata service
/// of cloud machines.
const DIRECT: &str = "localhost,127.0.0.0/8,::1,169.254.169.254";

/// A variable of the process's environment.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The proxies in `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, and the hosts that are reached
/// without them.
#[derive(Clone, Debug)]
pub(super) struct Proxies {
    /// In the order in which they are looked through.
    named: Vec<NamedProxy>,
    excluded: Arc<NoProxy>,
}

#[derive(Clone, Debug)]
struct NamedProxy {
    /// The scheme of the URLs that it is for; `None` for all.
    scheme: Option<&'static str>,
    url: SafeUrl,
}

impl Proxies {
    /// Reads the variables. Names in lower case take precedence.
    pub(super) fn read(read: &dyn Fn(&str) -> Option<String>) -> Result<Self, BuildError> {
        let value = |name: &str| {
            let names = [name.to_lowercase(), name.to_owned()];
            names.iter().find_map(|name| read(name)).filter(|value| !value.trim().is_empty())
        };
        let excluded = format!("{},{DIRECT}", value("NO_PROXY").unwrap_or_default());
        let excluded = Arc::new(NoProxy::parse(&excluded));
        let mut named = Vec::new();
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
            named.push(NamedProxy { scheme, url: url.into() });
        }
        Ok(Self { named, excluded })
    }

    /// The proxy through which a URL is reached.
    pub(super) fn of(&self, to: &Url) -> Option<&SafeUrl> {
        let fits = |proxy: &&NamedProxy| proxy.scheme.is_none_or(|scheme| scheme == to.scheme());
        let found = self.named.iter().find(fits)?;
        (!self.excluded.holds(to)).then_some(&found.url)
    }

    /// As the HTTP library takes them, whose own list of exceptions knows no ports.
    pub(super) fn for_client(&self) -> reqwest::Proxy {
        let proxies = self.clone();
        reqwest::Proxy::custom(move |to: &Url| proxies.of(to).map(|proxy| proxy.expose().clone()))
    }
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
    use super::{Proxies, address};
    use url::Url;

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
            Proxies::read(&read).map(|proxies| proxies.named.len()).ok()
        };
        assert_eq!(count(&[]), Some(0));
        assert_eq!(count(&[("HTTPS_PROXY", "p:1"), ("http_proxy", "p:1")]), Some(2));
        assert_eq!(count(&[("https_proxy", ""), ("HTTPS_PROXY", "p:1")]), Some(0));
        assert_eq!(count(&[("https_proxy", "p:1"), ("HTTPS_PROXY", ":")]), Some(1));
        assert_eq!(count(&[("ALL_PROXY", "http://:")]), None);
    }

    #[test]
    fn proxy_of_a_url_is_that_of_its_scheme_unless_it_is_excluded() {
        let read = |name: &str| match name {
            "HTTPS_PROXY" => Some("https-proxy:1".to_owned()),
            "ALL_PROXY" => Some("all-proxy:2".to_owned()),
            "NO_PROXY" => Some("direct.example.com".to_owned()),
            _ => None,
        };
        let proxies = Proxies::read(&read).expect("addresses");
        let of = |url: &str| {
            let found = proxies.of(&Url::parse(url).expect("a URL"));
            found.map(ToString::to_string).unwrap_or_default()
        };
        assert_eq!(of("https://demo.azurecr.io/v2/"), "http://https-proxy:1/");
        assert_eq!(of("http://demo.azurecr.io/v2/"), "http://all-proxy:2/");
        assert_eq!(of("https://direct.example.com/"), "");
        assert_eq!(of("http://127.0.0.1:5000/"), "");
    }
}
