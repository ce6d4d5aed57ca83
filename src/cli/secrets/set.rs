//! Stores the value of a secret in the vault that the plan names.

use super::vaults::in_vaults;
use crate::azure::KeyVault;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::plan::diagnostic::closest;
use crate::run::outcome::StepError;
use crate::secret::VaultSecret;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use zeroize::Zeroizing;

/// What a vault takes at most (Key Vault, "About secrets").
const MAX_VALUE_BYTES: u64 = 25 * 1024;

pub async fn set(
    session: &PlanSession,
    connections: &Connections,
    name: &str,
) -> Result<Exit, StepError> {
    let secret = place(session, connections, name)?;
    let value = read(name).map_err(|error| {
        StepError::new("cannot read the value from standard input").because(error.to_string())
    })?;
    let path = format!("secrets.{name}");
    // Masked from here on. A value that is too short to be masked is refused.
    session.redactor.register(&path, value.to_string()).map_err(|error| {
        StepError::new(error.to_string())
            .help("masking so short a value would make logs unreadable; use a longer one")
    })?;
    let vaults = KeyVault::new(
        connections.http.clone(),
        connections.credential.clone(),
        connections.endpoints.clone(),
    );
    let stored = vaults.write(&secret, &value).await;
    let version = stored.map_err(|error| {
        StepError::from_error(&error).while_doing(format!("cannot store the secret `{name}`"))
    })?;
    say::tell(&format!(
        "stored `{name}` as secret `{}` of vault `{}`, version {version}",
        secret.name,
        secret.vault()
    ));
    Ok(Exit::Done)
}

/// The secret of the vault from which the plan reads `name`.
fn place(
    session: &PlanSession,
    connections: &Connections,
    name: &str,
) -> Result<VaultSecret, StepError> {
    if session.plan.secrets.get(name).is_none() {
        let known = session.plan.secrets.keys();
        let error = StepError::of_usage(format!("the plan has no secret `{name}`"));
        return Err(match closest(name, known) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help("`shipway secrets` lists those that it has"),
        });
    }
    let mut all = in_vaults(session, connections)?.into_iter();
    let found = all.find(|(of, _)| of == name).map(|(_, secret)| secret);
    let secret = found.ok_or_else(|| {
        StepError::of_usage(format!("the plan reads the secret `{name}` from no vault"))
            .help("add a source to it: `keyvault: https://VAULT.vault.azure.net/secrets/NAME`")
    })?;
    if let Some(version) = &secret.version {
        return Err(StepError::of_usage(format!(
            "the plan reads version {version} of the secret `{name}`, so that it would not see a \
             new one"
        ))
        .help("leave the version out of its source"));
    }
    Ok(secret)
}

/// A line of a terminal, without an echo, or all of standard input; one line break at the end
/// is left out.
fn read(name: &str) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    if io::stdin().is_terminal() {
        say::tell(&format!("value of `{name}`, which is not shown:"));
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        let line = io::stdin().lock().read_line(&mut text);
        tcsetattr(io::stdin(), OptionalActions::Flush, &before)?;
        line?;
    } else {
        io::stdin().lock().take(MAX_VALUE_BYTES + 1).read_to_string(&mut text)?;
    }
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if u64::try_from(value.len()).unwrap_or(u64::MAX) > MAX_VALUE_BYTES {
        return Err(io::Error::other("it has more than 25 KB, and a vault takes no more"));
    }
    Ok(Zeroizing::new(value.to_owned()))
}
