//! Why a secret could not be read, with the remedy.

use crate::azure::failures::{Service, find};
use crate::azure::{Credential, CredentialError, Refusal};
use crate::http::{RequestId, Retry, Retryable, parse_retry_after};
use crate::secret::{TooShort, VaultSecret};
use azure_core::error::ErrorKind;
use std::io;
use std::path::PathBuf;

/// Why a secret of the plan could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No source has the secret.
    #[error("cannot find the secret `{name}`: {}", tried.join("; "))]
    Missing {
        name: String,
        /// Each source and why it has no value.
        tried: Vec<String>,
        /// The environment variable that is the only source, if it is one.
        variable: Option<String>,
    },
    #[error(transparent)]
    TooShort(#[from] TooShort),
    #[error("cannot read the secret `{name}` from `{}`", path.display())]
    File { name: String, path: PathBuf, source: io::Error },
    /// A vault could not be read.
    #[error("cannot read the secret `{name}`")]
    Vault { name: String, source: Box<VaultError> },
}

/// Why a vault did not return a secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("cannot read `{host}`, which is not a vault under `{suffix}`")]
    Foreign {
        host: String,
        /// The end of the hosts of this cloud's vaults.
        suffix: String,
    },
    #[error(transparent)]
    Token(Box<CredentialError>),
    /// The vault answered with an error.
    #[error("vault `{}`, secret `{}`: {refusal}", secret.vault(), secret.name)]
    Refused {
        secret: VaultSecret,
        refusal: Box<Refusal>,
        /// The vault's tenant, from its challenge.
        tenant: Option<String>,
        /// The client id of the signed-in identity, if it is known.
        client_id: Option<String>,
    },
    #[error("vault `{}`: the secret `{}` expired at {at}", secret.vault(), secret.name)]
    Expired {
        secret: VaultSecret,
        /// RFC 3339.
        at: String,
    },
    #[error("the answer of {} for the secret `{}` holds no value", secret.host, secret.name)]
    Empty { secret: VaultSecret },
    #[error("cannot reach the vault `{host}`")]
    Unreachable { host: String, source: azure_core::Error },
    /// Any other error, such as a challenge for another resource.
    #[error("cannot read the vault `{host}`")]
    Other { host: String, source: azure_core::Error },
}

/// Finds the cause in an error of Microsoft's client, which wraps it several times.
pub fn classify(
    error: azure_core::Error,
    secret: &VaultSecret,
    credential: &Credential,
) -> VaultError {
    let host = secret.host.clone();
    if let ErrorKind::HttpResponse { status, raw_response, .. } = error.kind() {
        let body = raw_response.as_ref().map(|raw| raw.body().as_ref().to_vec());
        let header = |name: &'static str| {
            let raw = raw_response.as_ref()?;
            raw.headers().get_optional_str(&name.into()).map(str::to_owned)
        };
        let request_id =
            RequestId::find(|name| raw_response.as_ref()?.headers().get_optional_str(&name.into()));
        let refusal = Refusal {
            host: host.clone(),
            retry_after: header("retry-after")
                .and_then(|value| parse_retry_after(&value, jiff::Timestamp::now())),
            ..Refusal::read((*status).into(), &body.unwrap_or_default(), request_id)
        };
        return VaultError::Refused {
            secret: secret.clone(),
            refusal: Box::new(refusal),
            tenant: header("www-authenticate").as_deref().and_then(challenged_tenant),
            client_id: credential.client_id().map(str::to_owned),
        };
    }
    match *error.kind() {
        ErrorKind::Connection | ErrorKind::Io => {
            return VaultError::Unreachable { host, source: error };
        }
        _ => {}
    }
    let mut error = error;
    loop {
        error = match error.into_downcast::<CredentialError>() {
            Ok(credential) => return VaultError::Token(Box::new(credential)),
            Err(outer) => match outer.into_downcast::<azure_core::Error>() {
                Ok(inner) => inner,
                Err(source) => return VaultError::Other { host, source },
            },
        };
    }
}

/// The tenant in `Bearer authorization="https://login.microsoftonline.com/TENANT", …`.
pub fn challenged_tenant(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("authorization=\"")?;
    let (url, _) = rest.split_once('"')?;
    url.trim_end_matches('/').rsplit('/').next().map(str::to_owned)
}

/// The remedy where the vault forbids it: that of the code, else that of a missing role.
fn forbidden(secret: &VaultSecret, refusal: &Refusal, client_id: Option<&str>) -> Option<String> {
    // Some answers have no code for it.
    let is_firewall = refusal.message.contains("Client address is not authorized");
    let known = if is_firewall {
        find(Service::KeyVault, "ForbiddenByFirewall")
    } else {
        refusal.codes().find_map(|code| find(Service::KeyVault, code))
    };
    let row = known.or_else(|| find(Service::KeyVault, "ForbiddenByRbac"))?;
    let client_id = client_id.unwrap_or("CLIENT_ID");
    Some(row.remedy(&[
        ("vault", secret.vault()),
        ("secret", &secret.name),
        ("client_id", client_id),
    ]))
}

impl Retryable for SecretError {
    fn retry(&self) -> Retry {
        match self {
            Self::Missing { .. } | Self::TooShort(_) | Self::File { .. } => Retry::Never,
            Self::Vault { source, .. } => source.retry(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Missing { variable: Some(variable), .. } => Some(format!(
                "set it: here with `export {variable}=VALUE`, in a step of a workflow with `env: {{ \
                 {variable}: \"${{{{ secrets.{variable} }}}}\" }}`"
            )),
            Self::Missing { tried, .. } => {
                Some(if tried.len() == 1 { "set it" } else { "set one of them" }.to_owned())
            }
            Self::TooShort(_) => Some(
                "masking so short a value would make logs unreadable; use a longer one".to_owned(),
            ),
            Self::File { .. } => Some("let this user read it, as text in UTF-8".to_owned()),
            Self::Vault { source, .. } => source.help(),
        }
    }
}

impl Retryable for VaultError {
    fn retry(&self) -> Retry {
        match self {
            Self::Token(source) => source.retry(),
            Self::Refused { refusal, .. } => match refusal.status {
                408 | 429 | 500..=599 => refusal.retry_after.map_or(Retry::Backoff, Retry::After),
                _ => Retry::Never,
            },
            Self::Unreachable { .. } => Retry::Backoff,
            Self::Foreign { .. }
            | Self::Expired { .. }
            | Self::Empty { .. }
            | Self::Other { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Token(source) => source.help(),
            Self::Refused { secret, refusal, tenant, client_id } => match refusal.status {
                401 => Some(match tenant {
                    Some(tenant) => format!(
                        "the vault trusts tenant `{tenant}`; set `AZURE_TENANT_ID` to it and sign in \
                         there"
                    ),
                    None => "check the tenant of the sign-in (`AZURE_TENANT_ID`)".to_owned(),
                }),
                403 => forbidden(secret, refusal, client_id.as_deref()),
                _ => None,
            },
            Self::Expired { secret, .. } => Some(format!(
                "store a new version, or move its end: `az keyvault secret set-attributes \
                 --vault-name {} --name {} --expires DATE`",
                secret.vault(),
                secret.name
            )),
            Self::Unreachable { host, .. } => Some(format!(
                "check the vault's name (`{host}`); one that is deleted has no address, and one \
                 with a private endpoint is reached only from its own network"
            )),
            Self::Foreign { .. } => Some("check the URL and the plan's `azure.cloud`".to_owned()),
            Self::Empty { .. } | Self::Other { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SecretError;
    use crate::http::Retryable as _;

    #[test]
    fn variable_that_is_not_set_has_a_remedy_here_and_in_a_workflow() {
        let missing = SecretError::Missing {
            name: "database-url".into(),
            tried: vec!["`DATABASE_URL` is not set".into()],
            variable: Some("DATABASE_URL".into()),
        };
        assert_eq!(
            missing.help().as_deref(),
            Some(
                "set it: here with `export DATABASE_URL=VALUE`, in a step of a workflow with `env: \
                 { DATABASE_URL: \"${{ secrets.DATABASE_URL }}\" }`"
            )
        );
    }
}
