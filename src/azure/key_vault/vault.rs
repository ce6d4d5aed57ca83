//! Reads one secret from a vault, and writes one.

use super::error::{VaultError, classify};
use crate::azure::credential::options;
use crate::azure::{Credential, Endpoints};
use crate::http;
use crate::secret::VaultSecret;
use azure_security_keyvault_secrets::models::{SecretClientGetSecretOptions, SetSecretParameters};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use jiff::Timestamp;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The version of Key Vault's API, which all of Azure's clouds support.
const API_VERSION: &str = "7.4";

/// The client for the vaults of a cloud. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeyVault {
    http: http::Client,
    credential: Credential,
    endpoints: Endpoints,
}

/// The value of a secret in a vault.
pub struct VaultValue {
    pub value: Zeroizing<String>,
    /// After this time, it is refused.
    pub expires: Option<Timestamp>,
}

impl KeyVault {
    pub fn new(http: http::Client, credential: Credential, endpoints: Endpoints) -> Self {
        Self { http, credential, endpoints }
    }

    /// The value of a secret; `None` where the vault has no such secret.
    ///
    /// A host that is not a vault of this cloud is refused without a request, which would
    /// carry a token: the plan names it, and a pull request can edit the plan.
    pub async fn read(&self, secret: &VaultSecret) -> Result<Option<VaultValue>, VaultError> {
        let client = self.client(secret).map_err(|error| *error)?;
        let options = SecretClientGetSecretOptions {
            secret_version: secret.version.clone(),
            ..SecretClientGetSecretOptions::default()
        };
        let read = match client.get_secret(&secret.name, Some(options)).await {
            Ok(response) => response.into_model(),
            Err(error) => Err(error),
        };
        let found = match read {
            Ok(found) => found,
            Err(error) => {
                return match classify(error, secret, &self.credential) {
                    // A proxy may answer 404 too.
                    VaultError::Refused { refusal, .. } if refusal.has("SecretNotFound") => {
                        Ok(None)
                    }
                    other => Err(other),
                };
            }
        };
        // A vault returns an expired secret without an error.
        let expires = found.attributes.and_then(|attributes| attributes.expires);
        let expires =
            expires.and_then(|expires| Timestamp::from_second(expires.unix_timestamp()).ok());
        if let Some(expired) = expires.filter(|expires| *expires <= Timestamp::now()) {
            return Err(VaultError::Expired { secret: secret.clone(), at: expired.to_string() });
        }
        let value = found.value.ok_or_else(|| VaultError::Empty { secret: secret.clone() })?;
        Ok(Some(VaultValue { value: Zeroizing::new(value), expires }))
    }

    /// Stores a new version of a secret, which is made where it does not exist. Returns the
    /// version.
    pub async fn write(&self, secret: &VaultSecret, value: &str) -> Result<String, VaultError> {
        let client = self.client(secret).map_err(|error| *error)?;
        let failed = |error| classify(error, secret, &self.credential);
        let parameters =
            SetSecretParameters { value: Some(value.to_owned()), ..SetSecretParameters::default() };
        let body = parameters.try_into().map_err(failed)?;
        let response = client.set_secret(&secret.name, body, None).await.map_err(failed)?;
        let stored = response.into_model().map_err(failed)?;
        let id = stored.id.unwrap_or_default();
        Ok(id.rsplit('/').next().unwrap_or_default().to_owned())
    }

    fn client(&self, secret: &VaultSecret) -> Result<SecretClient, Box<VaultError>> {
        if !self.endpoints.is_vault(&secret.host) {
            let (host, suffix) = (secret.host.clone(), self.endpoints.vault_suffix.clone());
            return Err(Box::new(VaultError::Foreign { host, suffix }));
        }
        let client = SecretClient::new(
            &format!("https://{}/", secret.host),
            Arc::new(self.credential.clone()),
            Some(SecretClientOptions {
                api_version: API_VERSION.to_owned(),
                client_options: options(&self.http, &self.endpoints),
                verify_challenge_resource: Some(true),
            }),
        );
        client.map_err(|error| Box::new(classify(error, secret, &self.credential)))
    }
}
