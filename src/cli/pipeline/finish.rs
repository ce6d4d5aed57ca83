//! Tells the end of a run where people read it: the comment, the deployment,
//! the status, the summary, the outputs of the step.
//!
//! None of this can make a run fail: what cannot be told is a warning.

use crate::cli::session::Session;
use crate::cli::session::reach::{Connections, GitHubReach};
use crate::event::{Channel, Event, EventKind, OutputName, Reported, RunFinished, Status};
use crate::github::actions::{append, append_summary};
use crate::github::client::{
    Client, CommitState, CommitStatus, DeploymentState, DeploymentStatus, Marker, NewDeployment,
    Repo,
};
use crate::http::Retryable;
use crate::plan::schema::Report;
use crate::report::{Card, View, action_outputs, result};
use crate::run::outcome::chain_of;
use crate::run::perform::retry;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// What is needed to tell it.
pub(in crate::cli) struct Finish<'a> {
    /// The run.
    pub(in crate::cli) session: &'a Session,
    /// How GitHub is reached.
    pub(in crate::cli) reach: &'a Connections,
}

impl Finish<'_> {
    /// Tells it everywhere. Returns what was told where, and what could not be.
    pub(in crate::cli) async fn tell(
        &self,
        view: &View,
        finished: &RunFinished,
        at: Duration,
    ) -> Vec<EventKind> {
        let card = Card::new(view, finished);
        let mut told = Vec::new();
        for channel in self.channels() {
            let done = match channel {
                Channel::Comment => self.comment(&card).await,
                Channel::Deployment => self.deployment(&card, finished).await,
                Channel::Status => self.status(&card, finished).await,
                Channel::Summary => self.summary(&card),
            };
            match done {
                Ok(reported) => told.extend(reported.map(EventKind::Reported)),
                Err(message) => {
                    let message = self.session.redactor.redact(&message);
                    told.push(EventKind::Warned { step: None, message });
                }
            }
        }
        let mut whole = view.clone();
        for kind in &told {
            whole.apply(&Event { at, kind: kind.clone() });
        }
        if let Err(message) = self.outputs(&whole, finished) {
            told.push(EventKind::Warned { step: None, message });
        }
        told
    }

    /// Where the plan wants it told, each once.
    fn channels(&self) -> Vec<Channel> {
        let wanted = self.session.plan.report.iter().map(|report| report.value);
        let mut channels = Vec::new();
        for report in wanted {
            let channel = match report {
                Report::Comment => Channel::Comment,
                Report::Deployment => Channel::Deployment,
                Report::Status => Channel::Status,
                Report::Summary => Channel::Summary,
                Report::None => continue,
            };
            if !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        channels
    }

    async fn comment(&self, card: &Card) -> Result<Option<Reported>, String> {
        let Some(pull_request) = &self.session.resolved.pull_request else { return Ok(None) };
        let Some((client, repo)) = self.github("the comment")? else { return Ok(None) };
        let environment = self.session.resolved.environment.as_ref();
        let key = self.session.arguments.comment_key.as_deref().unwrap_or_default();
        let marker = Marker::new(
            &self.session.plan.name.value,
            environment.map(|environment| environment.name.as_str()),
            key,
        );
        let body = card.comment(&marker.to_string(), &self.session.redactor);
        let number = pull_request.number;
        let posted = retry(|| client.upsert_comment(&repo, number, &marker, &body))
            .await
            .map_err(|error| untold("the comment", &error))?;
        Ok(Some(Reported {
            to: Channel::Comment,
            id: Some(posted.id),
            url: Some(posted.url),
            text: self.session.dry_run.then(|| self.session.redactor.redact(&card.text())),
        }))
    }

    async fn deployment(
        &self,
        card: &Card,
        finished: &RunFinished,
    ) -> Result<Option<Reported>, String> {
        let Some(url) =
            finished.services.iter().find_map(|service| service.outputs.get(OutputName::Url))
        else {
            return Ok(None);
        };
        let Some(commit) = self.session.resolved.git.sha.clone() else { return Ok(None) };
        let Some((client, repo)) = self.github("the deployment")? else { return Ok(None) };
        let pull_request = self.session.resolved.pull_request.as_ref();
        let chosen = self.session.resolved.environment.as_ref();
        // A shared name would take the links of other pull requests down.
        let environment = match (pull_request, chosen) {
            (Some(pull_request), _) => format!("pr-{}", pull_request.number),
            (None, Some(chosen)) => chosen.name.clone(),
            (None, None) => self.session.plan.name.value.clone(),
        };
        let new = NewDeployment {
            commit,
            environment: environment.clone(),
            transient: pull_request.is_some(),
            production: chosen.is_some_and(|chosen| chosen.protected),
            description: card.line(),
        };
        let tell = async {
            let made = client.create_deployment(&repo, &new).await?;
            let status = DeploymentStatus {
                state: match finished.status {
                    Status::Succeeded => DeploymentState::Success,
                    Status::Failed => DeploymentState::Failure,
                    Status::Cancelled => DeploymentState::Error,
                },
                log_url: self.log_url(),
                environment_url: Some(url.clone()),
                description: card.line(),
            };
            client.set_deployment_status(&repo, made.id, &status).await?;
            if pull_request.is_some() {
                client.retire_deployments(&repo, &environment, Some(made.id)).await?;
            }
            Ok::<_, crate::github::client::Error>(made.id)
        };
        let id = tell.await.map_err(|error| untold("the deployment", &error))?;
        let url = Some(url.clone());
        Ok(Some(Reported { to: Channel::Deployment, id: Some(id), url, text: None }))
    }

    async fn status(
        &self,
        card: &Card,
        finished: &RunFinished,
    ) -> Result<Option<Reported>, String> {
        let Some(commit) = self.session.resolved.git.sha.clone() else { return Ok(None) };
        let Some((client, repo)) = self.github("the status")? else { return Ok(None) };
        let url = finished.services.iter().find_map(|service| service.outputs.get(OutputName::Url));
        let status = CommitStatus {
            state: match finished.status {
                Status::Succeeded => CommitState::Success,
                Status::Failed => CommitState::Failure,
                Status::Cancelled => CommitState::Error,
            },
            context: format!("shipway/{}", self.session.plan.name.value),
            target_url: url.cloned().or_else(|| self.log_url()),
            description: card.line(),
        };
        retry(|| client.set_commit_status(&repo, &commit, &status))
            .await
            .map_err(|error| untold("the status", &error))?;
        Ok(Some(Reported { to: Channel::Status, id: None, url: status.target_url, text: None }))
    }

    fn summary(&self, card: &Card) -> Result<Option<Reported>, String> {
        let Some(file) = self.session.surroundings.var("GITHUB_STEP_SUMMARY") else {
            return Ok(None);
        };
        append_summary(Path::new(file), &card.summary(&self.session.redactor))
            .map_err(|error| untold_plain("the summary", &error))?;
        Ok(Some(Reported { to: Channel::Summary, id: None, url: None, text: None }))
    }

    /// The result's file, and the outputs of the step in GitHub Actions.
    fn outputs(&self, view: &View, finished: &RunFinished) -> Result<(), String> {
        let file = self.session.run.path().join("result.json");
        let text = serde_json::to_string_pretty(&result(view, finished)).unwrap_or_default();
        std::fs::write(&file, self.session.redactor.redact(&text))
            .map_err(|error| format!("the result is not in `{}`: {error}", file.display()))?;
        let Some(to) = self.session.surroundings.var("GITHUB_OUTPUT").map(PathBuf::from) else {
            return Ok(());
        };
        let outputs = action_outputs(view, finished, &file.display().to_string());
        append(&to, &outputs).map_err(|error| untold_plain("the outputs", &error))
    }

    fn log_url(&self) -> Option<String> {
        let told = |member| self.session.resolved.told(member).filter(|text| !text.is_empty());
        let (server, repository, run) = (told("server_url")?, told("repository")?, told("run_id")?);
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    }

    /// Outside of Actions and without a token there is nobody to tell.
    fn github(&self, what: &str) -> Result<Option<(Client, Repo)>, String> {
        let Some(GitHubReach { api, token, repository }) = &self.reach.github else {
            return Ok(None);
        };
        let wrong = |why: String| format!("{what} was not made: {why}");
        let api = Url::parse(api).map_err(|error| wrong(format!("`{api}`: {error}")))?;
        let repo = repository.parse::<Repo>().map_err(|error| wrong(error.to_string()))?;
        Ok(Some((Client::new(&self.reach.http, api, token.clone()), repo)))
    }
}

fn untold(what: &str, error: &impl Retryable) -> String {
    let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{what} was not made: {}{help}", chain_of(error).join(": "))
}

fn untold_plain(what: &str, error: &(impl std::error::Error + 'static)) -> String {
    format!("{what} was not written: {}", chain_of(error).join(": "))
}
