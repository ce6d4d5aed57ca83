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
    /// The init container that the others wait for: it runs, or did not end well.
    pub init: Option<(String, Evidence)>,
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
        // Once a container runs, all of them have ended.
        let has_started = containers.iter().any(|(_, evidence)| evidence.runs());
        let init = if has_started { None } else { self.unfinished_init(id, &group).await };
        Ok(Some(GroupEvidence { group, init, containers }))
    }

    /// The first init container that has not ended well.
    async fn unfinished_init(&self, id: &GroupId, group: &Group) -> Option<(String, Evidence)> {
        let mut all = group.properties.init_containers.iter();
        let found = all.find(|one| !one.has_ended_well())?;
        let log = self.last_log(id, &found.name).await.ok().flatten();
        let view = found.properties.instance_view.as_ref();
        Some((found.name.clone(), Evidence::of_view(group, view, log.as_deref())))
    }
}

impl GroupEvidence {
    /// State, events and the last lines of each log.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("container group `{}`: {}", self.group.name, self.state())];
        lines.extend(self.group.events().map(event_line));
        let init = self.init.iter().map(|(name, evidence)| ("init container", name, evidence));
        let others = self.containers.iter().map(|(name, evidence)| ("container", name, evidence));
        for (kind, name, evidence) in init.chain(others) {
            lines.push(format!("{kind} `{name}`:"));
            let own = evidence.state_lines().into_iter().chain(evidence.log_lines());
            lines.extend(own.map(|line| format!("  {line}")));
        }
        lines
    }

    /// The first container that does not run, with the reason in a few words.
    pub fn not_running(&self) -> Option<String> {
        if let Some((name, evidence)) = &self.init {
            let why = match evidence.exit_code() {
                Some(code) => format!("ended with exit code {code}"),
                None if evidence.runs() => "has not ended".to_owned(),
                None => "has not started".to_owned(),
            };
            return Some(format!(
                "init container `{name}` {why}; the containers are started after it"
            ));
        }
        let (name, evidence) = self.containers.iter().find(|(_, evidence)| !evidence.runs())?;
        let why = match (evidence.exit_code(), evidence.current.as_ref()) {
            (Some(code), _) => format!("it ended with exit code {code}"),
            (None, Some(state)) if !state.detail_status.is_empty() => state.detail_status.clone(),
            (None, Some(_) | None) => "it has not started".to_owned(),
        };
        Some(format!("container `{name}` does not run: {why}"))
    }

    /// The first container that ended and was started again, with its exit code.
    pub fn restarted(&self) -> Option<String> {
        self.containers.iter().find_map(|(name, evidence)| {
            let code = evidence.code_before()?;
            let again = match evidence.restarts {
                1 => "was started again".to_owned(),
                count => format!("was started again, {count} times"),
            };
            Some(format!("container `{name}` ended with exit code {code} and {again}"))
        })
    }

    /// The remedy for what does not run, or did not stay up, if the evidence tells one.
    pub fn remedy(&self) -> Option<String> {
        let all = || self.init.iter().chain(&self.containers);
        let ended = all().filter(|(_, evidence)| !evidence.runs());
        let restarted = all().filter(|(_, evidence)| evidence.code_before().is_some());
        ended.chain(restarted).find_map(|(_, evidence)| evidence.remedy(""))
    }

    fn state(&self) -> &str {
        match self.group.state() {
            "" => "state unknown",
            known => known,
        }
    }
}
