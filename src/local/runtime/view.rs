//! The visible state of a group: container states and events.
//!
//! Pure: times are arguments.

use super::spec::{Group, Restart};
use jiff::Timestamp;
use std::time::Duration;

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ContainerState {
    Waiting {
        /// Empty, or a reason such as `CrashLoopBackOff: …`.
        detail: String,
    },
    Running {
        start: Timestamp,
    },
    Terminated {
        start: Timestamp,
        finish: Timestamp,
        exit_code: i32,
        /// `Completed`, `Error`, or why the program could not be started.
        detail: String,
    },
}

/// Something that happened to a container, counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContainerEvent {
    /// `Pulled`, `Started`, `Killing`, `BackOff`, `Failed` …
    pub name: &'static str,
    pub warning: bool,
    pub message: String,
    pub count: u32,
    pub first: Timestamp,
    pub last: Timestamp,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContainerView {
    pub name: String,
    pub image: String,
    pub current: ContainerState,
    /// What it did before.
    pub previous: Option<ContainerState>,
    pub restarts: u32,
    pub events: Vec<ContainerEvent>,
    /// Whether a start was attempted, successfully or not.
    pub tried: bool,
    /// Whether it takes connections: its readiness probe passes, or it has none.
    pub ready: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupView {
    pub init: Vec<ContainerView>,
    pub containers: Vec<ContainerView>,
    pub stopped: bool,
    /// Why the group as a whole cannot run.
    pub refused: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GroupState {
    /// Not all containers were started yet.
    Pending,
    /// Some container runs or will be restarted.
    Running,
    /// By a client.
    Stopped,
    /// All programs ended with exit code 0 and are not restarted.
    Succeeded,
    /// All programs ended and are not restarted, some with an error.
    Failed,
}

impl GroupView {
    pub fn new(group: &Group) -> Self {
        let view = |container: &super::spec::Container| ContainerView {
            name: container.name.clone(),
            image: container.image.reference.clone(),
            current: ContainerState::Waiting { detail: String::new() },
            previous: None,
            restarts: 0,
            events: Vec::new(),
            tried: false,
            ready: container.readiness.is_none(),
        };
        Self {
            init: group.init.iter().map(view).collect(),
            containers: group.containers.iter().map(view).collect(),
            stopped: false,
            refused: None,
        }
    }

    /// Whether every container was started, or cannot be any more.
    pub fn settled(&self) -> bool {
        self.stopped
            || self.refused.is_some()
            || self.containers.iter().all(|container| container.tried)
            || self.init.iter().any(|container| container.restarts > 0 || container.failed())
    }

    pub fn state(&self, restart: Restart) -> GroupState {
        if self.stopped {
            return GroupState::Stopped;
        }
        if self.refused.is_some() {
            return GroupState::Failed;
        }
        if !self.settled() {
            return GroupState::Pending;
        }
        // An init container failed and is not retried.
        if restart == Restart::Never && self.init.iter().any(ContainerView::failed) {
            return GroupState::Failed;
        }
        let ended = |container: &ContainerView| match container.current {
            ContainerState::Terminated { exit_code, .. } if !restart.restarts(exit_code) => {
                Some(exit_code)
            }
            _ => None,
        };
        match self.containers.iter().map(ended).collect::<Option<Vec<i32>>>() {
            Some(codes) if codes.iter().all(|&code| code == 0) => GroupState::Succeeded,
            Some(_) => GroupState::Failed,
            None => GroupState::Running,
        }
    }

    /// Whether every container runs and takes connections.
    pub fn runs(&self) -> bool {
        let runs = |it: &ContainerView| matches!(it.current, ContainerState::Running { .. });
        !self.stopped && self.containers.iter().all(|container| runs(container) && container.ready)
    }

    /// A container of that name.
    pub fn container(&self, name: &str) -> Option<&ContainerView> {
        self.containers.iter().chain(&self.init).find(|container| container.name == name)
    }

    pub fn container_mut(&mut self, name: &str) -> Option<&mut ContainerView> {
        self.containers.iter_mut().chain(&mut self.init).find(|container| container.name == name)
    }
}

impl ContainerView {
    fn failed(&self) -> bool {
        matches!(self.current, ContainerState::Terminated { exit_code, .. } if exit_code != 0)
    }

    pub fn pulling(&mut self, at: Timestamp) {
        let message = format!("pulling image \"{}\"", self.image);
        self.event(at, "Pulling", false, message);
    }

    /// Its image is there.
    pub fn pulled(&mut self, at: Timestamp) {
        let message = format!("Successfully pulled image \"{}\"", self.image);
        self.event(at, "Pulled", false, message);
    }

    pub fn started(&mut self, at: Timestamp) {
        self.event(at, "Started", false, "Started container".to_owned());
        self.set_state(ContainerState::Running { start: at });
        self.tried = true;
    }

    pub fn not_started(&mut self, at: Timestamp, reason: &str) {
        let message = format!("Error: Failed to start container {}: {reason}", self.name);
        self.event(at, "Failed", true, message.clone());
        self.set_state(ContainerState::Terminated {
            start: at,
            finish: at,
            exit_code: 127,
            detail: message,
        });
        self.tried = true;
    }

    pub fn exited(&mut self, at: Timestamp, exit_code: i32) {
        let start = match self.current {
            ContainerState::Running { start } => start,
            ContainerState::Waiting { .. } | ContainerState::Terminated { .. } => at,
        };
        let detail = if exit_code == 0 { "Completed" } else { "Error" }.to_owned();
        self.set_state(ContainerState::Terminated { start, finish: at, exit_code, detail });
    }

    /// The container will be restarted after a delay.
    pub fn restarting(&mut self, at: Timestamp, wait: Duration) {
        self.restarts += 1;
        if wait.is_zero() {
            return;
        }
        let message = format!("Back-off {} restarting failed container", go_duration(wait));
        self.event(at, "BackOff", true, "Back-off restarting failed container".to_owned());
        self.set_state(ContainerState::Waiting {
            detail: format!("CrashLoopBackOff: {message}={}", self.name),
        });
    }

    /// A probe failed: `Liveness` or `Readiness`.
    pub fn unhealthy(&mut self, at: Timestamp, probe: &str, reason: &str) {
        self.event(at, "Unhealthy", true, format!("{probe} probe failed: {reason}"));
    }

    pub fn killing(&mut self, at: Timestamp) {
        let message = format!("Killing container with id {}.", self.name);
        self.event(at, "Killing", false, message);
    }

    /// Changes the state. Only a terminated state is kept as the previous one.
    fn set_state(&mut self, state: ContainerState) {
        let before = std::mem::replace(&mut self.current, state);
        if matches!(before, ContainerState::Terminated { .. }) {
            self.previous = Some(before);
        }
    }

    fn event(&mut self, at: Timestamp, name: &'static str, warning: bool, message: String) {
        let known = |event: &&mut ContainerEvent| event.name == name && event.message == message;
        if let Some(event) = self.events.iter_mut().find(known) {
            event.count += 1;
            event.last = at;
        } else {
            self.events.push(ContainerEvent {
                name,
                warning,
                message,
                count: 1,
                first: at,
                last: at,
            });
        }
    }
}

/// A duration as Go prints it: `10s`, `1m20s`.
fn go_duration(wait: Duration) -> String {
    let seconds = wait.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::{ContainerState, ContainerView, GroupState, GroupView, go_duration};
    use crate::local::runtime::spec::Restart;
    use jiff::Timestamp;
    use std::time::Duration;

    fn container() -> ContainerView {
        ContainerView {
            name: "web".into(),
            image: "demo.azurecr.io/web:1".into(),
            current: ContainerState::Waiting { detail: String::new() },
            previous: None,
            restarts: 0,
            events: Vec::new(),
            tried: false,
            ready: true,
        }
    }

    fn group(container: ContainerView) -> GroupView {
        GroupView { init: vec![], containers: vec![container], stopped: false, refused: None }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_crash_loop_waits_with_a_reason() {
        let mut web = container();
        assert_eq!(group(web.clone()).state(Restart::Always), GroupState::Pending);
        web.started(at(1));
        assert_eq!(group(web.clone()).state(Restart::Always), GroupState::Running);
        web.exited(at(2), 3);
        web.restarting(at(2), Duration::ZERO);
        web.started(at(2));
        web.exited(at(3), 3);
        web.restarting(at(3), Duration::from_secs(10));

        let detail = "CrashLoopBackOff: Back-off 10s restarting failed container=web".to_owned();
        assert_eq!(web.current, ContainerState::Waiting { detail });
        let ended = ContainerState::Terminated {
            start: at(2),
            finish: at(3),
            exit_code: 3,
            detail: "Error".into(),
        };
        assert_eq!(web.previous, Some(ended));
        assert_eq!(web.restarts, 2);
        let counts: Vec<_> = web.events.iter().map(|event| (event.name, event.count)).collect();
        assert_eq!(counts, [("Started", 2), ("BackOff", 1)]);
        assert_eq!(group(web).state(Restart::Always), GroupState::Running);
    }

    #[test]
    fn a_group_ends_only_without_restarts() {
        let mut web = container();
        web.started(at(1));
        web.exited(at(2), 0);
        assert_eq!(group(web.clone()).state(Restart::Never), GroupState::Succeeded);
        assert_eq!(group(web.clone()).state(Restart::OnFailure), GroupState::Succeeded);
        assert_eq!(group(web.clone()).state(Restart::Always), GroupState::Running);
        web.exited(at(2), 1);
        assert_eq!(group(web.clone()).state(Restart::Never), GroupState::Failed);
        assert_eq!(group(web.clone()).state(Restart::OnFailure), GroupState::Running);
        let stopped = GroupView { stopped: true, ..group(web) };
        assert_eq!(stopped.state(Restart::Never), GroupState::Stopped);
    }

    #[test]
    fn a_missing_program_is_an_event() {
        let mut web = container();
        web.not_started(at(1), "exec: \"app\": executable file not found in $PATH");
        let expected = "Error: Failed to start container web: \
                        exec: \"app\": executable file not found in $PATH";
        assert_eq!(web.events[0].message, expected);
        assert!(web.events[0].warning && web.tried);
    }

    #[test]
    fn delays_are_printed_as_go_does() {
        assert_eq!(go_duration(Duration::from_secs(40)), "40s");
        assert_eq!(go_duration(Duration::from_mins(5)), "5m0s");
    }
}
