//! Why a group does not run, with the evidence.

use super::group::{ContainerState, Group, GroupEvent};
use crate::azure::ArmError;
use crate::http::{Retry, Retryable};
use std::fmt;

/// How many of a log's last lines are shown.
const MAX_LOG_LINES: usize = 20;

/// Why a group could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// Azure would refuse the group, so it was not sent.
    #[error("cannot deploy container group `{group}`: {mistake}")]
    Mistake { group: String, mistake: String },
    #[error("cannot {doing} container group `{group}`")]
    Arm {
        /// The verb of the message, such as `create or update`.
        doing: &'static str,
        group: String,
        source: Box<ArmError>,
    },
    /// The update requires a replacement, which the plan forbids.
    #[error(
        "cannot update container group `{group}`: Azure does not change {} in place",
        if changes.is_empty() { "this".to_owned() } else { changes.join(", ") }
    )]
    NeedsReplacement {
        group: String,
        /// The differences that require it; empty where none was found.
        changes: Vec<String>,
        source: Box<ArmError>,
    },
    /// A container ended, or never started.
    #[error("cannot start container group `{group}`: container `{}` does not run: {}", crash.container, crash.why)]
    Crashed {
        group: String,
        crash: Box<Crash>,
        #[source]
        evidence: Box<Evidence>,
    },
}

/// A container that does not run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Crash {
    pub container: String,
    /// The reason in one line.
    pub why: String,
}

/// States, events and log of a container that does not run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Evidence {
    pub current: Option<ContainerState>,
    pub previous: Option<ContainerState>,
    pub restarts: u32,
    /// Events of the container and its group.
    pub events: Vec<GroupEvent>,
    /// The last lines of its log.
    pub log: Vec<String>,
}

impl Evidence {
    /// The evidence about a container of `group` whose log is `log`.
    pub fn of(group: &Group, container: &str, log: &str) -> Self {
        let found = group.properties.containers.iter().find(|found| found.name == container);
        let view =
            found.and_then(|found| found.properties.instance_view.clone()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().map(str::trim_end).collect();
        let log =
            lines[lines.len().saturating_sub(MAX_LOG_LINES)..].iter().map(|&line| line.to_owned());
        Self {
            current: view.current_state,
            previous: view.previous_state,
            restarts: view.restart_count,
            events: group.events().cloned().collect(),
            log: log.collect(),
        }
    }

    /// The exit code of the last end, if it is known.
    pub fn exit_code(&self) -> Option<i64> {
        [&self.current, &self.previous]
            .into_iter()
            .flatten()
            .filter(|state| !state.state.eq_ignore_ascii_case("Running"))
            .find_map(|state| state.exit_code)
    }

    fn mentions(&self, text: &str) -> bool {
        let states = [&self.current, &self.previous].into_iter().flatten();
        let details = states.map(|state| state.detail_status.as_str());
        let events = self.events.iter().map(|event| event.message.as_str());
        let log = self.log.iter().map(String::as_str);
        details.chain(events).chain(log).any(|words| words.to_lowercase().contains(text))
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for (when, state) in [("now", &self.current), ("before", &self.previous)] {
            let Some(state) = state else { continue };
            let mut line = format!("{when}: {}", state.state);
            if let Some(code) = state.exit_code {
                line.push_str(", exit code ");
                line.push_str(&code.to_string());
            }
            if !state.detail_status.is_empty() {
                line.push_str(", ");
                line.push_str(&state.detail_status);
            }
            lines.push(line);
        }
        if self.restarts > 0 {
            lines.push(format!("restarts: {}", self.restarts));
        }
        for event in &self.events {
            let count =
                if event.count > 1 { format!(" ({}×)", event.count) } else { String::new() };
            lines.push(format!("event: {}{count}: {}", event.name, event.message));
        }
        if self.log.is_empty() {
            lines.push("it wrote nothing".to_owned());
        } else {
            lines.push("its last lines:".to_owned());
            lines.extend(self.log.iter().map(|line| format!("  {line}")));
        }
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Evidence {}

/// The remedy for a container that does not run, if the evidence tells one.
fn remedy(crash: &Crash, evidence: &Evidence) -> Option<String> {
    let says = |text: &str| evidence.mentions(text) || crash.why.to_lowercase().contains(text);
    let help = if says("exec format error") {
        "the image is for another kind of processor; build it for `platform: linux/amd64`"
    } else if says("errimagepull") || says("imagepullbackoff") || says("failed to pull image") {
        "Azure cannot pull the image; check the `pull` login of its registry"
    } else if says("invalidimagename") {
        "the image's name is invalid; check `image`"
    } else {
        match evidence.exit_code() {
            Some(0) => {
                "it did its work and ended; a service must stay in the foreground, and a job needs \
                 `restart-policy: Never`"
            }
            Some(137) => "it was killed, most likely for lack of memory; raise `memory`",
            Some(139) => {
                "it broke on a bad memory access, often because the image is for another kind of \
                 processor or C library"
            }
            Some(127) => {
                "the command is not in the image, or its program loader is not; check `command`, \
                 the entrypoint, and that the program is static where the image is `scratch`"
            }
            Some(126) => "the command is there but must not be run; check its mode, such as 0755",
            Some(143) => "it was asked to end; look at the events for who asked",
            Some(_) => "its last lines say why; `az container logs` shows more",
            None => return None,
        }
    };
    Some(help.to_owned())
}

impl Retryable for DeployError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::Mistake { .. } | Self::NeedsReplacement { .. } | Self::Crashed { .. } => {
                Retry::Never
            }
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Mistake { .. } => None,
            Self::Arm { source, .. } | Self::NeedsReplacement { source, .. } => source.help(),
            Self::Crashed { crash, evidence, .. } => remedy(crash, evidence),
        }
    }
}
