//! Reads a secret from a vault.

use super::error::{VaultError, classify};
use crate::azure::credential::options;
use crate::azure::{Credential, Endpoints};
use crate::http;
use crate::secret::VaultSecret;
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::models::SecretClientGetSecretOptions;
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Understood by every vault in every cloud.
const API: &str = "7.4";

/// The vaults of a cloud. A cheap handle.
#[derive(Clone, Debug)]
pub struct KeyVault {
    http: http::Client,
    credential: Credential,
    endpoints: Endpoints,
}

impl KeyVault {
    /// Vaults that `credential` may read.
    pub fn new(http: http::Client, credential: Credential, endpoints: Endpoints) -> Self {
        Self { http, credential, endpoints }
    }

    /// The value; none where the vault says that it has no such secret.
    ///
    /// A host that is no vault of this cloud is asked nothing, because the plan
    /// that names it is what a pull request can edit.
    pub(super) async fn read(
        &self,
        secret: &VaultSecret,
    ) -> Result<Option<Zeroizing<String>>, VaultError> {
        if !self.endpoints.is_vault(&secret.host) {
            let (host, suffix) = (secret.host.clone(), self.endpoints.vault_suffix.clone());
            return Err(VaultError::Foreign { host, suffix });
        }
        let client = SecretClient::new(
            &format!("https://{}/", secret.host),
            Arc::new(self.credential.clone()),
            Some(SecretClientOptions {
                api_version: API.to_owned(),
                client_options: options(&self.http, &self.endpoints),
                verify_challenge_resource: Some(true),
            }),
        );
        let client = client.map_err(|error| classify(error, secret, &self.credential))?;
        let asked = SecretClientGetSecretOptions {
            secret_version: secret.version.clone(),
            ..SecretClientGetSecretOptions::default()
        };
        let read = match client.get_secret(&secret.name, Some(asked)).await {
            Ok(response) => response.into_model(),
            Err(error) => Err(error),
        };
        let found = match read {
            Ok(found) => found,
            Err(error) => {
                return match classify(error, secret, &self.credential) {
                    VaultError::Refused { refusal, .. } if refusal.status == 404 => Ok(None),
                    other => Err(other),
                };
            }
        };
        // A vault serves a secret that has expired all the same.
        let expires = found.attributes.and_then(|attributes| attributes.expires);
        if let Some(expired) = expires.filter(|expires| *expires <= OffsetDateTime::now_utc()) {
            let at = jiff::Timestamp::from_second(expired.unix_timestamp())
                .map_or_else(|_| expired.to_string(), |at| at.to_string());
            return Err(VaultError::Expired { secret: secret.clone(), at });
        }
        let value = found.value.ok_or_else(|| VaultError::Empty { secret: secret.clone() })?;
        Ok(Some(Zeroizing::new(value)))
    }
}
