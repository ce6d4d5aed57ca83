//! Whether a group really runs: judged from what was seen of it and when.
//! No clock and no network, so that every course can be written as a test.

use super::desired::RestartPolicy;
use super::group::{ContainerView, Group, GroupContainer};
use std::collections::BTreeMap;
use std::time::Duration;

/// What was seen of a group so far.
#[derive(Debug)]
pub(super) struct Watch {
    policy: RestartPolicy,
    /// How long a container must have been seen to run without a restart.
    steady: Duration,
    containers: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    /// The fewest restarts: those before do not count.
    least: u32,
    /// Since when it is seen to run, and in which of its lives.
    running: Option<(Duration, u32, String)>,
}

/// What to make of a look.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Neither yet: who is waited for, and why.
    Wait { why: String, soon: bool },
    /// All containers run, or have done their work.
    Works,
    /// This container will not.
    Fails { container: String, why: String },
}

/// What one container does.
enum Course {
    Coming(String),
    Running,
    Steady,
    Done,
    Failing(String),
}

/// What a container waits for that does not come by waiting.
const HOPELESS: [&str; 6] = [
    "CrashLoopBackOff",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerError",
    "RunContainerError",
];

impl Watch {
    pub(super) fn new(policy: RestartPolicy, steady: Duration) -> Self {
        Self { policy, steady, containers: BTreeMap::new() }
    }

    /// Judges a look at the group, `at` after the watch began.
    pub(super) fn look(&mut self, group: &Group, at: Duration) -> Verdict {
        let containers = &group.properties.containers;
        let mut waiting: Option<(String, bool)> = None;
        for container in containers {
            let name = &container.name;
            match self.course(container, at) {
                Course::Failing(why) => return Verdict::Fails { container: name.clone(), why },
                Course::Coming(why) => waiting = Some((format!("`{name}`: {why}"), false)),
                Course::Running => {
                    let why = format!("`{name}` runs; whether it stays so is seen in a moment");
                    waiting.get_or_insert((why, true));
                }
                Course::Steady | Course::Done => {}
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

    fn course(&mut self, container: &GroupContainer, at: Duration) -> Course {
        let Some(view) = &container.properties.instance_view else {
            return Course::Coming("not started yet".to_owned());
        };
        let fresh = Seen { least: view.restart_count, running: None };
        let seen = self.containers.entry(container.name.clone()).or_insert(fresh);
        seen.least = seen.least.min(view.restart_count);
        let restarts = view.restart_count - seen.least;
        let Some(current) = &view.current_state else {
            return Course::Coming("not started yet".to_owned());
        };
        if restarts >= 2 {
            return Course::Failing(format!("it was started again {restarts} times"));
        }
        match current.state.to_ascii_lowercase().as_str() {
            "running" => {
                let Some(started) = &current.start_time else {
                    return Course::Coming("starting".to_owned());
                };
                steady(seen, view, started, (at, self.steady))
            }
            "terminated" => {
                seen.running = None;
                self.ended(current.exit_code.unwrap_or_default())
            }
            _ => {
                seen.running = None;
                let why = current.detail_status.trim();
                if HOPELESS.iter().any(|hopeless| why.contains(hopeless)) {
                    return Course::Failing(why.to_owned());
                }
                Course::Coming(if why.is_empty() { "waiting".to_owned() } else { why.to_owned() })
            }
        }
    }

    fn ended(&self, code: i64) -> Course {
        match (self.policy, code) {
            (RestartPolicy::Never | RestartPolicy::OnFailure, 0) => Course::Done,
            (RestartPolicy::Never, code) => {
                Course::Failing(format!("it ended with exit code {code}"))
            }
            // Azure starts it again; a second end is one too many.
            (RestartPolicy::Always | RestartPolicy::OnFailure, code) => {
                Course::Coming(format!("it ended with exit code {code} and is started again"))
            }
        }
    }
}

/// Whether it has run for long enough without beginning anew.
fn steady(
    seen: &mut Seen,
    view: &ContainerView,
    started: &str,
    (at, enough): (Duration, Duration),
) -> Course {
    match &seen.running {
        Some((since, count, life)) if *count == view.restart_count && life == started => {
            if at.saturating_sub(*since) >= enough { Course::Steady } else { Course::Running }
        }
        _ => {
            seen.running = Some((at, view.restart_count, started.to_owned()));
            Course::Running
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::desired::RestartPolicy;
    use super::super::group::Group;
    use super::{Verdict, Watch};
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

    /// What the looks, a second apart, lead to.
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
    fn it_works_once_it_has_run_for_three_seconds() {
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
    fn a_restart_begins_the_wait_anew() {
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
    fn what_will_not_come_by_waiting_fails_at_once() {
        for why in ["CrashLoopBackOff: Back-off 10s restarting failed", "ErrImagePull: no"] {
            let expected = format!("c0 fails: {why}");
            assert_eq!(last(RestartPolicy::Always, &[waiting(why)]), expected);
        }
    }

    #[test]
    fn an_end_means_what_the_policy_makes_of_it() {
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
    fn a_group_that_azure_gave_up_fails() {
        let mut given_up = group(&[waiting("")]);
        given_up.properties.provisioning_state = "Failed".to_owned();
        let verdict =
            Watch::new(RestartPolicy::Always, Duration::ZERO).look(&given_up, Duration::ZERO);
        let why = "Azure gave the group up".to_owned();
        assert_eq!(verdict, Verdict::Fails { container: "c0".to_owned(), why });
    }
}
