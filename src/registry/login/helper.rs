//! Docker's credential helpers: `docker-credential-NAME get`, the host on
//! standard input, the login on standard output.
//!
//! The protocol is that of docker/docker-credential-helpers.

use super::Hidden;
use super::error::LoginError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

/// How long a helper may think. Some ask a cloud.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a helper answers with.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    /// The user, or `<token>` where the secret is an identity token.
    pub(super) username: String,
    /// The password.
    pub(super) secret: Hidden,
}

/// What came of asking.
pub(super) enum Asked {
    /// A login.
    Found(Answer),
    /// The helper has none for this host.
    Nothing,
    /// There is no such program.
    NoProgram,
}

/// Asks the helper `name` for the login to `server`.
pub(super) async fn ask(
    name: &str,
    server: &str,
    env: &BTreeMap<String, String>,
) -> Result<Asked, LoginError> {
    let program = format!("docker-credential-{name}");
    let failed =
        |source| LoginError::Helper { program: program.clone(), host: server.to_owned(), source };
    // A name with a slash would be a path of the file's choice.
    if name.is_empty() || name.contains(['/', '\\']) {
        return Err(failed(io::Error::other("this is no name of a helper")));
    }
    let started = Command::new(&program)
        .arg("get")
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Asked::NoProgram),
        Err(error) => return Err(failed(error)),
    };
    let answer = async {
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(server.as_bytes()).await {
                // It may answer without having read the question.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(failed)?;
    let stdout = Zeroizing::new(output.stdout);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&stdout);
        if said.contains("credentials not found") {
            return Ok(Asked::Nothing);
        }
        let said = format!("{} {}", said.trim(), String::from_utf8_lossy(&output.stderr).trim());
        return Err(failed(io::Error::other(said.trim().to_owned())));
    }
    serde_json::from_slice(&stdout).map(Asked::Found).map_err(|error| failed(error.into()))
}
