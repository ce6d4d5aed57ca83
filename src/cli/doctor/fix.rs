//! Runs the commands that mend what is missing, one by one.

use super::check::{Check, State};
use crate::cli::confirm::{Answer, Expected, ask};
use crate::cli::say;
use crate::cli::session::connections::Connections;
use std::process::{Command, Stdio};

/// Whether there is a command to offer.
pub fn has_commands(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.state == State::Failed && check.fix.is_some())
}

/// Whether a command was run.
pub fn offer(checks: &[Check], connections: &Connections, yes: bool) -> Result<bool, String> {
    let mut ran = false;
    for check in checks.iter().filter(|check| check.state == State::Failed) {
        let Some(command) = &check.fix else { continue };
        if yes {
            say::tell(&format!("$ {command}"));
        } else {
            match ask(&format!("{}: run `{command}`?", check.id), Expected::Yes, "left as it is") {
                Answer::Agreed => {}
                Answer::Declined => continue,
                Answer::NotAsked => {
                    return Err("there is no terminal to ask in".to_owned());
                }
            }
        }
        ran = true;
        run(command, connections, &check.id);
    }
    Ok(ran)
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
