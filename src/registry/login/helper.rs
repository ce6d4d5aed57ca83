//! Docker's credential helpers: `docker-credential-NAME get`, the host on
//! standard input, the login on standard output.
//!
//! The protocol is that of docker/docker-credential-helpers.

use super::credentials::Hidden;
use super::error::LoginError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

/// Some helpers ask a cloud service.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// The output of a helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HelperOutput {
    /// The user, or `<token>` where the secret is an identity token.
    pub username: String,
    pub secret: Hidden,
}

/// The outcome of asking a helper.
pub enum HelperOutcome {
    Found(HelperOutput),
    /// The helper has no login for this host.
    Nothing,
    /// There is no such program.
    NoProgram,
}

/// Asks the helper `name` for the login to `server`.
pub async fn ask(
    name: &str,
    server: &str,
    env: &BTreeMap<String, String>,
) -> Result<HelperOutcome, LoginError> {
    let program = format!("docker-credential-{name}");
    let failed =
        |source| LoginError::Helper { program: program.clone(), host: server.to_owned(), source };
    // A name with a slash would let the file run any program.
    if name.is_empty() || name.contains(['/', '\\']) {
        return Err(failed(io::Error::other("this is not the name of a helper")));
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
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(HelperOutcome::NoProgram);
        }
        Err(error) => return Err(failed(error)),
    };
    let answer = async {
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(server.as_bytes()).await {
                // It may answer without reading its input.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(HELPER_TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(failed)?;
    let stdout = Zeroizing::new(output.stdout);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&stdout);
        if said.contains("credentials not found") {
            return Ok(HelperOutcome::Nothing);
        }
        let said = format!("{} {}", said.trim(), String::from_utf8_lossy(&output.stderr).trim());
        return Err(failed(io::Error::other(said.trim().to_owned())));
    }
    serde_json::from_slice(&stdout).map(HelperOutcome::Found).map_err(|error| failed(error.into()))
}
