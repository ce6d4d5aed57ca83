//! Decides from successive states of a group whether it runs or has failed.
//!
//! The time is an argument and nothing is read here, so that every sequence of
//! states can be written as a test.

use super::group::{ContainerView, Group, GroupContainer};
use crate::value::RestartPolicy;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the previous states of a group showed.
#[derive(Debug)]
pub struct Watch {
    policy: RestartPolicy,
    /// How long a container must be seen running without a restart.
    steady: Duration,
    containers: BTreeMap<String, ContainerHistory>,
}

#[derive(Debug)]
struct ContainerHistory {
    /// The lowest restart count so far: restarts before the watch do not count.
    first_restarts: u32,
    running: Option<RunningSince>,
}

/// A container that runs, and since when it was seen so.
#[derive(Debug)]
struct RunningSince {
    at: Duration,
    restart_count: u32,
    start_time: String,
}

/// The result of one look at a group.
#[derive(Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Undecided. `soon` where only the time without a restart is missing.
    Wait { why: String, soon: bool },
    /// All containers run, or have finished.
    Works,
    /// This container will not run.
    Fails { container: String, why: String },
}

/// The phase of one container.
enum Phase {
    Waiting(String),
    /// Runs, but not for long enough yet.
    Running,
    Steady,
    Finished,
    Failed(String),
}

/// States in which Azure goes on retrying although a deploy should fail.
pub const FAILED_STATES: [&str; 6] = [
    "CrashLoopBackOff",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerError",
    "RunContainerError",
];

impl Watch {
    pub fn new(policy: RestartPolicy, steady: Duration) -> Self {
        Self { policy, steady, containers: BTreeMap::new() }
    }

    /// Takes in a state of the group, read `at` after the watch began.
    pub fn look(&mut self, group: &Group, at: Duration) -> Verdict {
        let containers = &group.properties.containers;
        let mut waiting: Option<(String, bool)> = None;
        for container in containers {
            let name = &container.name;
            match self.phase(container, at) {
                Phase::Failed(why) => return Verdict::Fails { container: name.clone(), why },
                Phase::Waiting(why) => waiting = Some((format!("`{name}`: {why}"), false)),
                Phase::Running => {
                    let why = format!("`{name}` runs; whether it stays so is seen in a moment");
                    waiting.get_or_insert((why, true));
                }
                Phase::Steady | Phase::Finished => {}
            }
        }
        if let Some(why) = self.group_fails(group) {
            let first = containers.first().map(|first| first.name.clone()).unwrap_or_default();
            return Verdict::Fails { container: first, why };
        }
        if containers.is_empty() {
            return Verdict::Wait { why: "no container is there yet".to_owned(), soon: false };
        }
        match waiting {
            Some((why, soon)) => Verdict::Wait { why, soon },
            None => Verdict::Works,
        }
    }

    fn group_fails(&self, group: &Group) -> Option<String> {
        let state = group.state();
        let provisioning = &group.properties.provisioning_state;
        if state.eq_ignore_ascii_case("Failed") || provisioning.eq_ignore_ascii_case("Failed") {
            return Some("Azure gave the group up".to_owned());
        }
        let stopped = state.eq_ignore_ascii_case("Stopped");
        (stopped && self.policy == RestartPolicy::Always)
            .then(|| "the group was stopped".to_owned())
    }

    fn phase(&mut self, container: &GroupContainer, at: Duration) -> Phase {
        let Some(view) = &container.properties.instance_view else {
            return Phase::Waiting("not started yet".to_owned());
        };
        let new = ContainerHistory { first_restarts: view.restart_count, running: None };
        let history = self.containers.entry(container.name.clone()).or_insert(new);
        history.first_restarts = history.first_restarts.min(view.restart_count);
        let restarts = view.restart_count - history.first_restarts;
        let Some(current) = &view.current_state else {
            return Phase::Waiting("not started yet".to_owned());
        };
        if restarts >= 2 {
            return Phase::Failed(format!("it was started again {restarts} times"));
        }
        match current.state.to_ascii_lowercase().as_str() {
            "running" => {
                let Some(started) = &current.start_time else {
                    return Phase::Waiting("starting".to_owned());
                };
                if history.running_for(view, started, at) >= self.steady {
                    Phase::Steady
                } else {
                    Phase::Running
                }
            }
            "terminated" => {
                history.running = None;
                self.ended(current.exit_code.unwrap_or_default())
            }
            _ => {
                history.running = None;
                let why = current.detail_status.trim();
                if FAILED_STATES.iter().any(|failed| why.contains(failed)) {
                    return Phase::Failed(why.to_owned());
                }
                Phase::Waiting(if why.is_empty() { "waiting".to_owned() } else { why.to_owned() })
            }
        }
    }

    fn ended(&self, code: i64) -> Phase {
        match (self.policy, code) {
            (RestartPolicy::Never | RestartPolicy::OnFailure, 0) => Phase::Finished,
            (RestartPolicy::Never, code) => {
                Phase::Failed(format!("it ended with exit code {code}"))
            }
            // Azure starts it again. A second restart fails the deploy, see `phase`.
            (RestartPolicy::Always | RestartPolicy::OnFailure, code) => {
                Phase::Waiting(format!("it ended with exit code {code} and is started again"))
            }
        }
    }
}

impl ContainerHistory {
    /// How long the container has been seen running without a restart.
    fn running_for(&mut self, view: &ContainerView, start_time: &str, at: Duration) -> Duration {
        // Azure may restart a container without counting it, so the start counts too.
        let same = |running: &&RunningSince| {
            running.restart_count == view.restart_count && running.start_time == start_time
        };
        if let Some(running) = self.running.as_ref().filter(same) {
            return at.saturating_sub(running.at);
        }
        let (restart_count, start_time) = (view.restart_count, start_time.to_owned());
        self.running = Some(RunningSince { at, restart_count, start_time });
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::Group;
    use super::{Verdict, Watch};
    use crate::value::RestartPolicy;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn group(states: &[Value]) -> Group {
        let containers: Vec<Value> = states
            .iter()
            .enumerate()
            .map(|(index, view)| {
                json!({ "name": format!("c{index}"), "properties": { "instanceView": view } })
            })
            .collect();
        let properties = json!({ "provisioningState": "Succeeded", "containers": containers });
        serde_json::from_value(json!({ "properties": properties })).expect("a group")
    }

    fn running(restarts: u32, start: &str) -> Value {
        json!({
            "restartCount": restarts,
            "currentState": { "state": "Running", "startTime": start },
        })
    }

    fn waiting(why: &str) -> Value {
        json!({ "restartCount": 0, "currentState": { "state": "Waiting", "detailStatus": why } })
    }

    fn ended(restarts: u32, code: i64) -> Value {
        json!({
            "restartCount": restarts,
            "currentState": { "state": "Terminated", "exitCode": code },
        })
    }

    /// The verdicts on states a second apart.
    fn watch(policy: RestartPolicy, looks: &[Value]) -> Vec<String> {
        let mut watch = Watch::new(policy, Duration::from_secs(3));
        let mut verdicts = Vec::new();
        for (second, view) in (0..).zip(looks) {
            let verdict =
                watch.look(&group(std::slice::from_ref(view)), Duration::from_secs(second));
            verdicts.push(match verdict {
                Verdict::Wait { why, .. } => format!("wait: {why}"),
                Verdict::Works => "works".to_owned(),
                Verdict::Fails { container, why } => format!("{container} fails: {why}"),
            });
        }
        verdicts
    }

    fn last(policy: RestartPolicy, looks: &[Value]) -> String {
        watch(policy, looks).pop().expect("a look")
    }

    #[test]
    fn a_group_works_once_it_has_run_for_three_seconds() {
        let looks = [
            json!(null),
            waiting(""),
            running(0, "t"),
            running(0, "t"),
            running(0, "t"),
            running(0, "t"),
        ];
        assert_eq!(
            watch(RestartPolicy::Always, &looks),
            [
                "wait: `c0`: not started yet",
                "wait: `c0`: waiting",
                "wait: `c0` runs; whether it stays so is seen in a moment",
                "wait: `c0` runs; whether it stays so is seen in a moment",
                "wait: `c0` runs; whether it stays so is seen in a moment",
                "works",
            ]
        );
    }

    #[test]
    fn a_restart_starts_the_wait_again() {
        let always = RestartPolicy::Always;
        let looks = [running(0, "a"), running(0, "a"), running(1, "b"), running(1, "b")];
        assert!(last(always, &looks).starts_with("wait"));
        let looks = [running(0, "a"), running(1, "b"), running(2, "c")];
        assert_eq!(last(always, &looks), "c0 fails: it was started again 2 times");
    }

    #[test]
    fn restarts_before_the_watch_do_not_count() {
        let looks = [running(7, "a"), running(7, "a"), running(7, "a"), running(7, "a")];
        assert_eq!(last(RestartPolicy::Always, &looks), "works");
    }

    #[test]
    fn states_that_waiting_cannot_change_fail_at_once() {
        for why in ["CrashLoopBackOff: Back-off 10s restarting failed", "ErrImagePull: no"] {
            let expected = format!("c0 fails: {why}");
            assert_eq!(last(RestartPolicy::Always, &[waiting(why)]), expected);
        }
    }

    #[test]
    fn the_restart_policy_decides_what_an_exit_means() {
        let first = |policy, code| last(policy, &[ended(0, code)]);
        assert_eq!(first(RestartPolicy::Never, 0), "works");
        assert_eq!(first(RestartPolicy::OnFailure, 0), "works");
        assert_eq!(first(RestartPolicy::Never, 2), "c0 fails: it ended with exit code 2");
        let again = "wait: `c0`: it ended with exit code 2 and is started again";
        assert_eq!(first(RestartPolicy::Always, 2), again);
        let looks = [ended(0, 0), ended(1, 0), ended(2, 0)];
        assert_eq!(last(RestartPolicy::Always, &looks), "c0 fails: it was started again 2 times");
    }

    #[test]
    fn all_containers_must_work() {
        let mut watch = Watch::new(RestartPolicy::Always, Duration::ZERO);
        let both = group(&[running(0, "t"), waiting("")]);
        watch.look(&both, Duration::ZERO);
        let verdict = watch.look(&both, Duration::from_secs(1));
        let why = "`c1`: waiting".to_owned();
        assert_eq!(verdict, Verdict::Wait { why, soon: false });
        watch.look(&group(&[running(0, "t"), running(0, "u")]), Duration::from_secs(2));
        let verdict =
            watch.look(&group(&[running(0, "t"), running(0, "u")]), Duration::from_secs(3));
        assert_eq!(verdict, Verdict::Works);
    }

    #[test]
    fn a_group_whose_provisioning_failed_fails() {
        let mut given_up = group(&[waiting("")]);
        given_up.properties.provisioning_state = "Failed".to_owned();
        let verdict =
            Watch::new(RestartPolicy::Always, Duration::ZERO).look(&given_up, Duration::ZERO);
        let why = "Azure gave the group up".to_owned();
        assert_eq!(verdict, Verdict::Fails { container: "c0".to_owned(), why });
    }
}
