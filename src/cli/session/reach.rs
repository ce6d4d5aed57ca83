//! How the outside is reached: the real one, or a local cloud. The clients are
//! the same; only this differs.

use crate::azure::{Application, Cloud, Credential, Detection, Endpoints};
use crate::http::{Client, Proxy, SafeUrl, Settings, Trust};
use crate::local::CloudFile;
use crate::run::outcome::StepError;
use crate::secret::{Redactor, Secret};
use std::collections::BTreeMap;
use url::Url;

/// How the outside is reached.
pub(in crate::cli) struct Connections {
    /// The client of every request.
    pub(in crate::cli) http: Client,
    /// Who we are in Azure.
    pub(in crate::cli) credential: Credential,
    /// Where Azure's doors are.
    pub(in crate::cli) endpoints: Endpoints,
    /// GitHub's API, its token and the repository, where there is one.
    pub(in crate::cli) github: Option<GitHubReach>,
    /// The subscription that is meant where the plan names none.
    pub(in crate::cli) subscription: Option<String>,
    /// What children are given so that they live in the same world.
    pub(in crate::cli) variables: BTreeMap<String, String>,
    /// The same, for what is secret.
    pub(in crate::cli) secret_variables: BTreeMap<String, Secret>,
}

/// How GitHub is reached.
pub(in crate::cli) struct GitHubReach {
    /// The API's base URL.
    pub(in crate::cli) api: String,
    /// The token.
    pub(in crate::cli) token: Secret,
    /// `owner/name`.
    pub(in crate::cli) repository: String,
}

impl Connections {
    /// The real world, as the environment describes it.
    pub(in crate::cli) fn real(
        environment: &BTreeMap<String, String>,
        cloud: Cloud,
        repository: Option<String>,
        redactor: &Redactor,
    ) -> Result<Self, StepError> {
        let http = Client::new(Settings::default()).map_err(|error| client_trouble(&error))?;
        let endpoints = cloud.endpoints();
        let detection = Detection { http: &http, redactor, endpoints: &endpoints, environment };
        let credential = detection.detect().map_err(|error| StepError::from_error(&error))?;
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let token =
            ["INPUT_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"].iter().find_map(|name| set(name));
        let api = set("GITHUB_API_URL").map_or("https://api.github.com", String::as_str);
        let github = match (token, repository) {
            (Some(token), Some(repository)) => Some(GitHubReach {
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

    /// A local cloud.
    pub(in crate::cli) fn local(file: &CloudFile, redactor: &Redactor) -> Result<Self, StepError> {
        let proxy = Url::parse(file.proxy.expose()).map_err(|error| {
            StepError::new("read the address of the local cloud").because(error.to_string())
        })?;
        if let Some(password) = proxy.password() {
            redactor.adopt("the local cloud's proxy", password.to_owned());
        }
        let settings = Settings {
            proxy: Proxy::Fixed(SafeUrl::new(proxy)),
            trust: Trust::Only(file.ca.clone()),
            ..Settings::default()
        };
        let http = Client::new(settings).map_err(|error| client_trouble(&error))?;
        let endpoints = Cloud::Public.endpoints();
        let application = Application {
            tenant: file.tenant_id.clone(),
            client_id: file.client_id.clone(),
            secret: redactor
                .adopt("the local cloud's credential", file.client_secret.expose().to_owned()),
        };
        let credential = Credential::client_secret(&http, redactor, &endpoints, &application)
            .map_err(|error| StepError::from_error(&error))?;
        let github = file.github.as_ref().map(|github| GitHubReach {
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

fn client_trouble(error: &crate::http::BuildError) -> StepError {
    let mut trouble = StepError::new(error.to_string());
    trouble.failure.chain = crate::run::outcome::chain_of(error);
    trouble.help("install the package `ca-certificates`, or check the proxy's variables")
}
