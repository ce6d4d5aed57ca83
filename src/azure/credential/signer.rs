//! One way of signing in, and how it gets a token.

use super::assertion::{Assertion, Assertions, LastClaims};
use super::error::{CredentialError, SignInError, Subject, classify};
use super::managed::ManagedIdentity;
use super::tokens::Method;
use super::transport::options;
use crate::azure::Endpoints;
use crate::http;
use crate::secret::{Redactor, Secret};
use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::time::OffsetDateTime;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    Executor,
};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How long the Azure CLI may take. It is slow, and may have to ask Entra.
const CLI_LIMIT: Duration = Duration::from_mins(1);

/// An application that is registered in a tenant.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its tenant: an id, or a domain.
    pub tenant: String,
    /// Its client id.
    pub client_id: String,
    /// A secret of its own.
    pub secret: Secret,
}

pub(super) struct Signer {
    pub(super) method: Method,
    /// The environment says that this is the one: when it fails, that is it.
    pub(super) sure: bool,
    pub(super) tenant: String,
    pub(super) client_id: String,
    claims: LastClaims,
    source: Source,
}

/// Who issues the tokens.
enum Source {
    Entra(Box<Making>),
    Cli(Arc<dyn TokenCredential>),
    Managed(Box<ManagedIdentity>),
}

/// Microsoft's credentials keep a token until it ends. One is made for each
/// request, so that a token which a server turned down can be asked for anew.
type Making = dyn Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync;

impl Signer {
    pub(super) fn client_secret(
        http: &http::Client,
        endpoints: &Endpoints,
        application: &Application,
    ) -> Result<Self, CredentialError> {
        let Application { tenant, client_id, .. } = application;
        let method = Method::ClientSecret;
        let options = options(http, endpoints);
        let login = application.clone();
        let make = move || {
            let options = ClientSecretCredentialOptions { client_options: options.clone() };
            let Application { tenant, client_id, secret } = login.clone();
            let secret = secret.expose().to_owned().into();
            let made = ClientSecretCredential::new(&tenant, client_id, secret, Some(options))?;
            Ok(made as Arc<dyn TokenCredential>)
        };
        make().map_err(|error| setup(method, &error))?;
        Ok(Self {
            method,
            sure: true,
            tenant: tenant.clone(),
            client_id: client_id.clone(),
            claims: LastClaims::default(),
            source: Source::Entra(Box::new(make)),
        })
    }

    pub(super) fn exchange(
        method: Method,
        from: Assertion,
        who: (&str, &str),
        with: (&http::Client, &Endpoints, &Redactor),
    ) -> Result<Self, CredentialError> {
        let (tenant, client_id) = who;
        let (http, endpoints, redactor) = with;
        let claims = LastClaims::default();
        let assertions =
            Assertions { from: Arc::new(from), redactor: redactor.clone(), last: claims.clone() };
        let (tenant, client_id) = (tenant.to_owned(), client_id.to_owned());
        let options = options(http, endpoints);
        let whom = (tenant.clone(), client_id.clone());
        let make = move || {
            let options = ClientAssertionCredentialOptions { client_options: options.clone() };
            let (tenant, client_id) = whom.clone();
            let assertions = assertions.clone();
            let made =
                ClientAssertionCredential::new(tenant, client_id, assertions, Some(options))?;
            Ok(made as Arc<dyn TokenCredential>)
        };
        make().map_err(|error| setup(method, &error))?;
        let source = Source::Entra(Box::new(make));
        Ok(Self { method, sure: true, tenant, client_id, claims, source })
    }

    pub(super) fn managed(identity: ManagedIdentity, sure: bool) -> Self {
        Self {
            method: Method::ManagedIdentity,
            sure,
            tenant: String::new(),
            client_id: identity.client_id.clone().unwrap_or_default(),
            claims: LastClaims::default(),
            source: Source::Managed(Box::new(identity)),
        }
    }

    pub(super) fn cli(
        environment: BTreeMap<String, String>,
        tenant: Option<String>,
    ) -> Result<Self, CredentialError> {
        let method = Method::AzureCli;
        let made = AzureCliCredential::new(Some(AzureCliCredentialOptions {
            tenant_id: tenant.clone(),
            executor: Some(Arc::new(Shell { environment })),
            ..AzureCliCredentialOptions::default()
        }));
        Ok(Self {
            method,
            sure: false,
            tenant: tenant.unwrap_or_default(),
            client_id: String::new(),
            claims: LastClaims::default(),
            source: Source::Cli(made.map_err(|error| setup(method, &error))?),
        })
    }

    /// Asks for a token, and when it ends.
    pub(super) async fn ask(&self, scope: &str) -> Result<(String, OffsetDateTime), SignInError> {
        match &self.source {
            Source::Entra(make) => {
                let credential = make().map_err(|error| SignInError::Setup(error.to_string()))?;
                let token = credential.get_token(&[scope], None).await.map_err(|error| {
                    let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let Self { tenant, client_id, .. } = self;
                    classify(error, &Subject { tenant, client_id, claims })
                })?;
                Ok((token.token.secret().to_owned(), token.expires_on))
            }
            Source::Cli(credential) => {
                let token = credential.get_token(&[scope], None).await;
                let token = token.map_err(|error| SignInError::Cli { said: cli_words(&error) })?;
                Ok((token.token.secret().to_owned(), token.expires_on))
            }
            Source::Managed(identity) => {
                let issued = identity.token(scope).await.map_err(SignInError::Managed)?;
                let end = OffsetDateTime::from_unix_timestamp(issued.expires_at);
                let end = end.map_err(|error| SignInError::Setup(error.to_string()))?;
                Ok((issued.token, end))
            }
        }
    }
}

fn setup(method: Method, error: &azure_core::Error) -> CredentialError {
    CredentialError::SignIn { method, source: SignInError::Setup(error.to_string()).into() }
}

/// What the CLI itself wrote, without what is wrapped around it.
fn cli_words(error: &azure_core::Error) -> String {
    let inner = error.downcast_ref::<azure_core::Error>().unwrap_or(error);
    if *inner.kind() == ErrorKind::DataConversion {
        return "it answered with something other than a token".to_owned();
    }
    inner.to_string().trim().trim_start_matches("ERROR: ").to_owned()
}

/// Runs the CLI with the environment we were given, and ends it with us.
#[derive(Debug)]
struct Shell {
    environment: BTreeMap<String, String>,
}

#[async_trait]
impl Executor for Shell {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let child = tokio::process::Command::new(program)
            .args(args)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        tokio::time::timeout(CLI_LIMIT, child)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }
}
