//! Reports the result of a run to GitHub and to files: comment, deployment,
//! status, summary, `result.json`, and the outputs of the step.
//!
//! A report that cannot be made is a warning; it does not change the result.

use crate::cli::session::connections::{Connections, GitHubConnection};
use crate::cli::session::run::RunSession;
use crate::event::{Channel, Event, EventKind, OutputName, Reported, RunFinished, Status};
use crate::github::actions::{append, append_summary};
use crate::github::client::{
    Client, CommitState, CommitStatus, DeploymentState, DeploymentStatus, Marker, NewDeployment,
    Repo,
};
use crate::http::Retryable;
use crate::report::{Card, View, action_outputs, result};
use crate::run::outcome::chain_of;
use crate::run::perform::retry;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

pub struct Finish<'a> {
    pub run: &'a RunSession,
    pub connections: &'a Connections,
}

impl Finish<'_> {
    /// Makes all reports. Returns an event for each that was made, and a warning
    /// for each that was not.
    pub async fn report(
        &self,
        view: &View,
        finished: &RunFinished,
        at: Duration,
    ) -> Vec<EventKind> {
        let card = Card::new(view, finished);
        let mut events = Vec::new();
        for channel in self.channels() {
            let done = match channel {
                Channel::Comment => self.comment(&card).await,
                Channel::Deployment => self.deployment(&card, finished).await,
                Channel::Status => self.status(&card, finished).await,
                Channel::Summary => self.summary(&card),
            };
            match done {
                Ok(reported) => events.extend(reported.map(EventKind::Reported)),
                Err(message) => {
                    let message = self.run.session.redactor.redact(&message);
                    events.push(EventKind::Warned { step: None, message });
                }
            }
        }
        let mut whole = view.clone();
        for kind in &events {
            whole.apply(&Event { at, kind: kind.clone() });
        }
        if let Err(message) = self.outputs(&whole, finished) {
            events.push(EventKind::Warned { step: None, message });
        }
        events
    }

    /// The reports that the plan asks for, each once.
    fn channels(&self) -> Vec<Channel> {
        let mut channels = Vec::new();
        for &channel in &self.run.session.plan.report.0 {
            if !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        channels
    }

    async fn comment(&self, card: &Card) -> Result<Option<Reported>, String> {
        let Some(pull_request) = &self.run.session.resolved.pull_request else { return Ok(None) };
        let Some((client, repo)) = self.github("the comment")? else { return Ok(None) };
        let environment = self.run.session.resolved.environment.as_ref();
        let key = self.run.session.options.comment_key.as_deref().unwrap_or_default();
        let marker = Marker::new(
            &self.run.session.plan.name.value,
            environment.map(|environment| environment.name.as_str()),
            key,
        );
        let body = card.comment(&marker.to_string(), &self.run.session.redactor);
        let number = pull_request.number;
        let posted = retry(|| client.upsert_comment(&repo, number, &marker, &body))
            .await
            .map_err(|error| not_made("the comment", &error))?;
        Ok(Some(Reported {
            to: Channel::Comment,
            id: Some(posted.id),
            url: Some(posted.url),
            text: self
                .run
                .session
                .is_dry_run()
                .then(|| self.run.session.redactor.redact(&card.text())),
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
        let Some(commit) = self.run.session.resolved.git.sha.clone() else { return Ok(None) };
        let Some((client, repo)) = self.github("the deployment")? else { return Ok(None) };
        let pull_request = self.run.session.resolved.pull_request.as_ref();
        let chosen = self.run.session.resolved.environment.as_ref();
        // A new deployment makes GitHub mark the earlier ones of its environment as
        // inactive, so pull requests must not share one.
        let environment = match (pull_request, chosen) {
            (Some(pull_request), _) => format!("pr-{}", pull_request.number),
            (None, Some(chosen)) => chosen.name.clone(),
            (None, None) => self.run.session.plan.name.value.clone(),
        };
        let new = NewDeployment {
            commit,
            environment: environment.clone(),
            transient: pull_request.is_some(),
            production: chosen.is_some_and(|chosen| chosen.protected),
            description: card.line(),
        };
        let create = async {
            let made = client.create_deployment(&repo, &new).await?;
            let status = DeploymentStatus {
                state: match finished.status {
                    Status::Succeeded => DeploymentState::Success,
                    Status::Failed | Status::Skipped => DeploymentState::Failure,
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
        let id = create.await.map_err(|error| not_made("the deployment", &error))?;
        let url = Some(url.clone());
        Ok(Some(Reported { to: Channel::Deployment, id: Some(id), url, text: None }))
    }

    async fn status(
        &self,
        card: &Card,
        finished: &RunFinished,
    ) -> Result<Option<Reported>, String> {
        let Some(commit) = self.run.session.resolved.git.sha.clone() else { return Ok(None) };
        let Some((client, repo)) = self.github("the status")? else { return Ok(None) };
        let url = finished.services.iter().find_map(|service| service.outputs.get(OutputName::Url));
        let status = CommitStatus {
            state: match finished.status {
                Status::Succeeded => CommitState::Success,
                Status::Failed => CommitState::Failure,
                // GitHub has no neutral state, and a check mark would be wrong.
                Status::Skipped | Status::Cancelled => CommitState::Error,
            },
            context: format!("shipway/{}", self.run.session.plan.name.value),
            target_url: url.cloned().or_else(|| self.log_url()),
            description: card.line(),
        };
        retry(|| client.set_commit_status(&repo, &commit, &status))
            .await
            .map_err(|error| not_made("the status", &error))?;
        Ok(Some(Reported { to: Channel::Status, id: None, url: status.target_url, text: None }))
    }

    fn summary(&self, card: &Card) -> Result<Option<Reported>, String> {
        let Some(file) = self.run.session.host.var("GITHUB_STEP_SUMMARY") else {
            return Ok(None);
        };
        append_summary(Path::new(file), &card.summary(&self.run.session.redactor))
            .map_err(|error| not_written("the summary", &error))?;
        Ok(Some(Reported { to: Channel::Summary, id: None, url: None, text: None }))
    }

    /// Writes `result.json`, and in GitHub Actions the outputs of the step.
    fn outputs(&self, view: &View, finished: &RunFinished) -> Result<(), String> {
        let file = self.run.folder.path().join("result.json");
        let text = serde_json::to_string_pretty(&result(view, finished)).unwrap_or_default();
        std::fs::write(&file, self.run.session.redactor.redact(&text))
            .map_err(|error| format!("the result is not in `{}`: {error}", file.display()))?;
        let Some(to) = self.run.session.host.var("GITHUB_OUTPUT").map(PathBuf::from) else {
            return Ok(());
        };
        let outputs = action_outputs(view, finished, &file.display().to_string());
        append(&to, &outputs).map_err(|error| not_written("the outputs", &error))
    }

    fn log_url(&self) -> Option<String> {
        let told = |member| self.run.session.resolved.told(member).filter(|text| !text.is_empty());
        let (server, repository, run) = (told("server_url")?, told("repository")?, told("run_id")?);
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    }

    /// The client, or `None` without a token or a repository.
    fn github(&self, what: &str) -> Result<Option<(Client, Repo)>, String> {
        let Some(GitHubConnection { api, token, repository }) = &self.connections.github else {
            return Ok(None);
        };
        let wrong = |why: String| format!("{what} was not made: {why}");
        let api = Url::parse(api).map_err(|error| wrong(format!("`{api}`: {error}")))?;
        let repo = repository.parse::<Repo>().map_err(|error| wrong(error.to_string()))?;
        Ok(Some((Client::new(&self.connections.http, api, token.clone()), repo)))
    }
}

fn not_made(what: &str, error: &impl Retryable) -> String {
    let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{what} was not made: {}{help}", chain_of(error).join(": "))
}

fn not_written(what: &str, error: &(impl std::error::Error + 'static)) -> String {
    format!("{what} was not written: {}", chain_of(error).join(": "))
}
