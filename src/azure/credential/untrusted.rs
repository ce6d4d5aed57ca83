//! Entry points for the fuzz targets: errors of Entra.

use super::assertion::claims;
use super::error::{RefusedIdentity, refused};
use crate::http::{Retry, Retryable as _};

/// The words for an error, and its remedy. `token` is the federated one that was sent.
pub fn refusal(status: u16, body: &[u8], token: &str) -> [String; 2] {
    let host = "login.microsoftonline.com";
    let subject = RefusedIdentity { host, tenant: "t", client_id: "c", claims: claims(token) };
    let error = refused(status, Retry::Never, body, &subject);
    [error.to_string(), error.help().unwrap_or_default()]
}
