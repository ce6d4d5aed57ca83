//! Tells GitHub what was removed: the comment on the pull request, the deployment,
//! the summary of the job.
//!
//! A report that cannot be made is a warning; it does not change the result.

use super::delete::Deletion;
use super::resource::{ListedResource, TaggedResource};
use super::show::heading;
use crate::cli::pipeline::publish::{DeploymentName, Subject};
use crate::cli::say;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::event::Channel;
use crate::github::actions::append_summary;
use crate::github::client::{Client, Marker, Repo};
use crate::report::{RemovalCard, RemovalRow};
use crate::run::outcome::{StepError, chain_of};
use crate::run::perform::retry;
use std::collections::BTreeSet;
use std::path::Path;

/// What one comment is about.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ReportSubject {
    pub plan: String,
    pub environment: Option<String>,
    pub pull_request: Option<u64>,
}

impl ReportSubject {
    pub fn of(resource: &TaggedResource) -> Self {
        Self {
            plan: resource.tags.plan.clone(),
            environment: resource.tags.environment.clone(),
            pull_request: resource.pull_request(),
        }
    }

    /// The environment of GitHub's deployments.
    fn deployments(&self, comment_key: Option<&str>) -> String {
        DeploymentName {
            plan: Some(&self.plan),
            environment: self.environment.as_deref(),
            pull_request: self.pull_request,
            comment_key,
        }
        .to_string()
    }
}

/// Why something was removed, as a sentence of the comment.
pub type Why<'a> = &'a dyn Fn(&ListedResource) -> Option<String>;

pub struct RemovalReport<'a> {
    pub session: &'a PlanSession,
    pub connections: &'a Connections,
    pub comment_key: Option<&'a str>,
    /// The reports to make.
    pub channels: &'a [Channel],
    pub ended: &'a [(ListedResource, Deletion)],
    /// The resources that still run.
    pub left: &'a [TaggedResource],
    pub why: Why<'a>,
}

impl RemovalReport<'_> {
    /// Makes the reports. Returns a warning for each that could not be made.
    pub async fn publish(&self, subjects: &BTreeSet<ReportSubject>) -> Vec<String> {
        let mut warnings = Vec::new();
        for subject in subjects {
            let card = self.card(subject);
            warnings.extend(self.summary(&card).err());
        }
        if let Err(error) = self.at_github(subjects, &mut warnings).await {
            let shown = error.shown(&self.session.redactor, None);
            let help = shown.help.map(|help| format!(" ({help})")).unwrap_or_default();
            warnings.push(format!("{}{help}", shown.chain.join(": ")));
        }
        warnings
    }

    async fn at_github(
        &self,
        subjects: &BTreeSet<ReportSubject>,
        warnings: &mut Vec<String>,
    ) -> Result<(), StepError> {
        let asked = |channel| self.channels.contains(&channel);
        let about_pull_requests = subjects.iter().any(|subject| subject.pull_request.is_some());
        let wanted = asked(Channel::Deployment) || asked(Channel::Comment) && about_pull_requests;
        if !wanted {
            return Ok(());
        }
        let Some(github) = &self.connections.github else {
            let what = "GitHub was not told what was removed, because there is no token for it";
            return Err(
                StepError::new(what).help("set `GITHUB_TOKEN` in a clone of the repository")
            );
        };
        let (client, repo) = github.client(&self.connections.http)?;
        for subject in subjects {
            if asked(Channel::Comment) {
                warnings.extend(self.comment(&client, &repo, subject).await.err());
            }
            if asked(Channel::Deployment) {
                warnings.extend(self.deployments(&client, &repo, subject).await.err());
            }
        }
        Ok(())
    }

    async fn comment(
        &self,
        client: &Client,
        repo: &Repo,
        subject: &ReportSubject,
    ) -> Result<(), String> {
        let Some(number) = subject.pull_request else { return Ok(()) };
        let marker = Marker::new(
            &subject.plan,
            subject.environment.as_deref(),
            self.comment_key.unwrap_or_default(),
        );
        let body = self.card(subject).comment(&marker.to_string(), &self.session.redactor);
        let posted = retry(|| client.update_sticky_comment(repo, number, &marker, &body))
            .await
            .map_err(|error| not_told(&format!("the comment on pull request {number}"), &error))?;
        if let Some(posted) = posted {
            say::tell(&format!("comment on the pull request: {}", posted.url));
        }
        Ok(())
    }

    /// Ends the deployments, unless something else that they stand for still runs.
    async fn deployments(
        &self,
        client: &Client,
        repo: &Repo,
        subject: &ReportSubject,
    ) -> Result<(), String> {
        let name = subject.deployments(self.comment_key);
        if self.left.iter().any(|one| ReportSubject::of(one) == *subject) {
            return Ok(());
        }
        retry(|| client.retire_deployments(repo, &name, None))
            .await
            .map(drop)
            .map_err(|error| not_told(&format!("the deployment to `{name}`"), &error))
    }

    fn summary(&self, card: &RemovalCard) -> Result<(), String> {
        let Some(file) = self.session.host.var("GITHUB_STEP_SUMMARY") else { return Ok(()) };
        let text = card.markdown(&self.session.redactor);
        append_summary(Path::new(file), &text)
            .map_err(|error| not_told("the summary of the job", &error))
    }

    fn card(&self, subject: &ReportSubject) -> RemovalCard {
        let own = |(listed, _): &&(ListedResource, Deletion)| {
            ReportSubject::of(&listed.resource) == *subject
        };
        let row = |(listed, deletion): &(ListedResource, Deletion)| RemovalRow {
            service: listed.resource.tags.service.clone(),
            target: listed.resource.id.name.clone(),
            left: match deletion {
                Deletion::Removed | Deletion::Started | Deletion::Gone => None,
                Deletion::Kept(why) => Some(why.clone()),
                Deletion::Failed(failure) => Some(failure.chain.join(": ")),
            },
        };
        let ended = || self.ended.iter().filter(own);
        RemovalCard {
            plan: subject.plan.clone(),
            environment: subject.environment.clone(),
            kind: heading(ended().map(|(listed, _)| listed.resource.kind)).to_owned(),
            rows: ended().map(row).collect(),
            why: ended().find_map(|(listed, _)| (self.why)(listed)),
            run_url: Subject::of(self.session).origin.run_url,
        }
    }
}

fn not_told(what: &str, error: &(dyn std::error::Error + 'static)) -> String {
    format!("{what} was not updated: {}", chain_of(error).join(": "))
}
