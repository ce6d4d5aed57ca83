//! Creates, updates or replaces a group, and watches whether it runs.

use super::client::{API_VERSION, ContainerInstances, failed, is_busy};
use super::desired::Desired;
use super::difference::difference;
use super::evidence::Evidence;
use super::failure::{GroupError, StoppedContainer};
use super::group::{Group, Instance};
use super::id::GroupId;
use super::previous::PreviousGroup;
use super::watch::{Verdict, Watch};
use crate::azure::{ArmError, ArmRequest, ArmResponse, Verb};
use crate::http::{Retry, Retryable as _};
use crate::value::{Applied, Replace, RestartPolicy};
use serde_json::Value;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many transient errors in a row the watch ignores: Azure goes on with the
/// group meanwhile.
const MAX_READ_ERRORS: u32 = 5;

/// How long the containers of before a restart may still be shown after it.
const MAX_OLD_INSTANCE_TIME: Duration = Duration::from_mins(1);

/// Progress of a deploy, one line of the log each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeployEvent {
    /// A group of that name exists and is going to be updated.
    Found,
    /// The existing group was deleted, to be created again.
    Deleted,
    /// Azure accepted the request.
    Accepted,
    /// Azure accepted the restart.
    Restarted,
    /// The status of Azure's operation, such as `Pending`.
    Progressed(String),
    /// What the watch waits for now.
    Waited(String),
    /// A restart was accepted, and the containers are shown as they were before it.
    InstancesUnchanged,
}

impl fmt::Display for DeployEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found => f.write_str("a container group of that name is there: updating it"),
            Self::Deleted => f.write_str("deleted the container group to create it again"),
            Self::Accepted => f.write_str("Azure accepted the container group"),
            Self::Restarted => f.write_str("Azure accepted the restart"),
            Self::Progressed(state) => write!(f, "Azure: {state}"),
            Self::Waited(why) => write!(f, "waiting for {why}"),
            Self::InstancesUnchanged => {
                f.write_str("Azure still shows the containers as they were before the restart")
            }
        }
    }
}

/// A group that is waited for.
struct Awaited<'a> {
    id: &'a GroupId,
    policy: RestartPolicy,
    /// What of its address a group lacks.
    missing_address: &'a (dyn Fn(&Group) -> Option<&'static str> + Send + Sync),
}

type Listener<'a> = &'a (dyn Fn(DeployEvent) + Send + Sync);

impl ContainerInstances {
    /// Creates the group or updates `existing`, and replaces it where Azure requires
    /// that and `desired` allows it. Returns once Azure has finished the operation.
    /// A second call changes nothing. The caller sets the time limit.
    pub async fn apply(
        &self,
        desired: &Desired,
        existing: Option<&Group>,
        events: Listener<'_>,
    ) -> Result<Applied, GroupError> {
        if existing.is_some() {
            events(DeployEvent::Found);
        }
        if existing.is_some() && desired.replace == Replace::Always {
            self.delete(&desired.id).await?;
            events(DeployEvent::Deleted);
        }
        let body = desired.body();
        let path = desired.id.to_string();
        let request = put_request(&path, &body);
        let sent = match self.arm.call(&request).await {
            Err(ArmError::Refused(refusal)) if is_busy(&refusal) => {
                let wait = refusal.retry_after.unwrap_or(self.patience.transition);
                return Ok(Applied::Busy { wait });
            }
            Ok(response) => self.finish(&response, events).await,
            Err(error) => Err(error),
        };
        match sent {
            Err(error) if needs_replacement(&error) => {
                if desired.replace == Replace::Never {
                    return Err(GroupError::NeedsReplacement {
                        group: desired.id.name.clone(),
                        changes: difference(existing, desired).replacement_reasons(),
                        source: Box::new(error),
                    });
                }
                self.delete(&desired.id).await?;
                events(DeployEvent::Deleted);
                let put = self.put(&desired.id, &body, events).await;
                put.map_err(|error| failed("create", &desired.id, error))?;
            }
            other => other.map_err(|error| failed("create or update", &desired.id, error))?,
        }
        Ok(Applied::Accepted)
    }

    /// Starts all containers of a group again, with the images that it names, and waits until
    /// they run. The caller sets the time limit.
    pub async fn restart(
        &self,
        id: &GroupId,
        group: &Group,
        events: Listener<'_>,
    ) -> Result<Group, GroupError> {
        let path = format!("{id}/restart");
        let request =
            ArmRequest { verb: Verb::Post, path: &path, api_version: API_VERSION, body: None };
        let failed = |error| failed("restart", id, error);
        let response = self.send_when_settled(&request).await.map_err(failed)?;
        events(DeployEvent::Restarted);
        self.until_finished(&response, events).await.map_err(failed)?;
        self.until_instances_are_new(id, &group.instances(), events).await?;
        let as_it_is = PreviousGroup::of(&group.document, |_| false);
        self.watch_restored(id, &as_it_is, events).await
    }

    /// Reads the group until none of its containers is one of these instances any more: those
    /// would be taken for what was started. A container of which that is never seen is not
    /// waited for.
    async fn until_instances_are_new(
        &self,
        id: &GroupId,
        before: &[Instance],
        events: Listener<'_>,
    ) -> Result<(), GroupError> {
        let began = Instant::now();
        let mut is_said = false;
        while began.elapsed() < MAX_OLD_INSTANCE_TIME {
            let found = self.find(id).await?.unwrap_or_default().instances();
            if found.iter().all(|instance| !before.contains(instance)) {
                return Ok(());
            }
            if !std::mem::replace(&mut is_said, true) {
                events(DeployEvent::Waited("its containers to be started again".to_owned()));
            }
            tokio::time::sleep(self.arm.pacing().wait(began.elapsed())).await;
        }
        events(DeployEvent::InstancesUnchanged);
        Ok(())
    }

    /// Puts a group back as it was, with this body. Where Azure does not change the
    /// group in place, deletes it before unless `replace` forbids that.
    pub async fn restore(
        &self,
        id: &GroupId,
        body: &Value,
        replace: Replace,
        events: Listener<'_>,
    ) -> Result<(), GroupError> {
        let put = match self.put(id, body, events).await {
            Err(error) if needs_replacement(&error) => {
                if replace == Replace::Never {
                    return Err(GroupError::NeedsReplacement {
                        group: id.name.clone(),
                        changes: Vec::new(),
                        source: Box::new(error),
                    });
                }
                self.delete(id).await?;
                events(DeployEvent::Deleted);
                self.put(id, body, events).await
            }
            other => other,
        };
        put.map_err(|error| failed("put back", id, error))
    }

    async fn put(&self, id: &GroupId, body: &Value, events: Listener<'_>) -> Result<(), ArmError> {
        let path = id.to_string();
        let response = self.send_when_settled(&put_request(&path, body)).await?;
        self.finish(&response, events).await
    }

    /// Waits for the end of an accepted PUT.
    async fn finish(&self, response: &ArmResponse, events: Listener<'_>) -> Result<(), ArmError> {
        events(DeployEvent::Accepted);
        self.until_finished(response, events).await
    }

    async fn until_finished(
        &self,
        response: &ArmResponse,
        events: Listener<'_>,
    ) -> Result<(), ArmError> {
        // Azure is asked every few seconds, and most often says the same.
        let last = Mutex::new(String::new());
        let progressed = |state: &str| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if *last != state {
                state.clone_into(&mut last);
                events(DeployEvent::Progressed(state.to_owned()));
            }
        };
        match self.arm.finish(response, progressed).await {
            // The operation gives no reason for `Failed`. The group has events and
            // logs, which the watch reports.
            Err(ArmError::Refused(refusal)) if refusal.code.eq_ignore_ascii_case("Failed") => {
                Ok(())
            }
            other => other.map(|_| ()),
        }
    }

    /// Reads the group until all its containers have run for a moment, or have
    /// finished where the restart policy lets them, and the group has the address
    /// that `desired` asks for. A container that fails gives an error with its
    /// events and log. The caller sets the time limit.
    pub async fn watch(
        &self,
        desired: &Desired,
        events: Listener<'_>,
    ) -> Result<Group, GroupError> {
        let awaited = Awaited {
            id: &desired.id,
            policy: desired.restart_policy,
            missing_address: &|group| desired.missing_address(group),
        };
        self.watch_until(&awaited, events).await
    }

    /// The same for a group that was put back.
    pub async fn watch_restored(
        &self,
        id: &GroupId,
        previous: &PreviousGroup,
        events: Listener<'_>,
    ) -> Result<Group, GroupError> {
        let awaited = Awaited {
            id,
            policy: previous.restart_policy(),
            missing_address: &|group| previous.missing_address(group),
        };
        self.watch_until(&awaited, events).await
    }

    async fn watch_until(
        &self,
        awaited: &Awaited<'_>,
        events: Listener<'_>,
    ) -> Result<Group, GroupError> {
        let Awaited { id, policy, missing_address } = *awaited;
        let began = Instant::now();
        let mut watch = Watch::new(policy, self.patience.steady);
        let mut last_reason = String::new();
        let mut errors = 0;
        loop {
            let found = match self.find(id).await {
                Ok(found) => found,
                Err(error) if errors < MAX_READ_ERRORS && error.retry() != Retry::Never => {
                    tokio::time::sleep(self.arm.pacing().after_error(errors)).await;
                    errors += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            errors = 0;
            let is_missing = found.is_none();
            let group = found.unwrap_or_default();
            let verdict = match (watch.look(&group, began.elapsed()), missing_address(&group)) {
                // It may be seen late, and may also have been deleted by others.
                _ if is_missing => Verdict::Wait { why: self.missing(id), soon: false },
                (Verdict::Works, Some(what)) => Verdict::Wait { why: what.to_owned(), soon: false },
                (verdict, _) => verdict,
            };
            let pause = match verdict {
                Verdict::Works => return Ok(group),
                Verdict::Fails { container, why } => {
                    return Err(self
                        .crashed(id, &group, StoppedContainer { container, why })
                        .await);
                }
                Verdict::Wait { soon: true, .. } => self.patience.steady,
                Verdict::Wait { why, soon: false } => {
                    if why != last_reason {
                        events(DeployEvent::Waited(why.clone()));
                        last_reason = why;
                    }
                    self.arm.pacing().wait(began.elapsed())
                }
            };
            tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
        }
    }

    /// What is waited for while Azure does not know the group that it accepted.
    fn missing(&self, id: &GroupId) -> String {
        let host = self.arm.host();
        format!("the container group `{}`, which `{host}` does not have (404)", id.name)
    }

    async fn crashed(&self, id: &GroupId, group: &Group, stopped: StoppedContainer) -> GroupError {
        // The state and the events are shown even if the log cannot be read.
        let log = self.last_log(id, &stopped.container).await.ok().flatten();
        let evidence = Evidence::of(group, &stopped.container, log.as_deref());
        let group = id.name.clone();
        GroupError::NotStarted { group, stopped: Box::new(stopped), evidence: Box::new(evidence) }
    }
}

fn put_request<'a>(path: &'a str, body: &'a Value) -> ArmRequest<'a> {
    ArmRequest { verb: Verb::Put, path, api_version: API_VERSION, body: Some(body) }
}

fn needs_replacement(error: &ArmError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.has("InvalidContainerGroupUpdate"))
}
