//! The source of a secret's value, as the plan names it. Nothing is read here.

use std::path::PathBuf;
use url::Url;

/// One source of a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A variable of the environment. An unset or empty one counts as missing.
    Env(String),
    /// A secret in Azure Key Vault. A 404 counts as missing.
    KeyVault(VaultSecret),
    /// A file of this machine. One that is not there, or is empty, counts as missing.
    File(PathBuf),
}

/// A secret in a vault.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VaultSecret {
    /// The vault's host, such as `storefront.vault.azure.net`.
    pub host: String,
    pub name: String,
    /// `None` for the newest.
    pub version: Option<String>,
}

/// An invalid reference to a secret in a vault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSource {
    /// The URL is not one of a secret.
    #[error("`{0}` is not `https://VAULT/secrets/NAME` or `https://VAULT/secrets/NAME/VERSION`")]
    Url(String),
    /// The name cannot be one.
    #[error("`{0}` is no name of a secret: it must have 1 to 127 of a-z, A-Z, 0-9 and `-`")]
    Name(String),
    /// The version cannot be one.
    #[error("`{0}` is no version of a secret: it must have 32 of 0-9 and a-f")]
    Version(String),
    /// The name cannot be one.
    #[error("`{0}` is no name of a vault: it must have 3 to 24 of a-z, A-Z, 0-9 and `-`")]
    Vault(String),
    /// The resource id is not one of a vault.
    #[error("`{0}` is no resource id of a vault: it must end in `Microsoft.KeyVault/vaults/NAME`")]
    VaultId(String),
    /// The two halves of a reference are of different vaults.
    #[error("`{vault_id}` and `{secret_url}` are of different vaults: `{by_id}` and `{by_url}`")]
    Mismatch {
        /// The vault's resource id.
        vault_id: String,
        /// The secret's URL.
        secret_url: String,
        /// The vault by its id.
        by_id: String,
        /// The vault by the URL.
        by_url: String,
    },
}

impl VaultSecret {
    /// By its URL. A `/` at the end and the port 443 make no difference.
    pub fn from_url(text: &str) -> Result<Self, InvalidSource> {
        let invalid = || InvalidSource::Url(text.to_owned());
        let url = Url::parse(text).map_err(|_| invalid())?;
        let plain = url.scheme() == "https"
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|_| plain).ok_or_else(invalid)?;
        let path: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        let (name, version) = match path[..] {
            ["secrets", name] => (name, None),
            ["secrets", name, version] => (name, Some(version)),
            _ => return Err(invalid()),
        };
        Self::at(host, name, version)
    }

    /// By the vault's name and its cloud's suffix, such as `.vault.azure.net`.
    pub fn named(
        vault: &str,
        suffix: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<Self, InvalidSource> {
        let word = vault.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !word || !(3..=24).contains(&vault.len()) {
            return Err(InvalidSource::Vault(vault.to_owned()));
        }
        Self::at(&format!("{}{suffix}", vault.to_ascii_lowercase()), name, version)
    }

    /// By the vault's resource id and the secret's URL, as Batch AI and its kin
    /// refer to one. Both must be of the same vault.
    pub fn referenced(vault_id: &str, secret_url: &str) -> Result<Self, InvalidSource> {
        let invalid = || InvalidSource::VaultId(vault_id.to_owned());
        let parts: Vec<&str> = vault_id.trim_matches('/').split('/').collect();
        let [.., provider, kind, by_id] = parts[..] else { return Err(invalid()) };
        let fits = provider.eq_ignore_ascii_case("Microsoft.KeyVault")
            && kind.eq_ignore_ascii_case("vaults")
            && !by_id.is_empty();
        if !fits {
            return Err(invalid());
        }
        let secret = Self::from_url(secret_url)?;
        if !secret.vault().eq_ignore_ascii_case(by_id) {
            return Err(InvalidSource::Mismatch {
                vault_id: vault_id.to_owned(),
                secret_url: secret_url.to_owned(),
                by_id: by_id.to_owned(),
                by_url: secret.vault().to_owned(),
            });
        }
        Ok(secret)
    }

    pub fn vault(&self) -> &str {
        self.host.split('.').next().unwrap_or_default()
    }

    fn at(host: &str, name: &str, version: Option<&str>) -> Result<Self, InvalidSource> {
        let word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !word || !(1..=127).contains(&name.len()) {
            return Err(InvalidSource::Name(name.to_owned()));
        }
        let hex = |version: &str| {
            version.len() == 32 && version.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if let Some(version) = version.filter(|version| !hex(version)) {
            return Err(InvalidSource::Version(version.to_owned()));
        }
        let host = host.to_ascii_lowercase();
        Ok(Self { host, name: name.to_owned(), version: version.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidSource, VaultSecret};

    const VERSION: &str = "4387e9f3d6e14c459867679a90fd0f79";
    const VAULT: &str =
        "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/storefront";

    fn secret(version: Option<&str>) -> VaultSecret {
        VaultSecret {
            host: "storefront.vault.azure.net".into(),
            name: "acr-password".into(),
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn three_ways_to_name_one_secret() {
        let url = "https://storefront.vault.azure.net/secrets/acr-password";
        let suffix = ".vault.azure.net";

        assert_eq!(VaultSecret::from_url(url), Ok(secret(None)));
        assert_eq!(VaultSecret::from_url(&format!("{url}/")), Ok(secret(None)));
        let port = "https://StoreFront.vault.azure.net:443/secrets/acr-password";
        assert_eq!(VaultSecret::from_url(port), Ok(secret(None)));
        let versioned = VaultSecret::from_url(&format!("{url}/{VERSION}"));
        assert_eq!(versioned, Ok(secret(Some(VERSION))));
        let named = VaultSecret::named("StoreFront", suffix, "acr-password", Some(VERSION));
        assert_eq!(named, Ok(secret(Some(VERSION))));
        assert_eq!(VaultSecret::referenced(VAULT, url), Ok(secret(None)));
        assert_eq!(VaultSecret::referenced(&VAULT.to_uppercase(), url), Ok(secret(None)));
    }

    #[test]
    fn vault_and_url_are_checked_against_each_other() {
        let url = "https://partner.vault.azure.net/secrets/acr-password";

        let error = VaultSecret::referenced(VAULT, url).expect_err("two vaults");

        assert_eq!(
            error.to_string(),
            format!("`{VAULT}` and `{url}` are of different vaults: `storefront` and `partner`")
        );
    }

    #[test]
    fn what_is_no_reference_is_said() {
        let url = |text: &str| VaultSecret::from_url(text).expect_err("no reference").to_string();
        for bad in [
            "http://storefront.vault.azure.net/secrets/x",
            "https://storefront.vault.azure.net:8443/secrets/x",
            "https://me@storefront.vault.azure.net/secrets/x",
            "https://storefront.vault.azure.net/keys/x",
            "https://storefront.vault.azure.net/secrets/x/y/z",
            "storefront",
        ] {
            let expected = format!(
                "`{bad}` is not `https://VAULT/secrets/NAME` or `https://VAULT/secrets/NAME/VERSION`"
            );
            assert_eq!(url(bad), expected);
        }
        assert_eq!(
            url("https://storefront.vault.azure.net/secrets/a_b"),
            "`a_b` is no name of a secret: it must have 1 to 127 of a-z, A-Z, 0-9 and `-`"
        );
        assert_eq!(
            url("https://storefront.vault.azure.net/secrets/a/1"),
            "`1` is no version of a secret: it must have 32 of 0-9 and a-f"
        );
        let vault = VaultSecret::named("a.b", ".vault.azure.net", "x", None);
        assert_eq!(vault, Err(InvalidSource::Vault("a.b".into())));
        let id = VaultSecret::referenced("/subscriptions/s", "https://a.vault.azure.net/secrets/x");
        assert_eq!(
            id.expect_err("no vault").to_string(),
            "`/subscriptions/s` is no resource id of a vault: it must end in \
             `Microsoft.KeyVault/vaults/NAME`"
        );
    }
}
