//! Finds the ways to sign in that the environment offers.
//!
//! The first that its variables configure is used, and its failure is final.
//! Without such variables the managed identity and the Azure CLI are tried, and last, in a
//! terminal, a person is asked to sign in with a device code.

use super::assertion::{FederatedTokenSource, GitHub};
use super::certificate::ClientCertificate;
use super::device_code::{ANY_TENANT, AZURE_CLI, DeviceCode, ShowText};
use super::entra_client::EntraClient;
use super::error::{CredentialError, SignInError};
use super::identity::EntraIdentity;
use super::managed::{METADATA_URL, ManagedIdentity};
use super::method::SignInMethod;
use super::signer::{Application, Signer};
use super::tokens::{Candidates, Credential, Instead};
use crate::azure::Endpoints;
use crate::github::{JOB_TOKEN_URL, JobTokens};
use crate::http;
use crate::secret::Redactor;
use crate::value::SignIn;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use url::Url;

const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";
const IDENTITY_HEADER: &str = "IDENTITY_HEADER";

/// Finds a way to sign in to the real Azure. A dry run always uses the client
/// secret of the local cloud.
pub struct Detection<'a> {
    pub http: &'a http::Client,
    pub redactor: &'a Redactor,
    pub endpoints: &'a Endpoints,
    pub environment: &'a BTreeMap<String, String>,
    /// The way that the plan asks for.
    pub sign_in: SignIn,
    /// Shows the code of a device; `None` without a terminal.
    pub show: Option<ShowText>,
    /// What else a person may have meant, where there is no way to sign in.
    pub instead: Option<Instead>,
}

impl Detection<'_> {
    /// Reads the environment without a request, so that a run that needs no token
    /// needs no login. [`Credential::token`] fails where there is no way to sign in.
    pub fn detect(&self) -> Result<Credential, CredentialError> {
        self.detect_at(metadata())
    }

    pub fn detect_at(&self, metadata: Url) -> Result<Credential, CredentialError> {
        if let Some(signer) = self.chosen(&metadata)? {
            let candidates = Candidates { signers: vec![signer], ..Candidates::default() };
            return Ok(Credential::new(candidates, self.redactor.clone()));
        }
        let mut candidates = Candidates { instead: self.instead.clone(), ..Candidates::default() };
        let ways = [
            Self::client_secret,
            Self::client_certificate,
            Self::github,
            Self::workload,
            Self::app_service,
        ];
        for way in ways {
            match way(self)? {
                Ok(signer) => {
                    candidates.signers.push(signer);
                    return Ok(Credential::new(candidates, self.redactor.clone()));
                }
                Err(absent) => candidates.absent.push(absent),
            }
        }
        let identity = self.managed(SignInMethod::ManagedIdentity, metadata)?;
        candidates.signers.push(Signer::managed(identity, false));
        candidates.signers.push(self.cli()?);
        candidates.signers.push(self.device_code());
        Ok(Credential::new(candidates, self.redactor.clone()))
    }

    /// The way that the plan asks for; `None` where it leaves that open.
    fn chosen(&self, metadata: &Url) -> Result<Option<Signer>, CredentialError> {
        let offered = match self.sign_in {
            SignIn::Auto => return Ok(None),
            SignIn::ClientSecret => self.client_secret()?,
            SignIn::ClientCertificate => self.client_certificate()?,
            SignIn::GitHub => self.github()?,
            SignIn::WorkloadIdentity => self.workload()?,
            SignIn::ManagedIdentity => {
                if let Ok(signer) = self.app_service()? {
                    Ok(signer)
                } else {
                    let method = SignInMethod::ManagedIdentity;
                    Ok(Signer::managed(self.managed(method, metadata.clone())?, true))
                }
            }
            SignIn::AzureCli => Ok(self.cli()?),
            SignIn::DeviceCode => Ok(self.device_code()),
        };
        let signer = offered.map_err(|why| CredentialError::NotOffered { why })?;
        Ok(Some(signer.explicit()))
    }

    fn cli(&self) -> Result<Signer, CredentialError> {
        Signer::cli(self.environment.clone(), self.variable(TENANT).map(str::to_owned))
    }

    fn device_code(&self) -> Signer {
        let identity = EntraIdentity {
            tenant: self.variable(TENANT).unwrap_or(ANY_TENANT).to_owned(),
            client_id: self.variable(CLIENT).unwrap_or(AZURE_CLI).to_owned(),
        };
        let client =
            EntraClient { http: self.http, endpoints: self.endpoints, redactor: self.redactor };
        Signer::device_code(DeviceCode::new(&client, identity, self.show.clone()))
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The tenant and client id, which every exchange needs.
    fn identity(&self, method: SignInMethod) -> Result<EntraIdentity, CredentialError> {
        match (self.variable(TENANT), self.variable(CLIENT)) {
            (Some(tenant), Some(client_id)) => {
                Ok(EntraIdentity { tenant: tenant.to_owned(), client_id: client_id.to_owned() })
            }
            (tenant, client) => {
                let variables = [(TENANT, tenant), (CLIENT, client)];
                let missing = variables.into_iter().filter(|(_, value)| value.is_none());
                let missing = missing.map(|(name, _)| name).collect();
                Err(CredentialError::Incomplete { method, missing })
            }
        }
    }

    fn client_secret(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = SignInMethod::ClientSecret;
        let Some(secret) = self.variable(CLIENT_SECRET) else {
            return Ok(Err(format!("{method}: `{CLIENT_SECRET}` is not set")));
        };
        let EntraIdentity { tenant, client_id } = self.identity(method)?;
        let application = Application {
            tenant,
            client_id,
            secret: self.redactor.adopt(CLIENT_SECRET, secret.to_owned()),
        };
        Signer::client_secret(self.http, self.endpoints, &application).map(Ok)
    }

    fn client_certificate(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = SignInMethod::ClientCertificate;
        let Some(file) = self.variable(CERTIFICATE) else {
            return Ok(Err(format!("{method}: `{CERTIFICATE}` is not set")));
        };
        let identity = self.identity(method)?;
        let (authority, redactor) = (&self.endpoints.authority, self.redactor);
        let read = ClientCertificate::read(Path::new(file), &identity, authority, redactor);
        let certificate = read.map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let source = SignInError::Setup(format!("{error}{cause}")).into();
            CredentialError::SignIn { method, source }
        })?;
        self.exchange(method, FederatedTokenSource::Certificate(Box::new(certificate))).map(Ok)
    }

    fn workload(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = SignInMethod::WorkloadIdentity;
        let Some(file) = self.variable(TOKEN_FILE) else {
            return Ok(Err(format!("{method}: `{TOKEN_FILE}` is not set")));
        };
        self.exchange(method, FederatedTokenSource::File(PathBuf::from(file))).map(Ok)
    }

    fn github(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = SignInMethod::GitHub;
        let Some(job) = JobTokens::of(self.http, self.environment, self.redactor) else {
            let in_actions = self.variable("GITHUB_ACTIONS").is_some();
            let why = if in_actions {
                "the job has no `permissions: id-token: write`"
            } else {
                "this is not a job of GitHub Actions"
            };
            return Ok(Err(format!("{method}: {why}")));
        };
        // A job may have the permission for another purpose and be logged in with
        // the Azure CLI, so a missing id is no error.
        if let Err(CredentialError::Incomplete { missing, .. }) = self.identity(method) {
            return Ok(Err(format!("{method}: `{}` is not set", missing.join("` and `"))));
        }
        let job = job.map_err(|error| CredentialError::SignIn {
            method,
            source: SignInError::Setup(format!("`{JOB_TOKEN_URL}` is not a URL: {error}")).into(),
        })?;
        let audience = self.endpoints.federation_audience.clone();
        self.exchange(method, FederatedTokenSource::GitHub(GitHub { job, audience }.into())).map(Ok)
    }

    fn exchange(
        &self,
        method: SignInMethod,
        from: FederatedTokenSource,
    ) -> Result<Signer, CredentialError> {
        let client =
            EntraClient { http: self.http, endpoints: self.endpoints, redactor: self.redactor };
        Signer::exchange(method, from, self.identity(method)?, &client)
    }

    fn app_service(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = SignInMethod::ManagedIdentity;
        let (Some(endpoint), Some(header)) =
            (self.variable(IDENTITY_ENDPOINT), self.variable(IDENTITY_HEADER))
        else {
            return Ok(Err(format!("{method}: `{IDENTITY_ENDPOINT}` is not set")));
        };
        let endpoint = Url::parse(endpoint).map_err(|error| CredentialError::SignIn {
            method,
            source: SignInError::Setup(format!("`{IDENTITY_ENDPOINT}` is not a URL: {error}"))
                .into(),
        })?;
        let mut identity = self.managed(method, endpoint)?;
        identity.header = Some(self.redactor.adopt(IDENTITY_HEADER, header.to_owned()));
        Ok(Ok(Signer::managed(identity, true)))
    }

    fn managed(
        &self,
        method: SignInMethod,
        endpoint: Url,
    ) -> Result<ManagedIdentity, CredentialError> {
        let http = ManagedIdentity::client(self.http.settings()).map_err(|error| {
            CredentialError::SignIn { method, source: SignInError::Setup(error.to_string()).into() }
        })?;
        let client_id = self.variable(CLIENT).map(str::to_owned);
        Ok(ManagedIdentity { http, endpoint, header: None, client_id })
    }
}

fn metadata() -> Url {
    Url::parse(METADATA_URL).expect("a constant URL parses")
}
