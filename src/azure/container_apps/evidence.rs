//! What an app shows of itself when it does not work.

use super::app::App;
use super::revision::{Replica, Revision};
use std::fmt;

/// What an app shows of itself when it does not work.
#[derive(Clone, Debug, Default)]
pub struct AppEvidence {
    /// State of the app, of its newest revision and of the containers, one a line.
    pub states: Vec<String>,
    /// The first container that does not run, with the reason in a few words.
    pub not_running: Option<String>,
    /// The last lines that the newest revision wrote; `None` if they cannot be read.
    pub log: Option<Vec<String>>,
    pub images: Vec<String>,
}

impl AppEvidence {
    pub fn of(
        app: &App,
        revision: Option<&Revision>,
        replicas: &[Replica],
        log: Option<&str>,
    ) -> Self {
        let mut states = vec![format!(
            "app `{}`: {}, newest revision `{}`, ready `{}`",
            app.name(),
            app.provisioning_state(),
            app.latest_revision(),
            app.latest_ready_revision()
        )];
        if let Some(revision) = revision {
            let parts = [
                ("provisioning", revision.provisioning_state()),
                ("health", revision.health()),
                ("state", revision.running_state()),
                ("error", revision.provisioning_error()),
            ];
            let known = parts.iter().filter(|(_, value)| !value.is_empty());
            let known: Vec<String> = known.map(|(name, value)| format!("{name} {value}")).collect();
            states.push(format!("revision: {}", known.join(", ")));
        }
        let containers = || replicas.iter().flat_map(|replica| &replica.properties.containers);
        states.extend(containers().map(|container| format!("container {}", container.describe())));
        let broken = containers().find(|container| !container.is_running() || !container.ready);
        Self {
            states,
            not_running: broken.map(|container| format!("container {}", container.describe())),
            log: log.map(|log| log.lines().map(|line| line.trim_end().to_owned()).collect()),
            images: app.images().map(str::to_owned).collect(),
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.states.clone();
        match self.log.as_deref() {
            None => lines.push("its log is not available".to_owned()),
            Some([]) => lines.push("it wrote nothing".to_owned()),
            Some(log) => {
                lines.push("its last lines:".to_owned());
                lines.extend(log.iter().map(|line| format!("  {line}")));
            }
        }
        lines
    }

    pub fn remedy(&self) -> String {
        match self.log.as_deref() {
            Some([_, ..]) => {
                "its last lines say why; `shipway logs` shows more, unless it was rolled back"
                    .to_owned()
            }
            Some([]) | None => "see that the program listens on the `target-port` of `ingress` on \
                                all addresses; `shipway logs` shows what it wrote"
                .to_owned(),
        }
    }
}

impl fmt::Display for AppEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

/// The source of `AppError::NotReady`.
impl std::error::Error for AppEvidence {}
