//! Deploys a group: put it, wait for Azure, then look whether it really runs.

use super::client::{API, ContainerInstances, failed};
use super::desired::{Desired, Replace, changes_that_need_replacement};
use super::failure::{Crash, DeployError, Evidence};
use super::group::Group;
use super::watch::{Verdict, Watch};
use crate::azure::{ArmError, Call, Verb};
use crate::http::{Retry, Retryable as _};
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// How many looks in a row may fail in a way that passes.
const TOLERATED: u32 = 5;

/// A group that runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deployed {
    /// Its resource id.
    pub resource_id: String,
    /// Its name, where a DNS label was given.
    pub fqdn: Option<String>,
    /// Its address, where it has ports.
    pub ip: Option<String>,
    /// Where its first public TCP port is reached.
    pub url: Option<String>,
    /// Where each public TCP port is reached.
    pub urls: Vec<String>,
}

/// Something that happened while a group was deployed, worth a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeployEvent {
    /// A group of that name is there and will be updated.
    Found,
    /// It is deleted to be made anew.
    Deleted,
    /// Azure took the request.
    Accepted,
    /// Azure is at work; its own word for how far it is.
    Progressed(String),
    /// Azure is done; what is waited for now.
    Waited(String),
}

impl fmt::Display for DeployEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found => f.write_str("a container group of that name is there: updating it"),
            Self::Deleted => f.write_str("deleted the container group to make it anew"),
            Self::Accepted => f.write_str("Azure accepted the container group"),
            Self::Progressed(state) => write!(f, "Azure: {state}"),
            Self::Waited(why) => write!(f, "waiting for {why}"),
        }
    }
}

/// Who hears of events.
type Listener<'a> = &'a (dyn Fn(DeployEvent) + Send + Sync);

impl ContainerInstances {
    /// Makes the group what is desired and returns once all its containers have
    /// run for a moment, or have done their work where that is what they are
    /// for. Doing it again changes nothing. It takes as long as Azure takes:
    /// the limit is the caller's.
    pub async fn deploy(
        &self,
        desired: &Desired,
        events: Listener<'_>,
    ) -> Result<Deployed, DeployError> {
        let group = desired.id.name.clone();
        if let Some(mistake) = desired.mistake() {
            return Err(DeployError::Mistake { group, mistake });
        }
        let existing = self.find(&desired.id).await?;
        if existing.is_some() {
            events(DeployEvent::Found);
        }
        if existing.is_some() && desired.replace == Replace::Always {
            self.delete(&desired.id).await?;
            events(DeployEvent::Deleted);
        }
        match self.put(desired, events).await {
            Ok(()) => {}
            Err(error) if needs_replacement(&error) => {
                self.replace(desired, (existing.as_ref(), error), events).await?;
            }
            Err(error) => return Err(failed("create or update", &desired.id, error)),
        }
        let running = self.watch(desired, events).await?;
        Ok(deployed(&running))
    }

    async fn put(&self, desired: &Desired, events: Listener<'_>) -> Result<(), ArmError> {
        let path = desired.id.to_string();
        let body = desired.body();
        let call = Call { verb: Verb::Put, path: &path, api_version: API, body: Some(&body) };
        let answer = self.settled(&call).await?;
        events(DeployEvent::Accepted);
        let seen = |state: &str| events(DeployEvent::Progressed(state.to_owned()));
        match self.arm.finish(&answer, seen).await {
            // The operation says that it failed and no more; the group knows more.
            Err(ArmError::Refused(refusal)) if refusal.code.eq_ignore_ascii_case("Failed") => {
                Ok(())
            }
            other => other.map(|_| ()),
        }
    }

    async fn replace(
        &self,
        desired: &Desired,
        (existing, refused): (Option<&Group>, ArmError),
        events: Listener<'_>,
    ) -> Result<(), DeployError> {
        if desired.replace == Replace::Never {
            let changes = existing.map(|group| changes_that_need_replacement(group, desired));
            return Err(DeployError::NeedsReplacement {
                group: desired.id.name.clone(),
                changes: changes.unwrap_or_default(),
                source: Box::new(refused),
            });
        }
        self.delete(&desired.id).await?;
        events(DeployEvent::Deleted);
        let put = self.put(desired, events).await;
        put.map_err(|error| failed("create", &desired.id, error))
    }

    /// Looks until the group works or does not.
    async fn watch(&self, desired: &Desired, events: Listener<'_>) -> Result<Group, DeployError> {
        let began = Instant::now();
        let mut watch = Watch::new(desired.restart_policy, self.patience.steady);
        let mut wait = self.arm.pacing().first;
        let mut told = String::new();
        let mut missed = 0;
        loop {
            let group = match self.find(&desired.id).await {
                Ok(found) => found.unwrap_or_default(),
                // Azure works on meanwhile, so a bad moment must not fail it.
                Err(error) if missed < TOLERATED && error.retry() != Retry::Never => {
                    missed += 1;
                    tokio::time::sleep(wait).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            missed = 0;
            let pause = match watch.look(&group, began.elapsed()) {
                Verdict::Works => return Ok(group),
                Verdict::Fails { container, why } => {
                    return Err(self.crashed(desired, &group, Crash { container, why }).await);
                }
                Verdict::Wait { soon: true, .. } => self.patience.steady,
                Verdict::Wait { why, soon: false } => {
                    if why != told {
                        events(DeployEvent::Waited(why.clone()));
                        told = why;
                    }
                    let next = self.arm.pacing().after(wait);
                    std::mem::replace(&mut wait, next)
                }
            };
            tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
        }
    }

    async fn crashed(&self, desired: &Desired, group: &Group, crash: Crash) -> DeployError {
        // Without a log the rest is still worth telling.
        let log = self.logs(&desired.id, &crash.container, 50).await.unwrap_or_default();
        let evidence = Evidence::of(group, &crash.container, &log);
        let group = desired.id.name.clone();
        DeployError::Crashed { group, crash: Box::new(crash), evidence: Box::new(evidence) }
    }
}

fn needs_replacement(error: &ArmError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.has("InvalidContainerGroupUpdate"))
}

fn deployed(group: &Group) -> Deployed {
    let address = group.properties.ip_address.as_ref();
    let urls = group.urls();
    Deployed {
        resource_id: group.id.clone(),
        fqdn: address.and_then(|address| address.fqdn.clone()),
        ip: address.and_then(|address| address.ip.clone()),
        url: urls.first().cloned(),
        urls,
    }
}
