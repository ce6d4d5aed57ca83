//! How servers are reached: the real ones, or those of a local cloud. The
//! clients are the same; only addresses, trust and credentials differ.

use super::PlanSession;
use super::github::{local_client, read_cloud, real_client};
use super::run::RunSession;
use super::signers;
use crate::azure::{Application, Cloud, Credential, Detection, Endpoints, ShowText};
use crate::cli::{confirm, say};
use crate::http::Client;
use crate::local::{CloudFile, is_up};
use crate::run::outcome::StepError;
use crate::run::perform::{AzureAccess, AzureClients, Signers};
use crate::secret::Secret;
use crate::value::SignIn;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub use super::github::GitHubConnection;

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
    /// Who signs without a lasting key.
    pub signers: Signers,
}

impl Connections {
    /// The connections to the real cloud, or to the local cloud that `--cloud` names.
    pub fn of(session: &PlanSession) -> Result<Self, StepError> {
        Self::with_state(session, &session.file.folder.join(".shipway"))
    }

    /// The same of a run, whose state may be kept elsewhere.
    pub fn of_run(run: &RunSession) -> Result<Self, StepError> {
        Self::with_state(&run.session, &run.folder.state)
    }

    fn with_state(session: &PlanSession, state: &Path) -> Result<Self, StepError> {
        match &session.options.cloud {
            Some(file) => Self::local(session, &read_cloud(file)?),
            None => Self::to_real(session, session.withholds, state),
        }
    }

    /// The same for a command that only removes what Shipway has deployed. It signs in for
    /// the pull request of a fork too: a maintainer may have let it be deployed.
    pub fn for_removal(session: &PlanSession) -> Result<Self, StepError> {
        match &session.options.cloud {
            Some(file) => Self::to_local(session, &read_cloud(file)?, false),
            None => Self::to_real(session, false, &session.file.folder.join(".shipway")),
        }
    }

    /// The clients of Resource Manager, which need no secret of the plan.
    pub fn azure_clients(&self, session: &PlanSession) -> AzureClients {
        AzureClients::new(AzureAccess {
            http: &self.http,
            credential: &self.credential,
            endpoints: &self.endpoints,
            local: session.options.cloud.is_some(),
            subscription: self.subscription.as_deref(),
        })
    }

    fn to_real(session: &PlanSession, withholds: bool, state: &Path) -> Result<Self, StepError> {
        let (environment, redactor) = (&session.host.env, &session.redactor);
        let http = real_client(&session.host)?;
        let endpoints = cloud(session)?.endpoints();
        let clouds = state.join("local");
        let detection = Detection {
            http: &http,
            redactor,
            endpoints: &endpoints,
            environment,
            sign_in: sign_in(session)?,
            show: shown_to_person(),
            instead: Some(Arc::new(move || local_cloud(&clouds))),
        };
        let credential = if withholds {
            Credential::withheld(redactor)
        } else {
            detection.detect().map_err(|error| StepError::from_error(&error))?
        };
        let repository = session.resolved.repository();
        Ok(Self {
            credential,
            endpoints,
            github: repository
                .and_then(|repository| GitHubConnection::real(&session.host, redactor, repository)),
            subscription: session.host.var("AZURE_SUBSCRIPTION_ID").map(str::to_owned),
            variables: BTreeMap::new(),
            secret_variables: BTreeMap::new(),
            signers: given(signers::real(&session.host, &http, redactor), withholds),
            http,
        })
    }

    /// The connections to a local cloud.
    pub fn local(session: &PlanSession, file: &CloudFile) -> Result<Self, StepError> {
        Self::to_local(session, file, session.withholds)
    }

    fn to_local(
        session: &PlanSession,
        file: &CloudFile,
        withholds: bool,
    ) -> Result<Self, StepError> {
        let redactor = &session.redactor;
        let http = local_client(file, redactor)?;
        let endpoints = Cloud::Public.endpoints();
        let application = Application {
            tenant: file.tenant_id.clone(),
            client_id: file.client_id.clone(),
            secret: redactor
                .adopt("the local cloud's credential", file.client_secret.expose().to_owned()),
        };
        let credential = if withholds {
            Credential::withheld(redactor)
        } else {
            Credential::client_secret(&http, redactor, &endpoints, &application)
                .map_err(|error| StepError::from_error(&error))?
        };
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
            secret_variables: file
                .variables()
                .filter(|_| !withholds)
                .filter(is_secret)
                .map(secret)
                .collect(),
            signers: given(signers::local(file.signing.as_ref(), &http, redactor)?, withholds),
            http,
        })
    }
}

/// Those of a fork's code get no token.
fn given(signers: Signers, withholds: bool) -> Signers {
    if withholds { signers::withheld(signers) } else { signers }
}

/// The option that names a local cloud which is up, of those whose states are in a folder.
fn local_cloud(clouds: &Path) -> Option<String> {
    let entries = std::fs::read_dir(clouds).ok()?.flatten();
    let files = entries.map(|entry| entry.path().join("cloud.json"));
    let up = files.filter(|file| CloudFile::read(file).is_ok_and(|cloud| is_up(&cloud.state)));
    let file = up.min()?;
    Some(format!(
        "a local cloud is up here: add `--cloud {}`; for Azure run `az login`",
        file.display()
    ))
}

/// How a person who is asked to sign in is told so; `None` without a terminal.
fn shown_to_person() -> Option<ShowText> {
    confirm::is_interactive().then(|| Arc::new(say::tell) as ShowText)
}

fn sign_in(session: &PlanSession) -> Result<SignIn, StepError> {
    let Some(azure) = &session.plan.azure else { return Ok(SignIn::Auto) };
    Ok(azure.sign_in.resolve(&session.scope)?)
}

fn cloud(session: &PlanSession) -> Result<Cloud, StepError> {
    let Some(azure) = &session.plan.azure else { return Ok(Cloud::Public) };
    Ok(azure.cloud.resolve(&session.scope)?)
}
