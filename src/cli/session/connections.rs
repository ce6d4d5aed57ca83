//! How servers are reached: the real ones, or those of a local cloud. The
//! clients are the same; only addresses, trust and credentials differ.

use super::PlanSession;
use crate::azure::{Application, Cloud, Credential, Detection, Endpoints};
use crate::http::{Client, Proxy, SafeUrl, Settings, Trust};
use crate::local::CloudFile;
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Secret;
use std::collections::BTreeMap;
use url::Url;

pub struct Connections {
    /// The client that sends every request.
    pub http: Client,
    /// The Azure credential.
    pub credential: Credential,
    pub endpoints: Endpoints,
    /// `None` without a token or a repository.
    pub github: Option<GitHubConnection>,
    /// The subscription to use if the plan names none.
    pub subscription: Option<String>,
    /// Variables that point child processes to the same servers.
    pub variables: BTreeMap<String, String>,
    /// Such variables that hold a secret.
    pub secret_variables: BTreeMap<String, Secret>,
}

pub struct GitHubConnection {
    /// The base URL of the API.
    pub api: String,
    pub token: Secret,
    /// `owner/name`.
    pub repository: String,
}

impl Connections {
    /// The connections to the real cloud, or to the local cloud that `--cloud` names.
    pub fn of(session: &PlanSession) -> Result<Self, StepError> {
        let Some(file) = &session.options.cloud else { return Self::real(session) };
        let cloud = CloudFile::read(file).map_err(|error| {
            StepError::new(format!("cannot read `{}`", file.display()))
                .because(error.to_string())
                .help("`shipway local --cloud FILE` writes it while it is up")
        })?;
        Self::local(session, &cloud)
    }

    fn real(session: &PlanSession) -> Result<Self, StepError> {
        let (environment, redactor) = (&session.host.env, &session.redactor);
        let http = Client::new(Settings::default()).map_err(|error| client_error(&error))?;
        let endpoints = cloud(session)?.endpoints();
        let detection = Detection { http: &http, redactor, endpoints: &endpoints, environment };
        let credential = detection.detect().map_err(|error| StepError::from_error(&error))?;
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let token =
            ["INPUT_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"].iter().find_map(|name| set(name));
        let api = set("GITHUB_API_URL").map_or("https://api.github.com", String::as_str);
        let github = match (token, session.resolved.repository()) {
            (Some(token), Some(repository)) => Some(GitHubConnection {
                api: api.to_owned(),
                token: redactor.adopt("env.GITHUB_TOKEN", token.clone()),
                repository,
            }),
            _ => None,
        };
        Ok(Self {
            credential,
            endpoints,
            github,
            subscription: set("AZURE_SUBSCRIPTION_ID").cloned(),
            variables: BTreeMap::new(),
            secret_variables: BTreeMap::new(),
            http,
        })
    }

    /// The connections to a local cloud.
    pub fn local(session: &PlanSession, file: &CloudFile) -> Result<Self, StepError> {
        let redactor = &session.redactor;
        let proxy = Url::parse(file.proxy.expose()).map_err(|error| {
            StepError::new("cannot read the address of the local cloud").because(error.to_string())
        })?;
        if let Some(password) = proxy.password() {
            redactor.adopt("the local cloud's proxy", password.to_owned());
        }
        let settings = Settings {
            proxy: Proxy::Fixed(SafeUrl::new(proxy)),
            trust: Trust::Only(file.ca.clone()),
            ..Settings::default()
        };
        let http = Client::new(settings).map_err(|error| client_error(&error))?;
        let endpoints = Cloud::Public.endpoints();
        let application = Application {
            tenant: file.tenant_id.clone(),
            client_id: file.client_id.clone(),
            secret: redactor
                .adopt("the local cloud's credential", file.client_secret.expose().to_owned()),
        };
        let credential = Credential::client_secret(&http, redactor, &endpoints, &application)
            .map_err(|error| StepError::from_error(&error))?;
        let github = file.github.as_ref().map(|github| GitHubConnection {
            api: github.api_url.clone(),
            token: redactor.adopt("the local cloud's token", github.token.expose().to_owned()),
            repository: github.repository.clone(),
        });
        let secret = |(name, value): (&str, &str)| {
            (name.to_owned(), redactor.adopt(&format!("env.{name}"), value.to_owned()))
        };
        let is_secret = |(name, value): &(&str, &str)| {
            !value.is_empty() && (name.contains("SECRET") || name.contains("TOKEN"))
        };
        Ok(Self {
            credential,
            endpoints,
            github,
            subscription: Some(file.subscription_id.clone()),
            variables: file
                .variables()
                .filter(|variable| !is_secret(variable))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            secret_variables: file.variables().filter(is_secret).map(secret).collect(),
            http,
        })
    }
}

fn cloud(session: &PlanSession) -> Result<Cloud, StepError> {
    let Some(azure) = &session.plan.azure else { return Ok(Cloud::Public) };
    Ok(azure.cloud.resolve(&session.scope)?)
}

fn client_error(error: &crate::http::BuildError) -> StepError {
    let mut shown = StepError::new(error.to_string());
    shown.failure.chain = chain_of(error);
    shown.help("install the package `ca-certificates`, or check the proxy's variables")
}
