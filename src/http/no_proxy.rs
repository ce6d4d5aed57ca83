//! The hosts of `NO_PROXY`, in the forms that curl, Go and Python read: a domain with
//! everything below it, an address, a network such as `10.0.0.0/8`, each with a port if it
//! holds for that port alone, and `*` for everything.

use std::net::IpAddr;
use url::{Host, Url};

/// The destinations that are reached directly.
#[derive(Debug)]
pub(super) struct NoProxy {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug)]
enum Hosts {
    All,
    /// In lower case, without a dot at either end.
    Domain(String),
    /// Its address, and the length of its prefix in bits.
    Network(IpAddr, u32),
}

impl NoProxy {
    /// Reads a list whose parts are divided by commas or white space.
    pub(super) fn parse(text: &str) -> Self {
        let parts = text.split(|it: char| it == ',' || it.is_whitespace());
        Self { entries: parts.filter(|part| !part.is_empty()).map(Entry::parse).collect() }
    }

    /// Whether a URL is reached directly.
    pub(super) fn holds(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let port = url.port_or_known_default();
        let fits = |entry: &Entry| entry.port.is_none() || entry.port == port;
        self.entries.iter().any(|entry| fits(entry) && entry.hosts.holds(&host))
    }
}

impl Entry {
    fn parse(text: &str) -> Self {
        // An IPv6 address has colons itself, and is in brackets where a port follows.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => {
                match port.parse() {
                    Ok(port) => (host, Some(port)),
                    Err(_) => (text, None),
                }
            }
            _ => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self { hosts: Hosts::parse(host), port }
    }
}

impl Hosts {
    fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::All;
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Self::Network(address, if address.is_ipv4() { 32 } else { 128 });
        }
        if let Some((address, length)) = text.split_once('/')
            && let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse())
        {
            return Self::Network(address, length);
        }
        let domain = text.trim_start_matches("*.").trim_matches('.');
        Self::Domain(domain.to_ascii_lowercase())
    }

    fn holds(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Domain(domain), Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                let above = name.strip_suffix(domain.as_str());
                !domain.is_empty() && above.is_some_and(|it| it.is_empty() || it.ends_with('.'))
            }
            (Self::Network(network, length), Host::Ipv4(address)) => {
                is_in(IpAddr::V4(*address), *network, *length)
            }
            (Self::Network(network, length), Host::Ipv6(address)) => {
                is_in(IpAddr::V6(*address), *network, *length)
            }
            (Self::Domain(_), Host::Ipv4(_) | Host::Ipv6(_))
            | (Self::Network(..), Host::Domain(_)) => false,
        }
    }
}

fn is_in(address: IpAddr, network: IpAddr, length: u32) -> bool {
    let (address, network, bits) = match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
        _ => return false,
    };
    let differing: u128 = address ^ network;
    // All bits are shifted out where the prefix is empty.
    length <= bits && differing.checked_shr(bits - length).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::NoProxy;
    use url::Url;

    #[track_caller]
    fn case(list: &str, direct: &[&str], through_the_proxy: &[&str]) {
        let list = NoProxy::parse(list);
        let holds = |url: &&&str| list.holds(&Url::parse(url).expect("a URL"));
        assert_eq!(direct.iter().find(|url| !holds(url)), None, "{list:?}");
        assert_eq!(through_the_proxy.iter().find(holds), None, "{list:?}");
    }

    #[test]
    fn entry_with_a_port_holds_for_that_port() {
        case(
            "vm:5720, example.com:443",
            &["http://vm:5720/v2/", "https://example.com/", "https://a.example.com:443/"],
            &["http://vm/", "http://vm:5721/", "http://example.com/"],
        );
        case(
            "10.0.0.4:5000 [::1]:80",
            &["http://10.0.0.4:5000/", "http://[::1]/"],
            &["http://10.0.0.4/"],
        );
    }

    #[test]
    fn networks_and_addresses() {
        case(
            "10.1.0.0/16,192.168.0.7,fd00::/8,::1",
            &[
                "http://10.1.2.3/",
                "http://192.168.0.7:81/",
                "https://[fd12::1]/",
                "http://[::1]:5/",
            ],
            &[
                "http://10.2.0.1/",
                "http://192.168.0.8/",
                "https://[fe00::1]/",
                "http://a.10.1.0.0.example/",
            ],
        );
        case("0.0.0.0/0", &["http://9.9.9.9/"], &["http://[::1]/", "http://a/"]);
        case("10.0.0.0/99", &[], &["http://10.0.0.0/"]);
    }

    #[test]
    fn domains_hold_for_everything_below() {
        case(
            ".Example.com, *.corp",
            &["http://example.com/", "http://a.b.EXAMPLE.com./", "http://x.corp/"],
            &["http://notexample.com/", "http://example.com.org/", "http://corporate/"],
        );
        case("*", &["http://a/", "http://1.2.3.4/"], &[]);
        case(" ,, ", &[], &["http://a/"]);
    }
}
