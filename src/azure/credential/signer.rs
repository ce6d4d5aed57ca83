//! Requests tokens by one way to sign in.

use super::assertion::{FederatedTokenSource, FederatedTokens, LastClaims};
use super::device_code::DeviceCode;
use super::entra_client::EntraClient;
use super::error::{CredentialError, RefusedIdentity, SignInError, classify};
use super::identity::EntraIdentity;
use super::managed::ManagedIdentity;
use super::method::SignInMethod;
use super::transport::options;
use crate::azure::Endpoints;
use crate::http;
use crate::secret::Secret;
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

/// How long the Azure CLI may take, which starts slowly and may refresh its login.
const MAX_CLI_TIME: Duration = Duration::from_mins(1);

/// An application with a client secret.
#[derive(Clone, Debug)]
pub struct Application {
    /// An id or a domain.
    pub tenant: String,
    pub client_id: String,
    pub secret: Secret,
}

/// A way to sign in, ready to request tokens.
pub struct Signer {
    pub method: SignInMethod,
    /// Whether the environment asks for this method, so that its failure is final and no
    /// other is tried.
    pub explicit: bool,
    /// Empty where it is not known, as is `client_id`.
    pub tenant: String,
    pub client_id: String,
    claims: LastClaims,
    source: TokenSource,
}

/// The service that issues the tokens.
enum TokenSource {
    Entra {
        make: Box<MakeCredential>,
        /// The sign-in host.
        host: String,
    },
    Cli(Arc<dyn TokenCredential>),
    Managed(Box<ManagedIdentity>),
    DeviceCode(Box<DeviceCode>),
}

/// Makes a credential of `azure_identity`.
///
/// It is made again for each token, because it caches tokens until they expire and
/// has no way to drop one. A server may refuse a token earlier (a revoked session,
/// or a role that was just assigned), and then a new one is needed. [`Credential`]
/// does the caching.
///
/// [`Credential`]: super::Credential
type MakeCredential = dyn Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync;

impl TokenSource {
    fn entra(
        make: impl Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync + 'static,
        endpoints: &Endpoints,
    ) -> Self {
        let host = endpoints.authority.host_str().unwrap_or_default().to_owned();
        Self::Entra { make: Box::new(make), host }
    }
}

impl Signer {
    pub fn client_secret(
        http: &http::Client,
        endpoints: &Endpoints,
        application: &Application,
    ) -> Result<Self, CredentialError> {
        let Application { tenant, client_id, .. } = application;
        let method = SignInMethod::ClientSecret;
        let options = options(http, endpoints);
        let login = application.clone();
        let make = move || {
            let options = ClientSecretCredentialOptions { client_options: options.clone() };
            let Application { tenant, client_id, secret } = login.clone();
            let secret = secret.expose().to_owned().into();
            let credential =
                ClientSecretCredential::new(&tenant, client_id, secret, Some(options))?;
            Ok(credential as Arc<dyn TokenCredential>)
        };
        make().map_err(|error| setup(method, &error))?;
        Ok(Self {
            method,
            explicit: true,
            tenant: tenant.clone(),
            client_id: client_id.clone(),
            claims: LastClaims::default(),
            source: TokenSource::entra(make, endpoints),
        })
    }

    pub fn exchange(
        method: SignInMethod,
        from: FederatedTokenSource,
        identity: EntraIdentity,
        client: &EntraClient<'_>,
    ) -> Result<Self, CredentialError> {
        let EntraIdentity { tenant, client_id } = identity;
        let claims = LastClaims::default();
        let tokens = FederatedTokens {
            from: Arc::new(from),
            redactor: client.redactor.clone(),
            last: claims.clone(),
        };
        let options = options(client.http, client.endpoints);
        let (for_tenant, for_client) = (tenant.clone(), client_id.clone());
        let make = move || {
            let options = ClientAssertionCredentialOptions { client_options: options.clone() };
            let credential = ClientAssertionCredential::new(
                for_tenant.clone(),
                for_client.clone(),
                tokens.clone(),
                Some(options),
            )?;
            Ok(credential as Arc<dyn TokenCredential>)
        };
        make().map_err(|error| setup(method, &error))?;
        let source = TokenSource::entra(make, client.endpoints);
        Ok(Self { method, explicit: true, tenant, client_id, claims, source })
    }

    pub fn managed(identity: ManagedIdentity, explicit: bool) -> Self {
        Self {
            method: SignInMethod::ManagedIdentity,
            explicit,
            tenant: String::new(),
            client_id: identity.client_id.clone().unwrap_or_default(),
            claims: LastClaims::default(),
            source: TokenSource::Managed(Box::new(identity)),
        }
    }

    pub fn cli(
        environment: BTreeMap<String, String>,
        tenant: Option<String>,
    ) -> Result<Self, CredentialError> {
        let method = SignInMethod::AzureCli;
        let credential = AzureCliCredential::new(Some(AzureCliCredentialOptions {
            tenant_id: tenant.clone(),
            executor: Some(Arc::new(CliExecutor { environment })),
            ..AzureCliCredentialOptions::default()
        }));
        Ok(Self {
            method,
            explicit: false,
            tenant: tenant.unwrap_or_default(),
            client_id: String::new(),
            claims: LastClaims::default(),
            source: TokenSource::Cli(credential.map_err(|error| setup(method, &error))?),
        })
    }

    /// Its failure is final.
    pub fn explicit(mut self) -> Self {
        self.explicit = true;
        self
    }

    /// The tenant is that of the person who signs in, which is not known beforehand.
    pub fn device_code(device_code: DeviceCode) -> Self {
        Self {
            method: SignInMethod::DeviceCode,
            explicit: false,
            tenant: String::new(),
            client_id: String::new(),
            claims: LastClaims::default(),
            source: TokenSource::DeviceCode(Box::new(device_code)),
        }
    }

    /// Requests a token. Returns it with the time when it expires. A person who is asked to
    /// sign in is told why other methods were `passed_over`.
    pub async fn request(
        &self,
        scope: &str,
        passed_over: &[String],
    ) -> Result<(String, OffsetDateTime), SignInError> {
        match &self.source {
            TokenSource::DeviceCode(device_code) => device_code.token(scope, passed_over).await,
            TokenSource::Entra { make, host } => {
                let credential = make().map_err(|error| SignInError::Setup(error.to_string()))?;
                let token = credential.get_token(&[scope], None).await.map_err(|error| {
                    let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let Self { tenant, client_id, .. } = self;
                    classify(error, &RefusedIdentity { host, tenant, client_id, claims })
                })?;
                if token.token.secret().is_empty() {
                    // `azure_identity` has a default for what the answer lacks.
                    let (host, reason) = (host.clone(), "it holds no token".to_owned());
                    return Err(SignInError::Unreadable { host, reason });
                }
                Ok((token.token.secret().to_owned(), token.expires_on))
            }
            TokenSource::Cli(credential) => {
                let token = credential.get_token(&[scope], None).await;
                let token =
                    token.map_err(|error| SignInError::Cli { output: cli_output(&error) })?;
                Ok((token.token.secret().to_owned(), token.expires_on))
            }
            TokenSource::Managed(identity) => {
                let issued = identity.token(scope).await.map_err(SignInError::Managed)?;
                let end = OffsetDateTime::from_unix_timestamp(issued.expires_at);
                let end = end.map_err(|error| SignInError::Setup(error.to_string()))?;
                Ok((issued.token, end))
            }
        }
    }
}

fn setup(method: SignInMethod, error: &azure_core::Error) -> CredentialError {
    CredentialError::SignIn { method, source: SignInError::Setup(error.to_string()).into() }
}

/// The output of the CLI, without the texts that `azure_identity` puts around it.
fn cli_output(error: &azure_core::Error) -> String {
    let inner = error.downcast_ref::<azure_core::Error>().unwrap_or(error);
    if *inner.kind() == ErrorKind::DataConversion {
        return "it answered with something other than a token".to_owned();
    }
    inner.to_string().trim().trim_start_matches("ERROR: ").to_owned()
}

/// Runs the CLI with the given environment instead of the process's.
#[derive(Debug)]
struct CliExecutor {
    environment: BTreeMap<String, String>,
}

#[async_trait]
impl Executor for CliExecutor {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let child = tokio::process::Command::new(program)
            .args(args)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        tokio::time::timeout(MAX_CLI_TIME, child)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }
}
