//! What can be asked of container groups beside deploying one.

use super::failure::DeployError;
use super::group::Group;
use crate::azure::{Arm, ArmError, Call, Verb};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// The newest version that all recordings are of; everything used is in it.
pub(super) const API: &str = "2023-05-01";

/// Which container group.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GroupId {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group's name.
    pub resource_group: String,
    /// The container group's name.
    pub name: String,
}

impl GroupId {
    /// Reads a resource id.
    pub fn parse(id: &str) -> Option<Self> {
        let parts: Vec<&str> = id.trim_matches('/').split('/').collect();
        let [subscriptions, subscription, groups, group, providers, provider, kind, name] = *parts
        else {
            return None;
        };
        let fits = subscriptions.eq_ignore_ascii_case("subscriptions")
            && groups.eq_ignore_ascii_case("resourceGroups")
            && providers.eq_ignore_ascii_case("providers")
            && provider.eq_ignore_ascii_case("Microsoft.ContainerInstance")
            && kind.eq_ignore_ascii_case("containerGroups");
        fits.then(|| Self {
            subscription: subscription.to_owned(),
            resource_group: group.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// The resource id, which is its path at Resource Manager too.
impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, name } = self;
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.ContainerInstance/containerGroups/{name}"
        )
    }
}

/// How long things about a group are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a container must be seen to run without a restart.
    pub steady: Duration,
    /// Between two tries while Azure is in the middle of another change.
    pub transition: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { steady: Duration::from_secs(3), transition: Duration::from_secs(10) }
    }
}

/// Container groups. A cheap handle.
#[derive(Clone, Debug)]
pub struct ContainerInstances {
    pub(super) arm: Arm,
    pub(super) patience: Patience,
}

impl ContainerInstances {
    /// Those that `arm` reaches.
    pub fn new(arm: Arm) -> Self {
        Self { arm, patience: Patience::default() }
    }

    /// The same with other waits.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The group, where there is one.
    pub async fn find(&self, id: &GroupId) -> Result<Option<Group>, DeployError> {
        let found = self.arm.find(&id.to_string(), API).await;
        found.map_err(|source| failed("read", id, source))
    }

    /// All groups of a resource group. Azure leaves out what they do just now.
    pub async fn list(
        &self,
        subscription: &str,
        resource_group: &str,
    ) -> Result<Vec<Group>, ArmError> {
        let path = format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.ContainerInstance/containerGroups"
        );
        self.arm.list(&path, API).await
    }

    /// All groups of a subscription. Azure leaves out what they do just now.
    pub async fn list_all(&self, subscription: &str) -> Result<Vec<Group>, ArmError> {
        let path = format!(
            "/subscriptions/{subscription}/providers/Microsoft.ContainerInstance/containerGroups"
        );
        self.arm.list(&path, API).await
    }

    /// The last lines that a container wrote; empty where it wrote none yet.
    pub async fn logs(
        &self,
        id: &GroupId,
        container: &str,
        tail: u32,
    ) -> Result<String, DeployError> {
        #[derive(Deserialize)]
        struct Logs {
            content: Option<String>,
        }
        let path = format!("{id}/containers/{container}/logs?tail={tail}");
        match self.arm.get::<Logs>(&path, API).await {
            Ok(logs) => Ok(logs.content.unwrap_or_default()),
            Err(error) if not_yet(&error) => Ok(String::new()),
            Err(source) => Err(failed("read the log of", id, source)),
        }
    }

    /// Removes a group and waits until it is gone. One that is not there is
    /// gone already.
    pub async fn delete(&self, id: &GroupId) -> Result<(), DeployError> {
        let doing = |source| failed("delete", id, source);
        let path = id.to_string();
        let call = Call { verb: Verb::Delete, path: &path, api_version: API, body: None };
        let answer = match self.settled(&call).await {
            Err(error) if error.is_not_found() => return Ok(()),
            other => other.map_err(doing)?,
        };
        self.arm.finish(&answer, |_| {}).await.map_err(doing)?;
        // The answer is the old group, which still runs.
        let mut wait = self.arm.pacing().first;
        while answer.status != 204 && self.find(id).await?.is_some() {
            tokio::time::sleep(wait).await;
            wait = self.arm.pacing().after(wait);
        }
        Ok(())
    }

    /// Sends a request until Azure is no longer in the middle of another change
    /// of the same group, a few times.
    pub(super) async fn settled(&self, call: &Call<'_>) -> Result<crate::azure::Answer, ArmError> {
        for _ in 0..6 {
            match self.arm.call(call).await {
                Err(ArmError::Refused(refusal)) if refusal.has("ContainerGroupTransitioning") => {
                    let wait = refusal.retry_after.unwrap_or(self.patience.transition);
                    tokio::time::sleep(wait).await;
                }
                other => return other,
            }
        }
        self.arm.call(call).await
    }
}

pub(super) fn failed(doing: &'static str, id: &GroupId, source: ArmError) -> DeployError {
    DeployError::Arm { doing, group: id.name.clone(), source: Box::new(source) }
}

/// There is no log, and there may be one later.
fn not_yet(error: &ArmError) -> bool {
    error.refusal().is_some_and(|refusal| {
        refusal.has("ContainerGroupTransitioning")
            || refusal.has("ContainerLogNotAvailable")
            || refusal.has("ContainerNotFound")
    })
}
