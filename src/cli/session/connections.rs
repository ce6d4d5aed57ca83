//! How servers are reached: the real ones, or those of a local cloud. The
//! clients are the same; only addresses, trust and credentials differ.

use super::PlanSession;
use crate::azure::{Application, Cloud, Credential, Detection, Endpoints};
use crate::http::{Client, Proxy, SafeUrl, Settings, Trust};
use crate::journal::RunOptions;
use crate::local::CloudFile;
use crate::resolve::HostEnvironment;
use crate::run::outcome::{StepError, chain_of};
use crate::secret::{Redactor, Secret};
use std::collections::BTreeMap;
use std::path::Path;
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

#[derive(Clone)]
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
        match &session.options.cloud {
            Some(file) => Self::local(session, &read_cloud(file)?),
            None => Self::real(session),
        }
    }

    fn real(session: &PlanSession) -> Result<Self, StepError> {
        let (environment, redactor) = (&session.host.env, &session.redactor);
        let http = Client::new(Settings::default()).map_err(|error| client_error(&error))?;
        let endpoints = cloud(session)?.endpoints();
        let detection = Detection { http: &http, redactor, endpoints: &endpoints, environment };
        let credential = detection.detect().map_err(|error| StepError::from_error(&error))?;
        let repository = session.resolved.repository();
        Ok(Self {
            credential,
            endpoints,
            github: repository
                .and_then(|repository| GitHubConnection::real(&session.host, redactor, repository)),
            subscription: session.host.var("AZURE_SUBSCRIPTION_ID").map(str::to_owned),
            variables: BTreeMap::new(),
            secret_variables: BTreeMap::new(),
            http,
        })
    }

    /// The connections to a local cloud.
    pub fn local(session: &PlanSession, file: &CloudFile) -> Result<Self, StepError> {
        let redactor = &session.redactor;
        let http = local_client(file, redactor)?;
        let endpoints = Cloud::Public.endpoints();
        let application = Application {
            tenant: file.tenant_id.clone(),
            client_id: file.client_id.clone(),
            secret: redactor
                .adopt("the local cloud's credential", file.client_secret.expose().to_owned()),
        };
        let credential = Credential::client_secret(&http, redactor, &endpoints, &application)
            .map_err(|error| StepError::from_error(&error))?;
        let github = GitHubConnection::local(file, redactor);
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

impl GitHubConnection {
    /// The connection to the repository, before there is any other: to the real
    /// GitHub, or to that of the local cloud. `None` without a token.
    pub fn alone(
        options: &RunOptions,
        host: &HostEnvironment,
        redactor: &Redactor,
        repository: String,
    ) -> Result<(Client, Option<Self>), StepError> {
        if let Some(file) = &options.cloud {
            let file = read_cloud(file)?;
            return Ok((local_client(&file, redactor)?, Self::local(&file, redactor)));
        }
        let http = Client::new(Settings::default()).map_err(|error| client_error(&error))?;
        Ok((http, Self::real(host, redactor, repository)))
    }

    fn real(host: &HostEnvironment, redactor: &Redactor, repository: String) -> Option<Self> {
        let names = ["INPUT_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"];
        let token = names.iter().find_map(|name| host.var(name))?;
        Some(Self {
            api: host.var("GITHUB_API_URL").unwrap_or("https://api.github.com").to_owned(),
            token: redactor.adopt("env.GITHUB_TOKEN", token.to_owned()),
            repository,
        })
    }

    fn local(file: &CloudFile, redactor: &Redactor) -> Option<Self> {
        let github = file.github.as_ref()?;
        Some(Self {
            api: github.api_url.clone(),
            token: redactor.adopt("the local cloud's token", github.token.expose().to_owned()),
            repository: github.repository.clone(),
        })
    }
}

fn read_cloud(file: &Path) -> Result<CloudFile, StepError> {
    CloudFile::read(file).map_err(|error| {
        StepError::new(format!("cannot read `{}`", file.display()))
            .because(error.to_string())
            .help("`shipway local --cloud FILE` writes it while it is up")
    })
}

/// A client that reaches the local cloud and nothing else.
fn local_client(file: &CloudFile, redactor: &Redactor) -> Result<Client, StepError> {
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
    Client::new(settings).map_err(|error| client_error(&error))
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
