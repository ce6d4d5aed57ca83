//! Restarts what runs of a revision, and watches whether it becomes ready again.

use super::app::App;
use super::client::{API_VERSION, ContainerApps};
use super::deploy::{AppEvent, Listener, failure};
use super::error::AppError;
use super::id::AppId;
use super::revision::Replica;
use crate::azure::{ArmRequest, Verb};
use std::time::Duration;
use tokio::time::Instant;

/// How long the replicas of before a restart may still be shown after it.
const MAX_OLD_REPLICA_TIME: Duration = Duration::from_mins(1);

impl ContainerApps {
    /// Restarts the revision that `app` shows, and waits until it is ready. A revision that is
    /// scaled to nothing stays so. The caller sets the time limit.
    pub async fn restart(
        &self,
        id: &AppId,
        app: &App,
        events: Listener<'_>,
    ) -> Result<(), AppError> {
        let name = app.revision();
        let before = self.replicas(id, name).await?;
        let path = format!("{id}/revisions/{name}/restart");
        let request =
            ArmRequest { verb: Verb::Post, path: &path, api_version: API_VERSION, body: None };
        let failed = |source| AppError::of("restart", id, source);
        let response = self.send_when_settled(&request).await.map_err(failed)?;
        events(AppEvent::Restarted);
        self.arm.finish(&response, |_| {}).await.map_err(failed)?;
        let began = Instant::now();
        let mut last = String::new();
        loop {
            let replicas = self.replicas(id, name).await?;
            let is_late = began.elapsed() >= MAX_OLD_REPLICA_TIME;
            let is_new = are_new(&before, &replicas);
            let wait = if is_new || is_late {
                let revision = self.revision(id, name).await?.unwrap_or_default();
                if let Some(why) = failure(app, &revision, &replicas) {
                    return Err(self.not_ready(id, app, why).await);
                }
                if revision.is_ready() && are_ready(&replicas) {
                    if !is_new {
                        events(AppEvent::ReplicasUnchanged);
                    }
                    return Ok(());
                }
                format!("revision `{name}` to be ready")
            } else {
                format!("the replicas of revision `{name}` to be started again")
            };
            if wait != last {
                events(AppEvent::Waited(wait.clone()));
                last = wait;
            }
            tokio::time::sleep(self.arm.pacing().wait(began.elapsed())).await;
        }
    }
}

/// Whether none of the replicas is shown as it was before.
fn are_new(before: &[Replica], now: &[Replica]) -> bool {
    let is_old = |replica: &Replica| before.iter().any(|old| is_same(old, replica));
    !now.iter().any(is_old)
}

fn is_same(old: &Replica, new: &Replica) -> bool {
    let restarts = |replica: &Replica| -> Vec<u32> {
        replica.properties.containers.iter().map(|it| it.restart_count).collect()
    };
    old.name == new.name
        && old.properties.created_time == new.properties.created_time
        && restarts(old) == restarts(new)
}

fn are_ready(replicas: &[Replica]) -> bool {
    replicas.iter().flat_map(|replica| &replica.properties.containers).all(|it| it.ready)
}

#[cfg(test)]
mod tests {
    use super::{Replica, are_new, are_ready};
    use serde_json::json;

    fn replicas(name: &str, created: &str, restarts: u32, ready: bool) -> Vec<Replica> {
        let container = json!({ "name": "web", "ready": ready, "restartCount": restarts });
        let properties = json!({ "createdTime": created, "containers": [container] });
        serde_json::from_value(json!([{ "name": name, "properties": properties }]))
            .expect("replicas")
    }

    #[test]
    fn replica_is_new_by_its_name_its_time_or_a_restart_of_a_container() {
        let before = replicas("a", "10:00", 0, true);
        assert!(!are_new(&before, &before));
        assert!(are_new(&before, &replicas("b", "10:00", 0, true)));
        assert!(are_new(&before, &replicas("a", "10:05", 0, true)));
        assert!(are_new(&before, &replicas("a", "10:00", 1, true)));
        assert!(are_new(&before, &[]), "scaled to nothing");
        let both = [before.clone(), replicas("b", "10:05", 0, true)].concat();
        assert!(!are_new(&before, &both), "the old one still runs");
    }

    #[test]
    fn revision_without_replicas_needs_no_container_to_be_ready() {
        assert!(are_ready(&[]));
        assert!(are_ready(&replicas("a", "10:00", 0, true)));
        assert!(!are_ready(&replicas("a", "10:00", 0, false)));
    }
}
