//! GitHub's deployment: a record of what was deployed, and of what failed to be.

use super::not_made::NotMade;
use super::{Made, Publisher};
use crate::event::{Channel, Reported, RunFinished, Status};
use crate::github::client::{
    Client, DeploymentState, DeploymentStatus, Error, Kind, NewDeployment, Repo, Successor,
};
use crate::report::{Card, DeployEnd, Replaced, View};
use crate::run::perform::retry;
use std::time::Duration;

/// A server that is asked right after the creation of a deployment may not know it
/// yet.
const REPLICATION_WAIT: Duration = Duration::from_secs(1);

/// Where a deployment is recorded.
struct Record {
    client: Client,
    repo: Repo,
    /// Whether this run may have a deployment already.
    may_exist: bool,
    /// Whether an earlier deployment may say the same already, because nothing has changed.
    may_stand: bool,
}

impl Publisher<'_> {
    /// Records the deploy. Without one that was begun there is nothing to record.
    pub(super) async fn deployment(
        &self,
        view: &View,
        finished: &RunFinished,
        card: &Card,
    ) -> Made {
        let Some(end) = DeployEnd::of(view, finished) else { return Ok(None) };
        let Some((client, repo)) = self.connection(Channel::Deployment)? else { return Ok(None) };
        let commit = self.commit(Channel::Deployment)?;
        let description = self.redactor.redact(&card.line());
        let new = NewDeployment {
            commit: commit.to_owned(),
            environment: self.subject.deployment_environment(),
            transient: self.subject.pull_request.is_some(),
            production: self.subject.environment.is_protected(),
            description: description.clone(),
            run: view.started.as_ref().map(|started| started.run.clone()).unwrap_or_default(),
        };
        let status = DeploymentStatus {
            state: match end.status {
                Status::Succeeded => DeploymentState::Success,
                Status::Failed | Status::Skipped => DeploymentState::Failure,
                Status::Cancelled => DeploymentState::Error,
            },
            log_url: self.subject.origin.run_url.clone(),
            environment_url: end.url.clone(),
            description,
            ends_others: end.replaced == Replaced::AllOthers,
        };
        let id = Record { client, repo, may_exist: self.is_resumed, may_stand: !end.has_changed }
            .make(&new, &status, end.replaced)
            .await
            .map_err(|error| NotMade::refused(Channel::Deployment, &error, self.subject))?;
        Ok(Some(Reported { to: Channel::Deployment, id: Some(id), url: end.url, text: None }))
    }
}

impl Record {
    /// Creates the deployment, sets its status, and ends the earlier ones if it has
    /// replaced them. Returns its id.
    async fn make(
        &self,
        new: &NewDeployment,
        status: &DeploymentStatus,
        replaced: Replaced,
    ) -> Result<u64, Error> {
        let Self { client, repo, .. } = self;
        let standing = || client.standing_deployment(repo, new, status);
        if self.may_stand
            && let Some(id) = retry(standing).await?
        {
            return Ok(id);
        }
        let id = self.created(new).await?;
        let status = &self.current(new, status, replaced).await?;
        let set = || client.set_deployment_status(repo, id, status);
        match retry(set).await {
            Err(Error { kind: Kind::Missing, .. }) => {
                tokio::time::sleep(REPLICATION_WAIT).await;
                retry(set).await?;
            }
            other => other?,
        }
        let run = match replaced {
            Replaced::Nothing => return Ok(id),
            Replaced::EarlierRuns => Some(new.run.as_str()),
            Replaced::AllOthers => None,
        };
        // GitHub ends the earlier ones by itself when a deployment succeeds to an
        // environment that is not transient. Those to production stay, by its rule.
        let by_github =
            status.ends_others && !new.transient && status.state == DeploymentState::Success;
        if !new.production && !by_github {
            let successor = Some(Successor { id, run });
            retry(|| client.retire_deployments(repo, &new.environment, successor)).await?;
        }
        Ok(id)
    }

    /// The status that the deployment is to have. What an earlier process of this run has
    /// deployed is over once a later run has deployed in its place: a success now would be
    /// shown as what runs there.
    async fn current(
        &self,
        new: &NewDeployment,
        status: &DeploymentStatus,
        replaced: Replaced,
    ) -> Result<DeploymentStatus, Error> {
        let Self { client, repo, may_exist, .. } = self;
        let may_be_over = *may_exist
            && replaced == Replaced::EarlierRuns
            && status.state == DeploymentState::Success;
        let later = || client.has_later_success(repo, &new.environment, &new.run);
        let state = if may_be_over && retry(later).await? {
            DeploymentState::Inactive
        } else {
            status.state
        };
        Ok(DeploymentStatus { state, ..status.clone() })
    }

    /// Creates the deployment. After an error it may exist all the same, so it is
    /// looked for before it is created again, and so it is by a resumed run: the process
    /// before it may have been killed after it had reported.
    async fn created(&self, new: &NewDeployment) -> Result<u64, Error> {
        let Self { client, repo, may_exist, .. } = self;
        let mut may_exist = *may_exist;
        let create = || {
            let look = std::mem::replace(&mut may_exist, true);
            async move {
                if look && let Some(found) = client.find_deployment(repo, new).await? {
                    return Ok(found.id);
                }
                Ok(client.create_deployment(repo, new).await?.id)
            }
        };
        retry(create).await
    }
}

#[cfg(test)]
mod tests;
