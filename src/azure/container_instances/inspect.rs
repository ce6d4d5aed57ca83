//! Reads all that a group shows of itself, for the report of a deploy that took too
//! long or a service that does not answer.

use super::client::ContainerInstances;
use super::evidence::{Evidence, event_line};
use super::failure::GroupError;
use super::group::Group;
use super::id::GroupId;

/// What a group shows of itself.
#[derive(Clone, Debug)]
pub struct GroupEvidence {
    pub group: Group,
    /// By container, in the order of the group.
    pub containers: Vec<(String, Evidence)>,
}

impl ContainerInstances {
    /// Reads a group with its events and logs; `None` where it does not exist.
    pub async fn inspect(&self, id: &GroupId) -> Result<Option<GroupEvidence>, GroupError> {
        let Some(group) = self.find(id).await? else { return Ok(None) };
        let mut containers = Vec::new();
        for container in &group.properties.containers {
            let name = container.name.clone();
            // The state and the events are shown even if the log cannot be read.
            let log = self.last_log(id, &name).await.ok().flatten();
            let evidence = Evidence::of(&group, &name, log.as_deref());
            containers.push((name, evidence));
        }
        Ok(Some(GroupEvidence { group, containers }))
    }
}

impl GroupEvidence {
    /// State, events and the last lines of each log.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("container group `{}`: {}", self.group.name, self.state())];
        lines.extend(self.group.events().map(event_line));
        for (name, evidence) in &self.containers {
            lines.push(format!("container `{name}`:"));
            let own = evidence.state_lines().into_iter().chain(evidence.log_lines());
            lines.extend(own.map(|line| format!("  {line}")));
        }
        lines
    }

    /// The first container that does not run, with the reason in a few words.
    pub fn not_running(&self) -> Option<String> {
        let (name, evidence) = self.containers.iter().find(|(_, evidence)| !evidence.runs())?;
        let why = match (evidence.exit_code(), evidence.current.as_ref()) {
            (Some(code), _) => format!("it ended with exit code {code}"),
            (None, Some(state)) if !state.detail_status.is_empty() => state.detail_status.clone(),
            (None, Some(_) | None) => "it has not started".to_owned(),
        };
        Some(format!("container `{name}` does not run: {why}"))
    }

    /// The remedy for what does not run, if the evidence tells one.
    pub fn remedy(&self) -> Option<String> {
        self.containers
            .iter()
            .filter(|(_, evidence)| !evidence.runs())
            .find_map(|(_, evidence)| evidence.remedy(""))
    }

    fn state(&self) -> &str {
        match self.group.state() {
            "" => "state unknown",
            known => known,
        }
    }
}
