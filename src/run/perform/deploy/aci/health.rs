//! The state of a group's containers, in words that every kind has.

use crate::azure::container_instances::{ContainerState, ContainerView, Group, GroupContainer};
use crate::run::perform::deployed::{DeployedContainer, Health, PastInstance};

pub fn container(container: &GroupContainer, group: &Group) -> DeployedContainer {
    let view = container.properties.instance_view.as_ref();
    let current = view.and_then(|view| view.current_state.as_ref());
    let previous = view.and_then(|view| view.previous_state.as_ref());
    DeployedContainer {
        name: container.name.clone(),
        image: container.properties.image.clone(),
        health: match group.state() {
            // Its containers were ended by a signal, whatever their exit codes say.
            "Stopped" => Health::new("stopped", view.map_or(0, |view| view.restart_count)),
            _ => health(view, &group.properties.restart_policy),
        },
        is_running: current.is_some_and(ContainerState::is_running),
        started: current.and_then(|state| state.start_time.clone()),
        exit_code: current.and_then(|state| state.exit_code),
        previous: previous.filter(|state| !state.state.is_empty()).map(|state| PastInstance {
            exit_code: state.exit_code,
            detail: state.detail_status.clone(),
        }),
    }
}

/// Whether no container of the group will run again.
pub fn has_ended(group: &Group) -> bool {
    let policy = group.properties.restart_policy.as_str();
    match group.state() {
        "Stopped" => true,
        "Succeeded" | "Failed" => policy != "Always",
        _ => false,
    }
}

/// `policy` is the group's restart policy in Azure's word.
fn health(view: Option<&ContainerView>, policy: &str) -> Health {
    let Some(view) = view else { return Health::new("pending", 0) };
    let restarts = view.restart_count;
    let Some(current) = &view.current_state else { return Health::new("pending", restarts) };
    let previous = view.previous_state.as_ref().and_then(|state| state.exit_code);
    let mut health = match current.state.as_str() {
        "Running" => Health { is_well: true, ..Health::new("running", restarts) },
        // Azure waits before the first start too, to pull the image.
        "Waiting" if restarts > 0 || is_back_off(current) => Health::new("restarting", restarts),
        "Waiting" => Health::new("waiting", restarts),
        "Terminated" => {
            let is_well = current.exit_code == Some(0) && policy != "Always";
            let word = if is_well { "completed" } else { "ended" };
            Health { is_well, ..Health::new(word, restarts) }
        }
        _ => Health::new("unknown", restarts),
    };
    health.exit_code = current.exit_code.or(previous);
    health.detail.clone_from(&current.detail_status);
    health
}

/// Whether Azure delays the next start of a container because it keeps failing.
fn is_back_off(state: &ContainerState) -> bool {
    state.detail_status.contains("BackOff")
}

#[cfg(test)]
mod tests {
    use super::{container, health};
    use crate::azure::container_instances::{ContainerView, Group};
    use serde_json::{Value, json};

    fn described(view: &Value, policy: &str) -> (String, bool) {
        let view: ContainerView = serde_json::from_value(view.clone()).expect("a view");
        let health = health(Some(&view), policy);
        (health.describe(), health.is_well)
    }

    #[test]
    fn state_restarts_and_exit_code_decide() {
        let case = |view: Value, policy: &str, words: &str, is_well: bool| {
            assert_eq!(described(&view, policy), (words.to_owned(), is_well), "{view}");
        };
        case(json!({ "currentState": { "state": "Running" } }), "Always", "running", true);
        case(
            json!({ "restartCount": 2, "currentState": { "state": "Running" },
                "previousState": { "state": "Terminated", "exitCode": 1 } }),
            "Always",
            "running, 2 restarts",
            true,
        );
        case(
            json!({ "restartCount": 4, "currentState": { "state": "Waiting", "detailStatus": "CrashLoopBackOff" },
                "previousState": { "state": "Terminated", "exitCode": 137 } }),
            "Always",
            "restarting, exit code 137, 4 restarts",
            false,
        );
        case(
            json!({ "currentState": { "state": "Waiting", "detailStatus": "Pulling" } }),
            "Always",
            "waiting",
            false,
        );
        let ended =
            |code: i64| json!({ "currentState": { "state": "Terminated", "exitCode": code } });
        case(ended(0), "Never", "completed, exit code 0", true);
        case(ended(0), "Always", "ended, exit code 0", false);
        case(ended(3), "Never", "ended, exit code 3", false);
        case(json!({}), "Always", "pending", false);
        assert_eq!(health(None, "Always").describe(), "pending");
    }
    #[test]
    fn group_that_was_stopped_is_no_failure_of_its_program() {
        let state = json!({ "state": "Terminated", "exitCode": 137, "detailStatus": "Error" });
        let document = json!({
            "id": "/g", "name": "web",
            "properties": {
                "restartPolicy": "Always",
                "instanceView": { "state": "Stopped" },
                "containers": [{ "name": "web", "properties": {
                    "image": "a.io/web:v1", "instanceView": { "restartCount": 1, "currentState": state },
                } }],
            },
        });
        let group = Group::try_from(document).expect("a group");

        let found = container(&group.properties.containers[0], &group);

        assert_eq!(found.health.describe(), "stopped, 1 restart");
        assert!(!found.health.is_well);
    }
}
