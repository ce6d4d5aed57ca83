//! Entry points for the fuzz targets: answers of vaults.

use super::error::{SecretError, VaultError, challenged_tenant};
use crate::azure::Refusal;
use crate::http::Retryable as _;
use crate::secret::VaultSecret;

/// The words for an error, and its remedy. `challenge` is the header `WWW-Authenticate`.
pub fn refusal(status: u16, body: &[u8], challenge: &str) -> [String; 2] {
    let host = "shop.vault.azure.net".to_owned();
    let secret = VaultSecret { host, name: "db".to_owned(), version: None };
    let source = VaultError::Refused {
        secret,
        refusal: Box::new(Refusal::read(status, body, None)),
        tenant: challenged_tenant(challenge),
        client_id: None,
    };
    let words = source.to_string();
    let error = SecretError::Vault { name: "db".to_owned(), source: Box::new(source) };
    [words, error.help().unwrap_or_default()]
}
