//! The address of a registry, and the redirects that it may ask for.

use crate::oci::is_azure_registry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The address of a registry.
#[derive(Clone, Debug)]
pub struct Address {
    /// As references spell it, with the port if there is one.
    pub name: String,
    /// The URL that paths are joined to.
    pub base: Url,
    loopback: bool,
    named: NamedHosts,
}

/// Hosts that the operator allows by name, each with a port where it holds for that port alone.
#[derive(Clone, Debug, Default)]
pub struct NamedHosts {
    /// Token servers that may have the logins of registries on other hosts.
    pub tokens: Vec<String>,
    /// Storage on private addresses, to which registries may redirect.
    pub storage: Vec<String>,
}

/// Registries whose token server is another host, as their documentation says.
const TOKEN_HOSTS: &[(&str, &str)] = &[
    ("registry-1.docker.io", "auth.docker.io"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
];

impl Address {
    /// Uses HTTPS, except on loopback (as docker does) and where the plan allows plain
    /// HTTP. `None` for text that is not a host.
    pub fn new(name: &str, insecure: bool) -> Option<Self> {
        let endpoint = match name {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        let plain = Url::parse(&format!("http://{endpoint}/")).ok()?;
        let only_a_host = plain.path() == "/" && plain.username().is_empty();
        if !only_a_host || plain.query().is_some() || plain.fragment().is_some() {
            return None;
        }
        let loopback = is_loopback(&plain);
        let base = if loopback || insecure {
            plain
        } else {
            Url::parse(&format!("https://{endpoint}/")).ok()?
        };
        Some(Self { name: name.to_owned(), base, loopback, named: NamedHosts::default() })
    }

    /// With hosts that the operator named.
    pub fn with_named_hosts(mut self, named: &NamedHosts) -> Self {
        self.named = named.clone();
        self
    }

    /// The same over TLS, also on loopback.
    pub fn with_tls(mut self) -> Self {
        self.base.set_scheme("https").expect("both schemes are those of the web");
        self
    }

    /// Whether a token server may be sent the password of this registry: its own host, a
    /// domain that it is a part of, a known one, or one that the operator named. The
    /// registry alone decides nothing here, since anyone can run one.
    pub fn may_sign_in_at(&self, url: &Url) -> bool {
        let (Some(own), Some(host)) = (self.base.host_str(), url.host_str()) else { return false };
        let is_parent = host.contains('.') && own.ends_with(&format!(".{host}"));
        own == host
            || is_parent
            || (self.loopback && is_loopback(url))
            || TOKEN_HOSTS.contains(&(own, host))
            || is_named(&self.named.tokens, url)
    }

    /// Whether this registry may be sent a token of Entra ID, with which whoever has it signs in to
    /// every registry of Azure: one of Azure, or one that the operator named, as where it has a
    /// domain of its own.
    pub fn may_have_entra_token(&self) -> bool {
        let Some(own) = self.base.host_str() else { return false };
        is_azure_registry(own) || is_named(&self.named.tokens, &self.base)
    }

    /// The URL of a path under `/v2/`.
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{path}"));
        url
    }

    /// Whether a URL belongs to this registry. Only such URLs may see its token.
    pub fn is_here(&self, url: &Url) -> bool {
        url.scheme() == self.base.scheme()
            && url.host() == self.base.host()
            && url.port_or_known_default() == self.base.port_or_known_default()
    }

    /// Whether the registry may redirect a request to a URL: not to a private address,
    /// unless it has one itself or the operator named it as storage, and not from TLS to plain
    /// HTTP.
    pub fn may_go(&self, url: &Url) -> bool {
        self.keeps_tls(url) && (self.is_public(url) || is_named(&self.named.storage, url))
    }

    /// Whether the registry may name a URL as its token server: as [`may_go`](Self::may_go),
    /// where the operator named it as one.
    pub fn may_ask_for_tokens(&self, url: &Url) -> bool {
        self.keeps_tls(url) && (self.is_public(url) || is_named(&self.named.tokens, url))
    }

    /// The host of a URL that is refused for its private address alone, which the operator can
    /// name.
    pub fn private_host<'u>(&self, url: &'u Url) -> Option<&'u str> {
        let is_refused = self.keeps_tls(url) && !self.is_public(url);
        url.host_str().filter(|_| is_refused)
    }

    fn keeps_tls(&self, url: &Url) -> bool {
        url.scheme() == "https" || url.scheme() == self.base.scheme()
    }

    fn is_public(&self, url: &Url) -> bool {
        url.host() == self.base.host() || self.loopback || !is_private(url)
    }

    /// Resolves the `Location` of an upload, as [`locate`](Self::locate) does.
    ///
    /// A registry behind a proxy may name itself by the port that it has there. Its own paths
    /// are mended, since another port may not see the login.
    pub fn locate_upload(&self, from: &Url, location: &str) -> Option<Url> {
        let mut url = from.join(location).ok()?;
        if url.host() == self.base.host()
            && url.path().starts_with("/v2/")
            && url.set_scheme(self.base.scheme()).is_ok()
            && url.set_port(self.base.port()).is_ok()
        {
            return Some(url);
        }
        self.locate(from, location)
    }

    /// Resolves a `Location`. `None` where the registry may not redirect there.
    ///
    /// A registry behind a TLS proxy may name itself by plain HTTP: that is mended.
    pub fn locate(&self, from: &Url, location: &str) -> Option<Url> {
        let url = from.join(location).ok()?;
        let same = url.host() == self.base.host() && url.port().is_none();
        if same && url.scheme() == "http" && self.base.scheme() == "https" {
            let mut mended = url.clone();
            if mended.set_scheme("https").is_ok() && mended.set_port(self.base.port()).is_ok() {
                return Some(mended);
            }
        }
        self.may_go(&url).then_some(url)
    }
}

/// Whether a list has the host of a URL, with its port or without one. An IPv6 address may
/// stand in brackets.
fn is_named(names: &[String], url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_matches(['[', ']']);
    let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
    let fits = |named: &String| {
        [Some(host), Some(bare), with_port.as_deref()]
            .into_iter()
            .flatten()
            .any(|it| it.eq_ignore_ascii_case(named))
    };
    names.iter().any(fits)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(ip)) => is_private_v4(ip),
        Some(Host::Ipv6(ip)) => is_private_v6(ip),
        None => true,
    }
}

/// RFC 6761, section 6.3: every name below `localhost` is this machine too.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
    ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || shared
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    if let IpAddr::V4(ip) = IpAddr::V6(ip).to_canonical() {
        return is_private_v4(ip);
    }
    ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::{Address, NamedHosts};
    use url::Url;

    fn address(name: &str) -> Address {
        Address::new(name, false).expect("a host")
    }

    #[test]
    fn plain_http_is_used_on_loopback_and_where_allowed() {
        let base = |name: &str, insecure| {
            Address::new(name, insecure).map(|address| address.base.to_string())
        };

        assert_eq!(base("demo.azurecr.io", false).as_deref(), Some("https://demo.azurecr.io/"));
        assert_eq!(base("demo.local:5000", true).as_deref(), Some("http://demo.local:5000/"));
        for loopback in ["localhost:5000", "127.3.2.1:5000", "[::1]:5000"] {
            assert_eq!(base(loopback, false), Some(format!("http://{loopback}/")));
        }
        assert_eq!(base("docker.io", false).as_deref(), Some("https://registry-1.docker.io/"));
        for wrong in ["", "a b", "me@host", "host/path", "host?x", "host#x"] {
            assert_eq!(base(wrong, false), None, "{wrong}");
        }
    }

    #[test]
    fn redirects_to_private_addresses_are_refused() {
        let may = |name: &str, url: &str| address(name).may_go(&Url::parse(url).expect("a URL"));

        for private in [
            "https://169.254.169.254/token",
            "https://10.0.0.1/",
            "https://127.0.0.1/",
            "https://localhost/",
            "https://localhost./",
            "https://vault.localhost/",
            "https://[::1]/",
            "https://[::ffff:192.168.0.1]/",
            "https://[fd00::1]/",
            "https://100.64.0.1/",
            "http://storage.example.com/",
        ] {
            assert!(!may("demo.azurecr.io", private), "{private}");
        }
        assert!(may("demo.azurecr.io", "https://storage.example.com/x"));
        assert!(may("10.0.0.1:5000", "https://10.0.0.1/token"));
        assert!(may("127.0.0.1:5000", "http://127.0.0.1:5001/token"));
    }

    #[test]
    fn private_addresses_are_allowed_by_name() {
        let words = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
        let named = NamedHosts {
            tokens: words(&["10.0.0.7"]),
            storage: words(&["10.0.0.5:9000", "fd00::1", "Vault.localhost"]),
        };
        let address = address("demo.example.com").with_named_hosts(&named);
        let url = |text: &str| Url::parse(text).expect("a URL");

        for storage in
            ["https://10.0.0.5:9000/b", "https://[fd00::1]/b", "https://vault.localhost/b"]
        {
            assert!(address.may_go(&url(storage)), "{storage}");
            assert!(!address.may_ask_for_tokens(&url(storage)), "{storage}");
        }
        assert!(address.may_ask_for_tokens(&url("https://10.0.0.7:8443/token")));
        for refused in ["https://10.0.0.5/b", "http://10.0.0.5:9000/b", "https://10.0.0.7/b"] {
            assert!(!address.may_go(&url(refused)), "{refused}");
        }
        // What a name would not help is not suggested.
        assert_eq!(address.private_host(&url("https://10.0.0.5/b")), Some("10.0.0.5"));
        assert_eq!(address.private_host(&url("http://10.0.0.5:9000/b")), None);
        assert_eq!(address.private_host(&url("https://storage.example.com/b")), None);
    }

    #[test]
    fn loopback_speaks_tls_where_it_is_told_so() {
        let address = address("127.0.0.1:5000").with_tls();
        assert_eq!(address.base.as_str(), "https://127.0.0.1:5000/");
        assert!(address.may_go(&Url::parse("https://127.0.0.1:9000/b").expect("a URL")));
    }

    #[test]
    fn passwords_go_to_the_token_servers_of_a_registry_alone() {
        let may = |name: &str, url: &str| {
            let tokens = vec!["auth.example.net".to_owned(), "10.0.0.9:8443".to_owned()];
            let named = NamedHosts { tokens, storage: vec!["auth.example.org".to_owned()] };
            address(name).with_named_hosts(&named).may_sign_in_at(&Url::parse(url).expect("a URL"))
        };
        assert!(may("demo.azurecr.io", "https://demo.azurecr.io/oauth2/token"));
        assert!(may("docker.io", "https://auth.docker.io/token"));
        assert!(may("registry.gitlab.com", "https://gitlab.com/jwt/auth"));
        assert!(may("127.0.0.1:5000", "http://127.0.0.1:5001/token"));
        assert!(may("registry.example.com", "https://auth.example.net/token"));
        assert!(may("registry.example.com", "https://10.0.0.9:8443/token"));

        assert!(!may("registry.example.com", "https://10.0.0.9/token"));
        assert!(!may("registry.example.com", "https://auth.example.org/token"));
        assert!(!may("demo.azurecr.io", "https://other.azurecr.io/oauth2/token"));
        assert!(!may("ghcr.io", "https://io/token"));
        assert!(!may("registry.example.com", "http://127.0.0.1:5001/token"));
    }

    #[test]
    fn locations_are_relative_or_absolute_and_keep_their_query() {
        let from = Url::parse("https://demo.azurecr.io/v2/web/blobs/uploads/").expect("a URL");
        let locate = |location: &str| {
            address("demo.azurecr.io").locate(&from, location).map(|url| url.to_string())
        };

        assert_eq!(
            locate("/v2/x?_state=a%2Bb=&z").as_deref(),
            Some("https://demo.azurecr.io/v2/x?_state=a%2Bb=&z")
        );
        assert_eq!(
            locate("http://demo.azurecr.io/v2/x").as_deref(),
            Some("https://demo.azurecr.io/v2/x")
        );
        assert_eq!(locate("https://192.168.1.1/v2/x"), None);
    }

    #[test]
    fn uploads_at_another_port_of_the_registry_are_mended() {
        let locate = |name: &str, location: &str| {
            let address = address(name);
            let from = address.url("web/blobs/uploads/");
            address.locate_upload(&from, location).map(|url| url.to_string())
        };
        let mended = Some("https://demo.example.com:5000/v2/x?_state=a".to_owned());
        for location in [
            "https://demo.example.com/v2/x?_state=a",
            "http://demo.example.com/v2/x?_state=a",
            "http://demo.example.com:8080/v2/x?_state=a",
            "/v2/x?_state=a",
        ] {
            assert_eq!(locate("demo.example.com:5000", location), mended, "{location}");
        }
        // Storage of its own may be at another port.
        let storage = "https://demo.example.com:9000/bucket/x?sig=a";
        assert_eq!(locate("demo.example.com:5000", storage).as_deref(), Some(storage));
        assert_eq!(
            locate("demo.example.com", "https://eu.example.com/v2/x").as_deref(),
            Some("https://eu.example.com/v2/x")
        );
        assert_eq!(locate("demo.example.com", "http://eu.example.com/v2/x"), None);
    }
}
