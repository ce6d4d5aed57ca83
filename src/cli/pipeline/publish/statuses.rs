//! The statuses of the commit: one of the whole run, or one of each of its services.

use super::not_made::NotMade;
use super::subject::Subject;
use super::{Made, Publisher};
use crate::event::{
    Channel, NO_STEP_APPLIES, OutputName, Reported, RunFinished, ServiceResult, Status,
};
use crate::github::client::{Client, CommitState, CommitStatus, Repo};
use crate::report::{Card, line_of_service};
use crate::run::perform::retry;

/// How many services of a run have a status of their own. GitHub takes eighty requests a
/// minute that create something, and the other reports are some of them.
const MAX_SERVICE_STATUSES: usize = 50;

/// The state of a commit whose run or service ended so. `is_idle`: it asked for nothing.
fn state(status: Status, is_idle: bool) -> CommitState {
    match status {
        Status::Succeeded => CommitState::Success,
        // As GitHub does with a job whose `if` is false: what is required of the
        // commit does not wait for what it does not need.
        Status::Skipped if is_idle => CommitState::Success,
        Status::Failed => CommitState::Failure,
        // What was left out on purpose is no error, and a check mark would say that
        // it was done: the commit waits for a run that does it.
        Status::Skipped => CommitState::Pending,
        Status::Cancelled => CommitState::Error,
    }
}

impl Publisher<'_> {
    /// Sets the status of the whole run.
    pub(super) async fn status(&self, card: &Card, finished: &RunFinished) -> Made {
        let Some(to) = self.commit_to_mark(Channel::Status, finished)? else { return Ok(None) };
        let url = finished.services.iter().find_map(url_of);
        let status = CommitStatus {
            state: state(finished.status, finished.is_idle()),
            context: self.subject.status_context(to.plan),
            target_url: url.or(self.subject.origin.run_url.as_ref()).cloned(),
            description: self.redactor.redact(&card.line()),
        };
        self.mark(Channel::Status, &to, &status).await?;
        Ok(Some(Reported { to: Channel::Status, id: None, url: status.target_url, text: None }))
    }

    /// Sets a status for each service of the run, one after the other.
    pub(super) async fn service_statuses(&self, card: &Card, finished: &RunFinished) -> Made {
        let channel = Channel::ServiceStatus;
        let Some(to) = self.commit_to_mark(channel, finished)? else { return Ok(None) };
        let statuses = statuses_of_services(self.subject, to.plan, finished, card);
        if statuses.len() > MAX_SERVICE_STATUSES {
            let why = format!(
                "the run has {} services, and at most {MAX_SERVICE_STATUSES} have a status of their own; write `status` in the plan's `report`, or divide the services with `shipway matrix`",
                statuses.len()
            );
            return Err(NotMade::new(channel, why));
        }
        for status in &statuses {
            let description = self.redactor.redact(&status.description);
            let status = CommitStatus { description, ..status.clone() };
            self.mark(channel, &to, &status).await?;
        }
        let made = Reported { to: channel, id: None, url: None, text: None };
        Ok((!statuses.is_empty()).then_some(made))
    }

    /// Where a status is set. `None` where there is nothing to say.
    fn commit_to_mark(
        &self,
        channel: Channel,
        finished: &RunFinished,
    ) -> Result<Option<MarkedCommit<'_>>, NotMade> {
        // No run is to come that would do what this one left out.
        if self.subject.is_closed() && finished.status == Status::Skipped {
            return Ok(None);
        }
        let Some((client, repo)) = self.connection(channel)? else { return Ok(None) };
        let Some(plan) = &self.subject.plan else {
            let why = "the plan cannot be read, and the status has its name";
            return Err(NotMade::new(channel, why));
        };
        let commit = self.commit(channel)?;
        Ok(Some(MarkedCommit { client, repo, commit, plan }))
    }

    async fn mark(
        &self,
        channel: Channel,
        to: &MarkedCommit<'_>,
        status: &CommitStatus,
    ) -> Result<(), NotMade> {
        retry(|| to.client.set_commit_status(&to.repo, to.commit, status))
            .await
            .map_err(|error| NotMade::refused(channel, &error, self.subject))
    }
}

/// The commit whose status is set.
struct MarkedCommit<'a> {
    client: Client,
    repo: Repo,
    commit: &'a str,
    /// The name of the plan.
    plan: &'a str,
}

fn url_of(service: &ServiceResult) -> Option<&String> {
    service.outputs.get(OutputName::Url)
}

/// The statuses of the services that the run chose. All have failed in one that was refused
/// before its first step.
fn statuses_of_services(
    subject: &Subject,
    plan: &str,
    finished: &RunFinished,
    card: &Card,
) -> Vec<CommitStatus> {
    let run_url = subject.origin.run_url.as_ref();
    // The status of the run has the name of a single service.
    if subject.is_single && subject.channels.contains(&Channel::Status) {
        return Vec::new();
    }
    if finished.is_refused() {
        let refused = |name: &String| CommitStatus {
            state: state(finished.status, false),
            context: subject.service_status_context(plan, name),
            target_url: run_url.cloned(),
            description: card.line(),
        };
        return subject.services.iter().map(refused).collect();
    }
    let chosen = finished.services.iter().filter(|service| !service.is_left_out());
    let status = |service: &ServiceResult| CommitStatus {
        state: state(service.status, service.reason.as_deref() == Some(NO_STEP_APPLIES)),
        context: subject.service_status_context(plan, &service.name),
        target_url: url_of(service).or(run_url).cloned(),
        description: line_of_service(service),
    };
    chosen.map(status).collect()
}
