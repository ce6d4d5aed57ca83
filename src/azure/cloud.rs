//! Microsoft's clouds and where each has its doors.
//!
//! Endpoints other than these come from the operator alone, never from a plan,
//! because a plan is what a pull request can edit.

use url::Url;

/// One of Microsoft's clouds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Cloud {
    /// The one that most use.
    #[default]
    Public,
    /// Azure Government.
    UsGovernment,
    /// Azure China, run by 21Vianet.
    China,
}

/// Where a cloud is reached and what its tokens are for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoints {
    /// Resource Manager, such as `https://management.azure.com/`.
    pub resource_manager: Url,
    /// Entra, such as `https://login.microsoftonline.com/`.
    pub authority: Url,
    /// The scope of a token for Resource Manager.
    pub resource_manager_scope: String,
    /// What the host of a vault ends in, such as `.vault.azure.net`.
    pub vault_suffix: String,
    /// What the login server of a registry ends in, such as `.azurecr.io`.
    pub registry_suffix: String,
    /// The audience of a token that GitHub issues for Entra.
    pub federation_audience: String,
}

impl Cloud {
    /// Its endpoints (the Azure CLI's `cloud.py`).
    pub fn endpoints(self) -> Endpoints {
        let [manager, login, audience, vault, registry, federation] = match self {
            Self::Public => [
                "https://management.azure.com/",
                "https://login.microsoftonline.com/",
                "https://management.azure.com",
                ".vault.azure.net",
                ".azurecr.io",
                "api://AzureADTokenExchange",
            ],
            Self::UsGovernment => [
                "https://management.usgovcloudapi.net/",
                "https://login.microsoftonline.us/",
                "https://management.usgovcloudapi.net",
                ".vault.usgovcloudapi.net",
                ".azurecr.us",
                "api://AzureADTokenExchange",
            ],
            Self::China => [
                "https://management.chinacloudapi.cn/",
                "https://login.chinacloudapi.cn/",
                "https://management.chinacloudapi.cn",
                ".vault.azure.cn",
                ".azurecr.cn",
                "api://AzureADTokenExchangeChina",
            ],
        };
        Endpoints {
            resource_manager: url(manager),
            authority: url(login),
            resource_manager_scope: format!("{audience}/.default"),
            vault_suffix: vault.to_owned(),
            registry_suffix: registry.to_owned(),
            federation_audience: federation.to_owned(),
        }
    }
}

impl Endpoints {
    /// Whether a host is a registry of this cloud.
    pub fn is_registry(&self, host: &str) -> bool {
        is_under(host, &self.registry_suffix)
    }

    /// Whether a host is a vault of this cloud.
    pub fn is_vault(&self, host: &str) -> bool {
        is_under(host, &self.vault_suffix)
    }
}

fn url(constant: &str) -> Url {
    Url::parse(constant).expect("a constant URL parses")
}

fn is_under(host: &str, suffix: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.strip_suffix(suffix).is_some_and(|name| !name.is_empty() && !name.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::Cloud;

    #[test]
    fn each_cloud_has_its_own_doors() {
        let clouds = [Cloud::Public, Cloud::UsGovernment, Cloud::China];
        let mut seen = std::collections::BTreeSet::new();
        for endpoints in clouds.map(Cloud::endpoints) {
            assert!(seen.insert(endpoints.resource_manager.to_string()));
            assert!(seen.insert(endpoints.authority.to_string()));
            assert!(seen.insert(endpoints.vault_suffix));
            assert!(seen.insert(endpoints.registry_suffix));
        }
        let china = Cloud::China.endpoints();
        assert_eq!(china.federation_audience, "api://AzureADTokenExchangeChina");
        assert_eq!(china.resource_manager_scope, "https://management.chinacloudapi.cn/.default");
    }

    #[test]
    fn a_registry_is_known_by_its_host() {
        let public = Cloud::Public.endpoints();
        assert!(public.is_registry("storefront.azurecr.io"));
        assert!(public.is_registry("StoreFront.AzureCR.io"));
        assert!(!public.is_registry("azurecr.io"));
        assert!(!public.is_registry(".azurecr.io"));
        assert!(!public.is_registry("storefront.azurecr.io.example.com"));
        assert!(!public.is_registry("evilazurecr.io"));
        assert!(public.is_vault("storefront.vault.azure.net"));
        assert!(!public.is_vault("storefront.vault.azure.cn"));
    }
}
