//! Why signing in failed, with the remedy.

use super::assertion::{AssertionError, Claims};
use super::device_code_error::DeviceCodeError;
use super::method::SignInMethod;
use super::transport::ProxyGone;
use crate::azure::failures::{Service, find};
use crate::http::{self, Retry, Retryable, parse_retry_after};
use azure_core::error::ErrorKind;
use serde::Deserialize;
use std::error::Error as _;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The environment offers no way to sign in that works.
    #[error("cannot find a way to sign in to Azure: {}", tried.join("; "))]
    NoMethod {
        /// Each way and why it failed or is missing.
        tried: Vec<String>,
        /// What else a person may have meant.
        instead: Option<String>,
    },
    /// The code that asks may have no token.
    #[error("the code of a fork is not signed in to Azure")]
    Withheld,
    /// Some of the variables that belong together are missing.
    #[error("cannot sign in to Azure with {method}: {} not set", listed(.missing))]
    Incomplete { method: SignInMethod, missing: Vec<&'static str> },
    /// The way that the plan asks for lacks something.
    #[error("cannot sign in to Azure as `azure.sign-in` says: {why}")]
    NotOffered {
        /// The method and what it lacks.
        why: String,
    },
    /// The way that the environment decides failed.
    #[error("cannot sign in to Azure with {method}")]
    SignIn { method: SignInMethod, source: Box<SignInError> },
}

fn listed(names: &[&'static str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("{} {}", names.join(" and "), if names.len() == 1 { "is" } else { "are" })
}

/// Why signing in failed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Entra answered with an error.
    #[error("{host} answered {status}: {description}")]
    Refused {
        host: String,
        /// The number after `AADSTS`, if there is one.
        code: Option<u32>,
        status: u16,
        /// The first sentence of Entra's description, or the start of the body.
        description: String,
        retry: Retry,
        help: Option<String>,
    },
    /// There is no federated token to exchange.
    #[error(transparent)]
    Assertion(#[from] AssertionFault),
    /// The machine's metadata service issued no token.
    #[error("cannot get a token of the managed identity")]
    Managed(#[source] http::Error),
    /// The Azure CLI issued no token.
    #[error("{output}")]
    Cli { output: String },
    #[error("cannot reach {host}")]
    Unreachable { host: String, source: azure_core::Error },
    /// An answer of Entra that holds no token.
    #[error("cannot read the answer of {host}: {reason}")]
    Unreadable { host: String, reason: String },
    /// The client could not be made, as with an invalid tenant.
    #[error("{0}")]
    Setup(String),
    #[error(transparent)]
    DeviceCode(#[from] DeviceCodeFault),
}

/// Wraps the error, whose type is private to `credential`.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DeviceCodeFault(DeviceCodeError);

impl From<DeviceCodeError> for SignInError {
    fn from(error: DeviceCodeError) -> Self {
        Self::DeviceCode(DeviceCodeFault(error))
    }
}

/// Wraps the error, whose type is private to `credential`.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct AssertionFault(AssertionError);

/// The identity that Entra refused, for the message and the remedy.
pub struct RefusedIdentity<'a> {
    /// The sign-in host.
    pub host: &'a str,
    pub tenant: &'a str,
    pub client_id: &'a str,
    /// The claims of the federated token, if one was sent.
    pub claims: Option<Claims>,
}

#[derive(Deserialize)]
struct EntraError {
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
}

/// Finds the cause in an error of `azure_identity`, which wraps it several times.
pub fn classify(error: azure_core::Error, subject: &RefusedIdentity) -> SignInError {
    let mut error = error;
    loop {
        if let ErrorKind::HttpResponse { status, raw_response, .. } = error.kind() {
            let status = u16::from(*status);
            let body = raw_response.as_ref().map(|raw| raw.body().as_ref().to_vec());
            let wait = raw_response.as_ref().and_then(|raw| {
                let value = raw.headers().get_optional_str(&"retry-after".into())?;
                parse_retry_after(value, jiff::Timestamp::now())
            });
            let retry = match status {
                408 | 429 | 500 | 502..=504 => wait.map_or(Retry::Backoff, Retry::After),
                _ => Retry::Never,
            };
            return refused(status, retry, &body.unwrap_or_default(), subject);
        }
        if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Io) {
            return SignInError::Unreachable { host: subject.host.to_owned(), source: error };
        }
        error = match error.into_downcast::<azure_core::Error>() {
            Ok(inner) => inner,
            Err(outer) => match outer.into_downcast::<AssertionError>() {
                Ok(assertion) => return AssertionFault(assertion).into(),
                Err(outer) => {
                    let (host, reason) = (subject.host.to_owned(), outer.to_string());
                    return SignInError::Unreadable { host, reason };
                }
            },
        };
    }
}

pub fn refused(status: u16, retry: Retry, body: &[u8], subject: &RefusedIdentity) -> SignInError {
    let host = subject.host.to_owned();
    let Ok(answer) = serde_json::from_slice::<EntraError>(body) else {
        let description = http::shortened(String::from_utf8_lossy(body).trim(), 200);
        return SignInError::Refused { host, code: None, status, description, retry, help: None };
    };
    let code = answer.error_codes.first().copied();
    let text = answer.error_description;
    let sentence = text.split(" Trace ID:").next().unwrap_or(&text);
    let sentence = sentence.lines().next().unwrap_or_default().trim();
    let description = if sentence.is_empty() { "without a reason" } else { sentence }.to_owned();
    let help = code.and_then(|code| remedy(code, subject));
    SignInError::Refused { host, code, status, description, retry, help }
}

/// The remedy for a code of Entra.
fn remedy(code: u32, subject: &RefusedIdentity) -> Option<String> {
    let RefusedIdentity { tenant, client_id, claims, .. } = subject;
    let row = find(Service::Entra, &format!("AADSTS{code}"))?;
    // The token says what a federated credential has to match.
    if let Some(claims) = claims.as_ref().filter(|_| FEDERATION.contains(&code)) {
        return Some(federation(client_id, claims));
    }
    Some(row.remedy(&[("client_id", client_id), ("tenant", tenant)]))
}

/// No federated credential matches the token.
const FEDERATION: [u32; 5] = [70_021, 700_211, 700_212, 700_213, 7_002_138];

fn federation(client_id: &str, claims: &Claims) -> String {
    let parameters = serde_json::json!({
        "name": "shipway",
        "issuer": claims.iss,
        "subject": claims.sub,
        "audiences": [claims.aud],
    });
    format!(
        "the token's issuer is `{}`, its subject `{}`, its audience `{}`; a federated credential \
         must match all three: `az ad app federated-credential create --id {client_id} \
         --parameters '{parameters}'`",
        claims.iss, claims.sub, claims.aud
    )
}

/// The remedy where there is no way to sign in.
const SIGN_IN_HELP: &str = "in GitHub Actions give the job `permissions: id-token: write` and set \
                    `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`; elsewhere run `az login`, or set \
                    `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`";

impl Retryable for CredentialError {
    fn retry(&self) -> Retry {
        match self {
            Self::NoMethod { .. }
            | Self::Withheld
            | Self::Incomplete { .. }
            | Self::NotOffered { .. } => Retry::Never,
            Self::SignIn { source, .. } => source.retry(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::NoMethod { instead: Some(instead), .. } => Some(instead.clone()),
            Self::NoMethod { instead: None, .. } => Some(SIGN_IN_HELP.to_owned()),
            Self::Withheld => Some(
                "a maintainer who has read its commit can check it out and run with \
                 `--allow-fork-deploy SHA`"
                    .to_owned(),
            ),
            Self::Incomplete { missing, .. } => {
                let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
                Some(format!("set {}, or unset the others", names.join(" and ")))
            }
            Self::NotOffered { .. } => {
                Some("give it what it lacks, or leave out the plan's `azure.sign-in`".to_owned())
            }
            Self::SignIn { source, .. } => source.help(),
        }
    }
}

/// The proxy that is gone, if the request failed for that.
fn proxy_gone(error: &azure_core::Error) -> Option<&ProxyGone> {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref())
}

impl Retryable for SignInError {
    fn retry(&self) -> Retry {
        match self {
            Self::Refused { retry, .. } => *retry,
            Self::DeviceCode(DeviceCodeFault(source)) => source.retry(),
            Self::Unreachable { source, .. } if proxy_gone(source).is_some() => Retry::Never,
            // The metadata service answers 404 or 410 while it is being updated
            // (learn.microsoft.com, "How to use managed identities").
            Self::Managed(http::Error::Status { status: 404 | 410, .. })
            | Self::Unreachable { .. } => Retry::Backoff,
            Self::Managed(source)
            | Self::Assertion(AssertionFault(AssertionError::GitHub(source))) => source.retry(),
            Self::Assertion(AssertionFault(
                AssertionError::File { .. }
                | AssertionError::Empty { .. }
                | AssertionError::Certificate(_),
            ))
            | Self::Cli { .. }
            | Self::Unreadable { .. }
            | Self::Setup(_) => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Refused { help, .. } => help.clone(),
            Self::DeviceCode(DeviceCodeFault(source)) => source.help(),
            Self::Assertion(AssertionFault(AssertionError::GitHub(source))) => {
                let refused = matches!(source.status(), Some(400..=499));
                (refused && source.retry() == Retry::Never).then(|| {
                    "the job needs `permissions: id-token: write`, and a pull request from a fork \
                     never has it"
                        .to_owned()
                })
            }
            Self::Assertion(AssertionFault(
                AssertionError::File { .. } | AssertionError::Empty { .. },
            )) => Some("check `AZURE_FEDERATED_TOKEN_FILE`".to_owned()),
            Self::Managed(http::Error::Status { status: 400, .. }) => Some(
                "the machine has no such identity; assign it, or set `AZURE_CLIENT_ID` to the \
                 client id of the one it has"
                    .to_owned(),
            ),
            Self::Cli { .. } => Some("run `az login`".to_owned()),
            Self::Unreachable { source, .. } if proxy_gone(source).is_some() => {
                proxy_gone(source).map(|gone| gone.help.clone())
            }
            Self::Unreachable { .. } => Some(
                "check that this machine reaches the sign-in host, and `HTTPS_PROXY`".to_owned(),
            ),
            // It names its way out itself.
            Self::Assertion(AssertionFault(AssertionError::Certificate(_)))
            | Self::Managed(_)
            | Self::Unreadable { .. }
            | Self::Setup(_) => None,
        }
    }
}
