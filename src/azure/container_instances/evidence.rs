//! Evidence of why a container does not run.

use super::group::{ContainerState, ContainerView, Group, GroupEvent};
use crate::azure::LAST_LINES_REMEDY;
use crate::azure::failures::{LIVENESS_PROBE_FAILED, Service, find, table};
use std::fmt;

/// How many of a log's last lines are shown.
const MAX_LOG_LINES: usize = 20;

/// The exit codes of a program that Azure ends: it ends in good order after SIGTERM, dies of
/// it, or is killed some time later.
const CODES_OF_A_SIGNAL: [i64; 3] = [0, 143, 137];

/// States, events and log of a container.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Evidence {
    pub current: Option<ContainerState>,
    pub previous: Option<ContainerState>,
    pub restarts: u32,
    /// Events of its group and of this container.
    pub events: Vec<GroupEvent>,
    /// The last lines of its log; `None` if the log is missing or cannot be read.
    pub log: Option<Vec<String>>,
}

impl Evidence {
    /// The evidence about a container of `group` whose log is `log`.
    pub fn of(group: &Group, container: &str, log: Option<&str>) -> Self {
        let found = group.properties.containers.iter().find(|found| found.name == container);
        let view = found.and_then(|found| found.properties.instance_view.as_ref());
        Self::of_view(group, view, log)
    }

    /// The same of a container with this view, which may be an init container.
    pub fn of_view(group: &Group, view: Option<&ContainerView>, log: Option<&str>) -> Self {
        let view = view.cloned().unwrap_or_default();
        let last_lines = |log: &str| {
            let lines: Vec<&str> = log.lines().map(str::trim_end).collect();
            let first = lines.len().saturating_sub(MAX_LOG_LINES);
            lines[first..].iter().map(|&line| line.to_owned()).collect()
        };
        Self {
            current: view.current_state,
            previous: view.previous_state,
            restarts: view.restart_count,
            events: group.own_events().chain(&view.events).cloned().collect(),
            log: log.map(last_lines),
        }
    }

    /// The exit code with which it ended last, if it has ended.
    pub fn exit_code(&self) -> Option<i64> {
        [&self.current, &self.previous]
            .into_iter()
            .flatten()
            // The code of a container that runs is not that of an end.
            .filter(|state| !state.is_running())
            .find_map(|state| state.exit_code)
    }

    /// The exit code of the instance before, of a container that runs again.
    pub fn code_before(&self) -> Option<i64> {
        let is_again = self.runs() && self.restarts > 0;
        self.previous.as_ref().filter(|_| is_again)?.exit_code
    }

    /// Whether the container runs at the moment.
    pub fn runs(&self) -> bool {
        self.current.as_ref().is_some_and(ContainerState::is_running)
    }

    /// Whether a state, an event or the log contains `text`, which is in lower case.
    fn mentions(&self, text: &str) -> bool {
        let states = [&self.current, &self.previous].into_iter().flatten();
        let details = states.map(|state| state.detail_status.as_str());
        let events = self.events.iter().map(|event| event.message.as_str());
        let log = self.log.iter().flatten().map(String::as_str);
        details.chain(events).chain(log).any(|words| words.to_lowercase().contains(text))
    }

    /// The container's states and restarts, one a line.
    pub fn state_lines(&self) -> Vec<String> {
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
        lines
    }

    pub fn event_lines(&self) -> Vec<String> {
        self.events.iter().map(event_line).collect()
    }

    /// The last lines of the log, below a heading.
    pub fn log_lines(&self) -> Vec<String> {
        match self.log.as_deref() {
            None => vec!["its log is not available".to_owned()],
            Some([]) => vec!["it wrote nothing".to_owned()],
            Some(log) => {
                let mut lines = vec!["its last lines:".to_owned()];
                lines.extend(log.iter().map(|line| format!("  {line}")));
                lines
            }
        }
    }

    /// The remedy for a container that does not run because of `why`, if a known failure
    /// matches.
    pub fn remedy(&self, why: &str) -> Option<String> {
        let says = |text: &str| self.mentions(text) || why.to_lowercase().contains(text);
        let texts = table(Service::Container).iter();
        // Rows whose code is a number are exit codes. A failed probe explains some of those.
        let mut texts = texts
            .filter(|row| row.code.parse::<i64>().is_err() && row.code != LIVENESS_PROBE_FAILED);
        if let Some(row) = texts.find(|row| says(&row.code.to_lowercase())) {
            return Some(row.remedy(&[]));
        }
        Some(self.remedy_of_exit(self.exit_code()?))
    }

    /// Whether Azure ended the program because of its liveness probe. A program that crashes
    /// fails its probe too, but ends with a code of its own.
    fn ended_by_its_probe(&self, code: i64) -> bool {
        CODES_OF_A_SIGNAL.contains(&code)
            && self.events.iter().any(|event| event.message.starts_with(LIVENESS_PROBE_FAILED))
    }

    fn remedy_of_exit(&self, code: i64) -> String {
        let code = if self.ended_by_its_probe(code) {
            LIVENESS_PROBE_FAILED.to_owned()
        } else {
            code.to_string()
        };
        if let Some(row) = find(Service::Container, &code) {
            return row.remedy(&[]);
        }
        match self.log.as_deref() {
            Some([]) => {
                "it ended without writing anything; run the image on this machine with the same \
                 `command` and `env`, and let the program log its errors to stderr"
            }
            Some(_) => LAST_LINES_REMEDY,
            None => "`shipway logs` shows what it wrote",
        }
        .to_owned()
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.state_lines();
        lines.extend(self.event_lines());
        lines.extend(self.log_lines());
        f.write_str(&lines.join("\n"))
    }
}

/// An event in one line.
pub fn event_line(event: &GroupEvent) -> String {
    let count = if event.count > 1 { format!(" ({}×)", event.count) } else { String::new() };
    format!("event: {}{count}: {}", event.name, event.message)
}

/// The source of `GroupError::NotStarted`.
impl std::error::Error for Evidence {}
