//! What an app shows of itself when it does not work.

use super::app::App;
use super::revision::{Replica, Revision};
use crate::azure::LAST_LINES_REMEDY;
use crate::azure::failures::{Failure, LIVENESS_PROBE_FAILED, Service, find, table};
use std::fmt;

/// What the service says between the port of `ingress` and that of the program.
const PORT_MISMATCH: &str = " does not match the listening port ";

/// What is said of a program that is not in the image.
const NO_PROGRAM: [&str; 2] = ["no such file or directory", "executable file not found"];

const EXIT_CODE: &str = "exit code ";

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
        if let Some((target, listening)) = self.other_port() {
            return format!(
                "set `target-port: {listening}` under `ingress`, or make the program listen on \
                 0.0.0.0:{target}"
            );
        }
        if let Some(row) = self.known_failure() {
            return row.remedy(&[]);
        }
        match self.log.as_deref() {
            Some([_, ..]) => LAST_LINES_REMEDY.to_owned(),
            Some([]) | None => "see that the program listens on the `target-port` of `ingress` on \
                                all addresses; `shipway logs` shows what it wrote"
                .to_owned(),
        }
    }
}

impl AppEvidence {
    /// The port of `ingress` and the one that the program listens on, where the service says
    /// that they differ.
    fn other_port(&self) -> Option<(&str, &str)> {
        self.states.iter().find_map(|state| {
            let (before, after) = state.split_once(PORT_MISMATCH)?;
            let target = before.rsplit(' ').next()?;
            Some((target, after.split(|c: char| !c.is_ascii_digit()).next()?))
        })
    }

    /// The first known failure of a container that its state mentions: by its text, or by the
    /// exit code.
    fn known_failure(&self) -> Option<&'static Failure> {
        let said = self.states.join("\n").to_lowercase();
        let is_text = |row: &&Failure| row.code.parse::<i64>().is_err();
        let mut texts = table(Service::Container).iter().filter(is_text);
        let by_text = texts.find(|row| {
            row.code != LIVENESS_PROBE_FAILED && said.contains(&row.code.to_lowercase())
        });
        let is_missing = NO_PROGRAM.iter().any(|text| said.contains(text));
        let by_program = || find(Service::Container, "127").filter(|_| is_missing);
        let code = said.split_once(EXIT_CODE).map(|(_, rest)| rest);
        let code = code.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        by_text.or_else(by_program).or_else(|| find(Service::Container, code?))
    }
}

impl fmt::Display for AppEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

/// The source of `AppError::NotReady`.
impl std::error::Error for AppEvidence {}

#[cfg(test)]
mod tests {
    use super::AppEvidence;

    fn remedy(state: &str, log: &[&str]) -> String {
        let log = Some(log.iter().map(|line| (*line).to_owned()).collect());
        AppEvidence { states: vec![state.to_owned()], log, ..AppEvidence::default() }.remedy()
    }

    #[test]
    fn port_that_the_program_listens_on_is_named() {
        let state =
            "container `web`: Running, The TargetPort 80 does not match the listening port 81.";
        assert_eq!(
            remedy(state, &[]),
            "set `target-port: 81` under `ingress`, or make the program listen on 0.0.0.0:80"
        );
    }

    #[test]
    fn program_that_is_not_in_the_image_is_known() {
        let state = "container `web`: Waiting, exec: \"/bin/nope\": no such file or directory";
        assert_eq!(
            remedy(state, &[]),
            "the command is not in the image, or its program loader is not; check `command`, the \
             entrypoint, and that the program is static where the image is `scratch`"
        );
        assert_eq!(
            remedy("container `web`: Terminated, OOMKilled, exit code 137, 3 restarts", &["ok"]),
            "it was killed, most likely for lack of memory; raise `memory`"
        );
        assert_eq!(
            remedy("container `web`: Running", &["it broke"]),
            "its last lines say why; `shipway logs` shows more"
        );
    }
}
