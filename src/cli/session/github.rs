//! The connection to GitHub, which may be asked before there is any other.

use crate::github::client::{BadRepo, Client as GitHubClient, Repo};
use crate::http::{Client, Proxy, SafeUrl, Settings, Trust};
use crate::journal::RunOptions;
use crate::local::{CloudFile, EndedCloud, HEAD, HOST, PullRequestHead, is_up};
use crate::resolve::HostEnvironment;
use crate::run::outcome::{StepError, chain_of};
use crate::secret::{Redactor, Secret};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// How long a local cloud may take to answer what is asked about itself.
pub const MAX_ANSWER_TIME: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct GitHubConnection {
    /// The base URL of the API.
    pub api: String,
    pub token: Secret,
    /// `owner/name`.
    pub repository: String,
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
        Ok((real_client(host)?, Self::real(host, redactor, repository)))
    }

    pub fn real(host: &HostEnvironment, redactor: &Redactor, repository: String) -> Option<Self> {
        let names = ["INPUT_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"];
        let token = names.iter().find_map(|name| host.var(name))?;
        Some(Self {
            api: host.var("GITHUB_API_URL").unwrap_or("https://api.github.com").to_owned(),
            token: redactor.adopt("env.GITHUB_TOKEN", token.to_owned()),
            repository,
        })
    }

    pub fn local(file: &CloudFile, redactor: &Redactor) -> Option<Self> {
        let github = file.github.as_ref()?;
        Some(Self {
            api: github.api_url.clone(),
            token: redactor.adopt("the local cloud's token", github.token.expose().to_owned()),
            repository: github.repository.clone(),
        })
    }

    /// A client, and the repository that it is for.
    pub fn client(&self, http: &Client) -> Result<(GitHubClient, Repo), StepError> {
        let failed = || StepError::new("cannot ask GitHub");
        let api = Url::parse(&self.api)
            .map_err(|error| failed().because(format!("`{}` is not a URL: {error}", self.api)))?;
        let repo = self.repository.parse();
        let repo = repo.map_err(|error: BadRepo| failed().because(error.to_string()))?;
        Ok((GitHubClient::new(http, api, self.token.clone()), repo))
    }
}

pub fn read_cloud(file: &Path) -> Result<CloudFile, StepError> {
    const HELP: &str = "`shipway local --cloud FILE` writes it while it is up";
    let found = CloudFile::read(file).map_err(|error| {
        let error = chain_of(&error).split_off(1).join(": ");
        StepError::of_usage(format!("cannot read `{}`", file.display())).because(error).help(HELP)
    })?;
    if !is_up(&found.state) {
        let error = format!("the local cloud of `{}` is not up any more", file.display());
        return Err(StepError::of_usage(error).help(HELP));
    }
    Ok(found)
}

/// A client that reaches real servers. Where the environment is still that of a local cloud
/// which has ended, an error says so.
pub fn real_client(host: &HostEnvironment) -> Result<Client, StepError> {
    let proxy_gone = EndedCloud::of(&host.env).map(|EndedCloud { state, unset }| {
        format!(
            "it is that of the local cloud in `{}`, which has ended: `{unset}` lets this shell go on \
             without it",
            state.display()
        )
    });
    let settings = Settings { proxy_gone, ..Settings::default() };
    Client::new(settings).map_err(|error| client_error(&error))
}

/// A client that reaches the local cloud and nothing else.
pub fn local_client(file: &CloudFile, redactor: &Redactor) -> Result<Client, StepError> {
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

/// Moves the head of the pull request that a local cloud simulates, as a push to its branch
/// would.
pub async fn push_head(
    file: &CloudFile,
    commit: &str,
    redactor: &Redactor,
) -> Result<(), StepError> {
    let body = PullRequestHead { commit: commit.to_owned() };
    let http = local_client(file, redactor)?;
    let request = http.direct().put(format!("http://{HOST}{HEAD}")).json(&body);
    let state = file.state.display();
    let what = format!("cannot move the pull request of the local cloud in `{state}`");
    let failed = || StepError::new(what.clone());
    match timeout(MAX_ANSWER_TIME, http.fetch(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failed().because(chain_of(&error).join(": "))),
        Err(_) => Err(unanswered(file, failed())),
    }
}

/// Why a local cloud could not be asked: its process is suspended, or hangs.
pub fn unanswered(file: &CloudFile, failed: StepError) -> StepError {
    let pid = file.pid;
    failed.because(format!("process {pid} does not answer")).help(format!(
        "if it is suspended, `kill -CONT {pid}` lets it go on; `kill -9 {pid}` ends it"
    ))
}

pub fn client_error(error: &crate::http::BuildError) -> StepError {
    let mut shown = StepError::new(error.to_string());
    shown.failure.chain = chain_of(error);
    shown.help("install the package `ca-certificates`, or check the proxy's variables")
}
