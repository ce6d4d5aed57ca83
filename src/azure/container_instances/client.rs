//! Reads, lists and deletes container groups.

use super::failure::GroupError;
use super::group::Group;
use super::id::GroupId;
use crate::azure::resource_groups::LookupError;
use crate::azure::{Arm, ArmError, ArmRequest, ArmResponse, Busy, Refusal, Verb};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The newest `api-version` with which the answers in `tests/fixtures/azure` were recorded.
pub const API_VERSION: &str = "2023-05-01";

/// How often a request is repeated while the group is busy: for about a minute with the
/// default wait, which a deletion may take, unless Azure names another wait.
const MAX_TRANSITION_RETRIES: u32 = 6;

/// Durations of waiting for a group.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a container must be seen running without a restart.
    pub steady: Duration,
    /// Between two attempts while another change of the group is in progress.
    pub transition: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { steady: Duration::from_secs(3), transition: Duration::from_secs(10) }
    }
}

/// The client for container groups. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ContainerInstances {
    pub arm: Arm,
    pub patience: Patience,
}

impl ContainerInstances {
    pub fn new(arm: Arm) -> Self {
        Self { arm, patience: Patience::default() }
    }

    /// The same client with other durations.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Reads a group; `None` where it does not exist.
    pub async fn find(&self, id: &GroupId) -> Result<Option<Group>, GroupError> {
        let found = self.arm.find(&id.to_string(), API_VERSION).await;
        found.map_err(|source| failed("read", id, source))
    }

    /// The same, but fails where the resource group does not exist either.
    pub async fn find_in_existing(&self, id: &GroupId) -> Result<Option<Group>, GroupError> {
        match self.arm.get(&id.to_string(), API_VERSION).await {
            Ok(group) => Ok(Some(group)),
            Err(error) if is_resource_group_missing(&error) => {
                Err(GroupError::NoResourceGroup(LookupError::NoGroup {
                    name: id.resource_group.clone(),
                    subscription: id.subscription.clone(),
                }))
            }
            Err(error) if error.is_not_found() && !is_subscription_missing(&error) => Ok(None),
            Err(source) => Err(failed("read", id, source)),
        }
    }

    /// All groups of a resource group, without `instance_view`.
    pub async fn list(
        &self,
        subscription: &str,
        resource_group: &str,
    ) -> Result<Vec<Group>, ArmError> {
        let path = format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.ContainerInstance/containerGroups"
        );
        self.arm.list(&path, API_VERSION).await
    }

    /// All groups of a subscription, without `instance_view`.
    pub async fn list_all(&self, subscription: &str) -> Result<Vec<Group>, ArmError> {
        let path = format!(
            "/subscriptions/{subscription}/providers/Microsoft.ContainerInstance/containerGroups"
        );
        self.arm.list(&path, API_VERSION).await
    }

    /// The last 50 lines of a container's log; `None` where it has no log, as before it has
    /// started.
    pub async fn last_log(
        &self,
        id: &GroupId,
        container: &str,
    ) -> Result<Option<String>, GroupError> {
        self.read_log(id, &format!("{id}/containers/{container}/logs?tail=50")).await
    }

    /// A container's log with an RFC 3339 timestamp before each line, of the last `tail` lines
    /// or all. `None` where it has no log.
    pub async fn timed_log(
        &self,
        id: &GroupId,
        container: &str,
        tail: Option<u32>,
    ) -> Result<Option<String>, GroupError> {
        let tail = tail.map(|tail| format!("&tail={tail}")).unwrap_or_default();
        let path = format!("{id}/containers/{container}/logs?timestamps=true{tail}");
        self.read_log(id, &path).await
    }

    async fn read_log(&self, id: &GroupId, path: &str) -> Result<Option<String>, GroupError> {
        #[derive(Deserialize)]
        struct Logs {
            content: Option<String>,
        }
        match self.arm.get::<Logs>(path, API_VERSION).await {
            Ok(logs) => Ok(Some(logs.content.unwrap_or_default())),
            Err(error) if is_log_missing(&error) => Ok(None),
            Err(source) => Err(failed("read the log of", id, source)),
        }
    }

    /// Replaces the tags of a group. Its containers go on running.
    pub async fn set_tags(
        &self,
        id: &GroupId,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), GroupError> {
        let (path, body) = (id.to_string(), json!({ "tags": tags }));
        let request = ArmRequest {
            verb: Verb::Patch,
            path: &path,
            api_version: API_VERSION,
            body: Some(&body),
        };
        let sent = self.send_when_settled(&request).await;
        sent.map(|_| ()).map_err(|source| failed("set the tags of", id, source))
    }

    /// Asks Azure to delete a group, and does not wait for it. `None` if it does not exist.
    pub async fn start_delete(&self, id: &GroupId) -> Result<Option<ArmResponse>, GroupError> {
        let path = id.to_string();
        let request =
            ArmRequest { verb: Verb::Delete, path: &path, api_version: API_VERSION, body: None };
        match self.send_when_settled(&request).await {
            Err(error) if error.is_not_found() => Ok(None),
            other => other.map(Some).map_err(|source| failed("delete", id, source)),
        }
    }

    /// Deletes a group and waits until it no longer exists. Deleting a group that
    /// does not exist succeeds. The caller sets the time limit.
    pub async fn delete(&self, id: &GroupId) -> Result<(), GroupError> {
        let Some(response) = self.start_delete(id).await? else { return Ok(()) };
        let finished = self.arm.finish(&response, |_| {}).await;
        finished.map_err(|source| failed("delete", id, source))?;
        // The response is the old group, which may still run; only 204 means gone.
        let began = Instant::now();
        while response.status != 204 && self.find(id).await?.is_some() {
            tokio::time::sleep(self.arm.pacing().wait(began.elapsed())).await;
        }
        Ok(())
    }

    /// Sends a request, and again a few times while Azure refuses it because
    /// another change of the same group is in progress.
    pub async fn send_when_settled(
        &self,
        request: &ArmRequest<'_>,
    ) -> Result<ArmResponse, ArmError> {
        let busy =
            Busy { is_busy, wait: self.patience.transition, retries: MAX_TRANSITION_RETRIES };
        self.arm.call_when_settled(request, busy).await
    }
}

/// Whether a request was refused because another change of the group is in progress.
pub fn is_busy(refusal: &Refusal) -> bool {
    refusal.has("ContainerGroupTransitioning")
}

fn is_resource_group_missing(error: &ArmError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.has("ResourceGroupNotFound"))
}

fn is_subscription_missing(error: &ArmError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.has("SubscriptionNotFound"))
}

pub fn failed(doing: &'static str, id: &GroupId, source: ArmError) -> GroupError {
    GroupError::Arm { doing, group: id.name.clone(), source: Box::new(source) }
}

/// Whether there is no log yet, as while the image is being pulled.
fn is_log_missing(error: &ArmError) -> bool {
    error.refusal().is_some_and(|refusal| {
        is_busy(refusal)
            || refusal.has("ContainerLogNotAvailable")
            || refusal.has("ContainerNotFound")
    })
}
