//! Which way of signing in the environment offers. The first that it names is
//! the one; where it names none, the machine's own identity and the Azure CLI
//! are tried in turn.

use super::assertion::{Assertion, GitHub};
use super::error::{CredentialError, SignInError};
use super::managed::{METADATA, ManagedIdentity};
use super::signer::{Application, Signer};
use super::tokens::{Candidates, Credential, Method};
use crate::azure::Endpoints;
use crate::http;
use crate::secret::Redactor;
use std::collections::BTreeMap;
use std::path::PathBuf;
use url::Url;

const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";
const IDENTITY_HEADER: &str = "IDENTITY_HEADER";

/// What is looked at to find a way to sign in. Only for a run against the real
/// Azure: a dry run has the local Entra's client secret and nothing else.
pub struct Detection<'a> {
    /// Reaches Entra and GitHub.
    pub http: &'a http::Client,
    /// Learns every token.
    pub redactor: &'a Redactor,
    /// The cloud's.
    pub endpoints: &'a Endpoints,
    /// The process's environment.
    pub environment: &'a BTreeMap<String, String>,
}

impl Detection<'_> {
    /// Finds out. No request is made yet, so that a run which needs no token
    /// needs no login either; [`Credential::token`] says when there is no way.
    pub fn detect(&self) -> Result<Credential, CredentialError> {
        self.detect_at(metadata())
    }

    pub(super) fn detect_at(&self, metadata: Url) -> Result<Credential, CredentialError> {
        let mut candidates = Candidates { signers: Vec::new(), absent: Vec::new() };
        for way in [Self::client_secret, Self::github, Self::workload, Self::app_service] {
            match way(self)? {
                Ok(signer) => {
                    candidates.signers.push(signer);
                    return Ok(Credential::new(candidates, self.redactor.clone()));
                }
                Err(absent) => candidates.absent.push(absent),
            }
        }
        let identity = self.managed(Method::ManagedIdentity, metadata)?;
        candidates.signers.push(Signer::managed(identity, false));
        let tenant = self.variable(TENANT).map(str::to_owned);
        candidates.signers.push(Signer::cli(self.environment.clone(), tenant)?);
        Ok(Credential::new(candidates, self.redactor.clone()))
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Tenant and client, which belong to every exchange.
    fn who(&self, method: Method) -> Result<(&str, &str), CredentialError> {
        match (self.variable(TENANT), self.variable(CLIENT)) {
            (Some(tenant), Some(client)) => Ok((tenant, client)),
            (tenant, client) => {
                let missing = [(TENANT, tenant), (CLIENT, client)];
                let missing = missing.into_iter().filter(|(_, value)| value.is_none());
                let missing = missing.map(|(name, _)| name).collect();
                Err(CredentialError::Incomplete { method, missing })
            }
        }
    }

    fn client_secret(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = Method::ClientSecret;
        let Some(secret) = self.variable(CLIENT_SECRET) else {
            return Ok(Err(format!("{method}: `{CLIENT_SECRET}` is not set")));
        };
        let (tenant, client_id) = self.who(method)?;
        let application = Application {
            tenant: tenant.to_owned(),
            client_id: client_id.to_owned(),
            secret: self.redactor.adopt(CLIENT_SECRET, secret.to_owned()),
        };
        Signer::client_secret(self.http, self.endpoints, &application).map(Ok)
    }

    fn workload(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = Method::WorkloadIdentity;
        let Some(file) = self.variable(TOKEN_FILE) else {
            return Ok(Err(format!("{method}: `{TOKEN_FILE}` is not set")));
        };
        self.exchange(method, Assertion::File(PathBuf::from(file))).map(Ok)
    }

    fn github(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = Method::GitHub;
        let (Some(url), Some(token)) = (self.variable(GITHUB_URL), self.variable(GITHUB_TOKEN))
        else {
            let in_actions = self.variable("GITHUB_ACTIONS").is_some();
            let why = if in_actions {
                "the job has no `permissions: id-token: write`"
            } else {
                "this is no job of GitHub Actions"
            };
            return Ok(Err(format!("{method}: {why}")));
        };
        // A job may have the permission for something else and be logged in by
        // the Azure CLI, so a missing id is a reason, not a mistake.
        if let Err(CredentialError::Incomplete { missing, .. }) = self.who(method) {
            return Ok(Err(format!("{method}: `{}` is not set", missing.join("` and `"))));
        }
        let url = Url::parse(url).map_err(|error| CredentialError::SignIn {
            method,
            source: SignInError::Setup(format!("`{GITHUB_URL}` is no URL: {error}")).into(),
        })?;
        let token = self.redactor.adopt(GITHUB_TOKEN, token.to_owned());
        let audience = self.endpoints.federation_audience.clone();
        let from =
            Assertion::GitHub(GitHub { http: self.http.clone(), url, token, audience }.into());
        self.exchange(method, from).map(Ok)
    }

    fn exchange(&self, method: Method, from: Assertion) -> Result<Signer, CredentialError> {
        let who = self.who(method)?;
        Signer::exchange(method, from, who, (self.http, self.endpoints, self.redactor))
    }

    fn app_service(&self) -> Result<Result<Signer, String>, CredentialError> {
        let method = Method::ManagedIdentity;
        let (Some(endpoint), Some(header)) =
            (self.variable(IDENTITY_ENDPOINT), self.variable(IDENTITY_HEADER))
        else {
            return Ok(Err(format!("{method}: `{IDENTITY_ENDPOINT}` is not set")));
        };
        let endpoint = Url::parse(endpoint).map_err(|error| CredentialError::SignIn {
            method,
            source: SignInError::Setup(format!("`{IDENTITY_ENDPOINT}` is no URL: {error}")).into(),
        })?;
        let mut identity = self.managed(method, endpoint)?;
        identity.header = Some(self.redactor.adopt(IDENTITY_HEADER, header.to_owned()));
        Ok(Ok(Signer::managed(identity, true)))
    }

    fn managed(&self, method: Method, endpoint: Url) -> Result<ManagedIdentity, CredentialError> {
        let http = ManagedIdentity::client(self.http.settings()).map_err(|error| {
            CredentialError::SignIn { method, source: SignInError::Setup(error.to_string()).into() }
        })?;
        let client_id = self.variable(CLIENT).map(str::to_owned);
        Ok(ManagedIdentity { http, endpoint, header: None, client_id })
    }
}

fn metadata() -> Url {
    Url::parse(METADATA).expect("a constant URL parses")
}
