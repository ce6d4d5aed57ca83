//! Finds a container that does not stay up while others of its group answer.

use super::client::ContainerInstances;
use super::evidence::Evidence;
use super::failure::{GroupError, StoppedContainer};
use super::group::{ContainerState, ContainerView, Group};
use super::id::GroupId;
use super::watch::FAILED_STATES;
use crate::value::{RestartPolicy, Word as _};
use jiff::Timestamp;

/// A container may be started again once, such as one that waits for another.
const MAX_RESTARTS: u32 = 1;

impl Group {
    /// The first container that has ended with an error, or that Azure starts again and
    /// again. A container that runs has ended for good only if it did so after `since`.
    pub fn broken(&self, since: Option<Timestamp>) -> Option<StoppedContainer> {
        let policy = RestartPolicy::from_word(&self.properties.restart_policy);
        let policy = policy.unwrap_or(RestartPolicy::Always);
        self.properties.containers.iter().find_map(|container| {
            let view = container.properties.instance_view.as_ref()?;
            let why = why_broken(view, policy, since)?;
            Some(StoppedContainer { container: container.name.clone(), why })
        })
    }
}

fn why_broken(
    view: &ContainerView,
    policy: RestartPolicy,
    since: Option<Timestamp>,
) -> Option<String> {
    let current = view.current_state.as_ref()?;
    let is_restarted = view.restart_count > MAX_RESTARTS;
    let again = || Some(format!("it was started again {} times", view.restart_count));
    match current.state.to_ascii_lowercase().as_str() {
        "terminated" => match (current.exit_code.unwrap_or_default(), policy) {
            (0, RestartPolicy::Always) if is_restarted => again(),
            (0, _) => None,
            (code, _) => Some(format!("it ended with exit code {code}")),
        },
        "running" => {
            let before = view.previous_state.as_ref()?;
            let has_ended_since = is_restarted && ended_after(before, since);
            if has_ended_since { again() } else { None }
        }
        _ => {
            let why = current.detail_status.trim();
            FAILED_STATES.iter().any(|failed| why.contains(failed)).then(|| why.to_owned())
        }
    }
}

fn ended_after(state: &ContainerState, since: Option<Timestamp>) -> bool {
    let ended = state.finish_time.as_ref().and_then(|time| time.parse::<Timestamp>().ok());
    ended.zip(since).is_some_and(|(ended, since)| ended >= since)
}

impl ContainerInstances {
    /// The error of a group in which a container does not stay up, with the events and the
    /// log of that container.
    pub async fn broken(&self, live: &Group, stopped: StoppedContainer) -> GroupError {
        // The state and the events are shown even if the log cannot be read.
        let log = match GroupId::parse(&live.id) {
            Some(id) => self.last_log(&id, &stopped.container).await.ok().flatten(),
            None => None,
        };
        let evidence = Evidence::of(live, &stopped.container, log.as_deref());
        let group = live.name.clone();
        GroupError::NotSteady { group, stopped: Box::new(stopped), evidence: Box::new(evidence) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::Group;
    use serde_json::{Value, json};

    /// Why a group whose second container is in this state does not work, in a run that
    /// began at 10:00.
    fn broken(policy: &str, view: &Value) -> Option<String> {
        let running = json!({ "restartCount": 0, "currentState": { "state": "Running" } });
        let container = |name: &str, view: &Value| json!({ "name": name, "properties": { "instanceView": view } });
        let group: Group = serde_json::from_value(json!({
            "properties": {
                "restartPolicy": policy,
                "containers": [container("web", &running), container("log", view)],
            },
        }))
        .expect("a group");
        let since = "2026-11-20T10:00:00Z".parse().ok();
        group.broken(since).map(|stopped| format!("{}: {}", stopped.container, stopped.why))
    }

    fn ended(code: i64, restarts: u32) -> Value {
        let state = json!({ "state": "Terminated", "exitCode": code });
        json!({ "restartCount": restarts, "currentState": state })
    }

    fn restarted(restarts: u32, finished: &str) -> Value {
        json!({
            "restartCount": restarts,
            "currentState": { "state": "Running" },
            "previousState": { "state": "Terminated", "exitCode": 1, "finishTime": finished },
        })
    }

    fn waiting(why: &str) -> Value {
        json!({ "restartCount": 1, "currentState": { "state": "Waiting", "detailStatus": why } })
    }

    #[test]
    fn container_that_ended_with_an_error_is_broken() {
        for policy in ["Always", "OnFailure", "Never"] {
            let why = "log: it ended with exit code 3";
            assert_eq!(broken(policy, &ended(3, 0)).as_deref(), Some(why), "{policy}");
            assert_eq!(broken(policy, &ended(0, 0)), None, "{policy}");
        }
        assert_eq!(broken("OnFailure", &ended(0, 2)), None);
        let again = "log: it was started again 2 times";
        assert_eq!(broken("Always", &ended(0, 2)).as_deref(), Some(again));
    }

    #[test]
    fn container_that_is_started_again_and_again_is_broken() {
        let why = "CrashLoopBackOff: Back-off 10s restarting failed container=log";
        assert_eq!(broken("Always", &waiting(why)), Some(format!("log: {why}")));
        assert_eq!(broken("Always", &waiting("")), None);
        let again = "log: it was started again 2 times";
        let today = "2026-11-20T10:00:05Z";
        assert_eq!(broken("Always", &restarted(2, today)).as_deref(), Some(again));
        assert_eq!(broken("Always", &restarted(1, today)), None, "once");
        assert_eq!(broken("Always", &restarted(2, "2026-11-19T10:00:00Z")), None, "before the run");
    }
}
