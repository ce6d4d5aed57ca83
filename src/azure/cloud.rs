//! Azure clouds and their endpoints.
//!
//! A plan can choose among these and name no others, because a pull request can
//! edit the plan, and tokens and secrets go to these hosts.

use crate::value::Cloud;
use url::Url;

/// The hosts and token scopes of a cloud.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoints {
    /// Resource Manager, such as `https://management.azure.com/`.
    pub resource_manager: Url,
    /// Entra, such as `https://login.microsoftonline.com/`.
    pub authority: Url,
    /// The scope of a token for Resource Manager.
    pub resource_manager_scope: String,
    /// The end of a vault's host, such as `.vault.azure.net`.
    pub vault_suffix: String,
    /// The audience of a token that GitHub issues for Entra.
    pub federation_audience: String,
}

impl Cloud {
    /// The endpoints, as in `cloud.py` of the Azure CLI.
    pub fn endpoints(self) -> Endpoints {
        let [manager, login, audience, vault, federation] = match self {
            Self::Public => [
                "https://management.azure.com/",
                "https://login.microsoftonline.com/",
                "https://management.azure.com",
                ".vault.azure.net",
                "api://AzureADTokenExchange",
            ],
            Self::UsGovernment => [
                "https://management.usgovcloudapi.net/",
                "https://login.microsoftonline.us/",
                "https://management.usgovcloudapi.net",
                ".vault.usgovcloudapi.net",
                "api://AzureADTokenExchange",
            ],
            Self::China => [
                "https://management.chinacloudapi.cn/",
                "https://login.chinacloudapi.cn/",
                "https://management.chinacloudapi.cn",
                ".vault.azure.cn",
                "api://AzureADTokenExchangeChina",
            ],
        };
        Endpoints {
            resource_manager: url(manager),
            authority: url(login),
            resource_manager_scope: format!("{audience}/.default"),
            vault_suffix: vault.to_owned(),
            federation_audience: federation.to_owned(),
        }
    }
}

impl Endpoints {
    /// Whether a host is a vault of this cloud.
    pub fn is_vault(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = host.strip_suffix(self.vault_suffix.as_str());
        name.is_some_and(|name| !name.is_empty() && !name.ends_with('.'))
    }
}

fn url(constant: &str) -> Url {
    Url::parse(constant).expect("a constant URL parses")
}

#[cfg(test)]
mod tests {
    use crate::value::Cloud;

    #[test]
    fn the_endpoints_of_the_clouds_differ() {
        let clouds = [Cloud::Public, Cloud::UsGovernment, Cloud::China];
        let mut seen = std::collections::BTreeSet::new();
        for endpoints in clouds.map(Cloud::endpoints) {
            assert!(seen.insert(endpoints.resource_manager.to_string()));
            assert!(seen.insert(endpoints.authority.to_string()));
            assert!(seen.insert(endpoints.vault_suffix));
        }
        let china = Cloud::China.endpoints();
        assert_eq!(china.federation_audience, "api://AzureADTokenExchangeChina");
        assert_eq!(china.resource_manager_scope, "https://management.chinacloudapi.cn/.default");
    }

    #[test]
    fn a_vault_is_known_by_its_host() {
        let public = Cloud::Public.endpoints();
        assert!(public.is_vault("storefront.vault.azure.net"));
        assert!(public.is_vault("StoreFront.Vault.Azure.NET"));
        assert!(!public.is_vault("vault.azure.net"));
        assert!(!public.is_vault(".vault.azure.net"));
        assert!(!public.is_vault("storefront.vault.azure.net.example.com"));
        assert!(!public.is_vault("evilvault.azure.net"));
        assert!(!public.is_vault("storefront.vault.azure.cn"));
    }
}
