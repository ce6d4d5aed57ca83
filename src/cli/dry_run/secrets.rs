//! What stands for the secrets in a dry run: what the command line gives, else
//! placeholders. No real secret is read.

use crate::azure::Cloud;
use crate::cli::arguments::WorldArguments;
use crate::cli::session::Session;
use crate::cli::session::secrets::{Sources, vault_secret, vault_sources};
use crate::run::outcome::StepError;
use std::collections::BTreeMap;
use std::path::Path;

/// The values that stand for secrets.
pub(in crate::cli) struct Stand {
    /// By name.
    pub(in crate::cli) values: BTreeMap<String, String>,
    /// Those that are read from a vault: by host, then by name there.
    pub(in crate::cli) vaults: BTreeMap<String, BTreeMap<String, String>>,
    /// Where the run reads them.
    pub(in crate::cli) sources: Sources,
}

impl Stand {
    /// A value for each secret of the plan. One that has a vault among its
    /// sources is put into that vault, and read from there as ever.
    pub(in crate::cli) fn of(session: &Session, given: &WorldArguments) -> Result<Self, StepError> {
        let mut told = from_variables(session, &given.secret_env)?;
        if let Some(file) = &given.secrets_file {
            told.extend(from_file(file)?);
        }
        for name in told.keys() {
            if session.plan.secrets.get(name).is_none() {
                return Err(StepError::new(format!("the plan declares no secret `{name}`"))
                    .help(known(session)));
            }
        }
        let mut stand =
            Self { values: BTreeMap::new(), vaults: BTreeMap::new(), sources: Sources::default() };
        let endpoints = Cloud::Public.endpoints();
        for (name, declaration) in session.plan.secrets.iter() {
            let name = &name.value;
            let value = told.get(name).cloned().unwrap_or_else(|| {
                stand.sources.notes.push(format!(
                    "the secret `{name}` was a placeholder; `--secret-env {name}=VARIABLE` gives it a value"
                ));
                format!("placeholder-{name}")
            });
            let mut in_vault = false;
            for reference in vault_sources(declaration) {
                let secret = vault_secret(reference, &session.scope, &endpoints)?;
                let vault = stand.vaults.entry(secret.host).or_default();
                vault.insert(secret.name, value.clone());
                in_vault = true;
            }
            if !in_vault {
                stand.sources.given.insert(name.clone(), value.clone());
            }
            stand.values.insert(name.clone(), value);
        }
        Ok(stand)
    }
}

fn known(session: &Session) -> String {
    let names: Vec<String> = session.plan.secrets.keys().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return "it declares none".to_owned();
    }
    format!("its secrets are {}", names.join(", "))
}

/// `NAME[=VARIABLE]`, from the process's own environment.
fn from_variables(
    session: &Session,
    given: &[String],
) -> Result<BTreeMap<String, String>, StepError> {
    let mut values = BTreeMap::new();
    for text in given {
        let (name, variable) = text.split_once('=').unwrap_or((text, text));
        // The session's environment holds no credential in a dry run; this one
        // was asked for by name.
        let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| {
            StepError::new(format!("`--secret-env {text}`: the variable `{variable}` is not set"))
        })?;
        session.redactor.adopt(&format!("secrets.{name}"), value.clone());
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// Lines of `NAME=VALUE`; empty ones and those that begin with `#` say nothing.
fn from_file(file: &Path) -> Result<BTreeMap<String, String>, StepError> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        StepError::new(format!("read the secrets' file `{shown}`")).because(error.to_string())
    })?;
    let mut values = BTreeMap::new();
    for (place, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| {
            StepError::new(format!("line {} of `{shown}` is not `NAME=VALUE`", place + 1))
        })?;
        values.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(values)
}
