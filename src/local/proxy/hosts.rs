//! Which service answers for a host name.

use crate::local::registry::{Accounts, is_azure_name};
use crate::local::vault::Vaults;
use crate::oci::registry_host;
use std::net::IpAddr;

/// The simulated domains of each Azure cloud. The certificate authority is
/// constrained to these and to the registry hosts outside of them.
pub const DOMAINS: [&str; 22] = [
    "azurecr.io",
    "azurecr.us",
    "azurecr.cn",
    "management.azure.com",
    "management.usgovcloudapi.net",
    "management.chinacloudapi.cn",
    "vault.azure.net",
    "vault.usgovcloudapi.net",
    "vault.azure.cn",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
    "api.github.com",
    "graph.microsoft.com",
    "azurecontainer.io",
    "azurecontainer.us",
    "azurecontainer.cn",
    "atlas.cloudapp.azure.com",
    "azurecontainerapps.io",
    "azurecontainerapps.dev",
    "blob.core.windows.net",
];

const VAULT_DOMAINS: [&str; 3] =
    [".vault.azure.net", ".vault.usgovcloudapi.net", ".vault.azure.cn"];
const CONTAINER_DOMAINS: [&str; 3] =
    [".azurecontainer.io", ".azurecontainer.us", ".azurecontainer.cn"];

/// The ends of the names that anyone may ask.
pub const PUBLIC_DOMAINS: [&str; 4] =
    [".azurecontainer.io", ".azurecontainer.us", ".azurecontainer.cn", APP_DOMAIN];

/// Apps, and their logs and terminals.
const APP_DOMAIN: &str = ".azurecontainerapps.io";
const APP_STREAM_DOMAIN: &str = ".azurecontainerapps.dev";

/// The contexts and logs of builds.
const STORAGE_DOMAIN: &str = ".blob.core.windows.net";

/// Web sockets to the terminals of containers.
const TERMINAL_DOMAIN: &str = ".atlas.cloudapp.azure.com";
const TERMINAL_PORT: u16 = 19390;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Azure's or another one of the plan.
    Registry,
    Arm,
    Vault,
    Entra,
    Graph,
    GitHub,
    /// A Fulcio, a Rekor, or the tokens of the job that signs.
    Sigstore,
    /// A container group, which need not exist.
    Container,
}

/// A host for which no service answers.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnknownHost {
    /// In a simulated domain, but there is no such resource.
    #[error("there is no {what} `{host}` in the local cloud")]
    Resource {
        /// `registry` or `vault`.
        what: &'static str,
        host: String,
    },
    /// In no simulated domain.
    #[error("`{host}` is not part of the local cloud")]
    Host { host: String },
}

pub fn service(
    host: &str,
    port: u16,
    accounts: &Accounts,
    vaults: &Vaults,
) -> Result<Service, UnknownHost> {
    let host = host.to_ascii_lowercase();
    let below = |suffixes: &[&str]| suffixes.iter().any(|suffix| host.ends_with(suffix));
    if accounts.is_other(&registry_name(&host, port, accounts)) {
        return Ok(Service::Registry);
    }
    if below(&CONTAINER_DOMAINS) {
        return Ok(Service::Container);
    }
    if port == TERMINAL_PORT && below(&[TERMINAL_DOMAIN]) {
        return Ok(Service::Arm);
    }
    if (is_app(&host) && matches!(port, 80 | 443))
        || (port == 443 && below(&[APP_STREAM_DOMAIN, STORAGE_DOMAIN]))
    {
        return Ok(Service::Arm);
    }
    let found = match host.as_str() {
        _ if port != 443 => None,
        "management.azure.com" | "management.usgovcloudapi.net" | "management.chinacloudapi.cn" => {
            Some(Service::Arm)
        }
        "login.microsoftonline.com"
        | "login.microsoftonline.us"
        | "login.chinacloudapi.cn"
        | "login.partner.microsoftonline.cn" => Some(Service::Entra),
        "api.github.com" => Some(Service::GitHub),
        "graph.microsoft.com" => Some(Service::Graph),
        _ if accounts.is_azure(&host) => Some(Service::Registry),
        _ if vaults.exists(&host) => Some(Service::Vault),
        _ if is_azure_name(&host) => return Err(UnknownHost::Resource { what: "registry", host }),
        _ if below(&VAULT_DOMAINS) => return Err(UnknownHost::Resource { what: "vault", host }),
        _ => None,
    };
    // Container groups also have IP addresses. The runtime knows which ones exist.
    let elsewhere = |address: IpAddr| !address.is_loopback() && !address.is_unspecified();
    if found.is_none() && host.parse().is_ok_and(elsewhere) {
        return Ok(Service::Container);
    }
    found.ok_or(UnknownHost::Host { host })
}

/// Whether a host is the public name of a container group or an app, which need not exist.
pub fn is_public(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    PUBLIC_DOMAINS.iter().any(|end| host.ends_with(end))
}

/// Whether a host is that of an app, whether or not that exists.
pub fn is_app(host: &str) -> bool {
    host.to_ascii_lowercase().ends_with(APP_DOMAIN)
}

/// The name of a registry as references have it: with the port unless that is a
/// default one, and `docker.io` for the hosts behind it.
pub fn registry_name(host: &str, port: u16, accounts: &Accounts) -> String {
    let with_port = format!("{host}:{port}");
    let usual = matches!(port, 80 | 443) && !accounts.is_other(&with_port);
    if usual { registry_host(host) } else { with_port }
}

#[cfg(test)]
mod tests {
    use super::{Service, registry_name, service};
    use crate::local::registry::Accounts;
    use crate::local::vault::Vaults;

    #[test]
    fn host_names_select_the_service() {
        let state = tempfile::tempdir().expect("a folder");
        let initial = serde_json::from_str(
            r#"{
                "registries": [{"host": "demo.azurecr.io", "name": "demo", "resource-group": "g"}],
                "other-registries": [{"host": "127.0.0.1:5000"}, {"host": "ghcr.io"}],
                "seed-images": [{"reference": "busybox:1", "layout": "base"}],
                "vaults": [{"host": "demo.vault.azure.net"}]
            }"#,
        )
        .expect("an initial state");
        let accounts = Accounts::open(state.path(), &initial).expect("made");
        let vaults = Vaults::open(state.path(), &initial).expect("made");
        let case = |host: &str, port| {
            service(host, port, &accounts, &vaults).map_err(|absent| absent.to_string())
        };

        assert_eq!(case("Demo.azurecr.io", 443), Ok(Service::Registry));
        assert_eq!(case("127.0.0.1", 5000), Ok(Service::Registry));
        assert_eq!(case("ghcr.io", 443), Ok(Service::Registry));
        for name in ["docker.io", "registry-1.docker.io", "index.docker.io"] {
            assert_eq!(case(name, 443), Ok(Service::Registry), "{name}");
            assert_eq!(registry_name(name, 443, &accounts), "docker.io");
        }
        assert_eq!(case("management.azure.com", 443), Ok(Service::Arm));
        assert_eq!(case("local.atlas.cloudapp.azure.com", 19390), Ok(Service::Arm));
        assert_eq!(case("demo.vault.azure.net", 443), Ok(Service::Vault));
        assert_eq!(case("login.microsoftonline.com", 443), Ok(Service::Entra));
        assert_eq!(case("api.github.com", 443), Ok(Service::GitHub));
        assert_eq!(case("graph.microsoft.com", 443), Ok(Service::Graph));
        for name in [
            "web.local-1.westeurope.azurecontainerapps.io",
            "westeurope.azurecontainerapps.dev",
            "shipwaylocal.blob.core.windows.net",
        ] {
            assert_eq!(case(name, 443), Ok(Service::Arm), "{name}");
        }
        assert_eq!(case("20.61.3.4", 80), Ok(Service::Container));
        assert_eq!(case("x.westeurope.azurecontainer.io", 5432), Ok(Service::Container));
        let no = |host: &str, port| case(host, port).expect_err("unknown");
        assert_eq!(
            no("other.azurecr.io", 443),
            "there is no registry `other.azurecr.io` in the local cloud"
        );
        assert_eq!(
            no("x.vault.azure.net", 443),
            "there is no vault `x.vault.azure.net` in the local cloud"
        );
        assert_eq!(no("example.com", 443), "`example.com` is not part of the local cloud");
        assert_eq!(no("127.0.0.1", 5001), "`127.0.0.1` is not part of the local cloud");
        assert_eq!(no("demo.azurecr.io", 22), "`demo.azurecr.io` is not part of the local cloud");
    }
}
