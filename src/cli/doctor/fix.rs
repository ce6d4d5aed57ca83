//! Runs the commands that mend what is missing, one by one. What one of them brings may
//! lack something itself, such as a new registry its role.

use super::check::{Check, State};
use crate::cli::confirm::{Answer, Expected, ask};
use crate::cli::say;
use crate::cli::session::connections::Connections;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// The commands that were offered, each of which is offered once.
#[derive(Default)]
pub struct Offers {
    offered: BTreeSet<String>,
}

impl Offers {
    /// Whether there is a command that was not offered yet.
    pub fn are_left(&self, checks: &[Check]) -> bool {
        checks.iter().any(|check| self.command(check).is_some())
    }

    fn command<'c>(&self, check: &'c Check) -> Option<&'c String> {
        let is_new = |command: &&String| !self.offered.contains(*command);
        check.fix.as_ref().filter(|_| check.state == State::Failed).filter(is_new)
    }

    /// Whether a command was run.
    pub fn make(
        &mut self,
        checks: &[Check],
        connections: &Connections,
        yes: bool,
    ) -> Result<bool, String> {
        let mut ran = false;
        for check in checks {
            let Some(command) = self.command(check).cloned() else { continue };
            self.offered.insert(command.clone());
            if yes {
                say::tell(&format!("$ {command}"));
            } else {
                let question = format!("{}: run `{command}`?", check.id);
                match ask(&question, Expected::Yes, "left as it is") {
                    Answer::Agreed => {}
                    Answer::Declined => continue,
                    Answer::NotAsked => {
                        return Err("there is no terminal to ask in".to_owned());
                    }
                }
            }
            ran = true;
            run(&command, connections, &check.id);
        }
        Ok(ran)
    }
}

/// Runs a command in the shell. A local cloud is reached by its variables.
fn run(command: &str, connections: &Connections, id: &str) {
    let secrets = connections.secret_variables.iter().map(|(name, value)| (name, value.expose()));
    let status = Command::new("sh")
        .args(["-c", command])
        .envs(&connections.variables)
        .envs(secrets)
        .stdin(Stdio::null())
        // Standard output is kept for the checks.
        .stdout(std::io::stderr())
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => say::tell(&format!("{id}: the command failed: {status}")),
        Err(error) => say::tell(&format!("{id}: cannot run the command: {error}")),
    }
}
