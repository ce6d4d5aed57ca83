//! The values of secrets in a dry run: those that the command line gives, and
//! placeholders for the others. No real secret is read.

use crate::azure::Cloud;
use crate::cli::session::PlanSession;
use crate::cli::session::secrets::{SecretSources, vault_secret, vault_sources};
use crate::journal::LocalCloudOptions;
use crate::run::outcome::StepError;
use std::collections::BTreeMap;
use std::path::Path;

pub struct SecretValues {
    /// By the name of the secret in the plan.
    pub values: BTreeMap<String, String>,
    /// The content of the local vaults: by host, then by the name in the vault.
    pub vaults: BTreeMap<String, BTreeMap<String, String>>,
    /// Where the run reads the values from.
    pub sources: SecretSources,
}

impl SecretValues {
    /// Finds a value for each secret of the plan. If a secret has a vault among its
    /// sources, its value is put into that vault, so that the run reads it there.
    pub fn of(session: &PlanSession, options: &LocalCloudOptions) -> Result<Self, StepError> {
        let mut given = from_variables(session, &options.secret_env)?;
        if let Some(file) = &options.secrets_file {
            given.extend(from_file(file)?);
        }
        for name in given.keys() {
            if session.plan.secrets.get(name).is_none() {
                return Err(StepError::of_usage(format!("the plan declares no secret `{name}`"))
                    .help(known(session)));
            }
        }
        let mut found = Self {
            values: BTreeMap::new(),
            vaults: BTreeMap::new(),
            sources: SecretSources::default(),
        };
        if session.withholds {
            return Ok(found);
        }
        let endpoints = Cloud::Public.endpoints();
        for (name, declaration) in session.plan.secrets.iter() {
            let name = &name.value;
            let value = given.get(name).cloned().unwrap_or_else(|| {
                found.sources.notes.push(format!(
                    "the secret `{name}` was a placeholder; `--secret-env {name}=VARIABLE` gives it a value"
                ));
                format!("placeholder-{name}")
            });
            let mut in_vault = false;
            for reference in vault_sources(declaration) {
                let secret = vault_secret(reference, &session.scope, &endpoints)?;
                let vault = found.vaults.entry(secret.host).or_default();
                vault.insert(secret.name, value.clone());
                in_vault = true;
            }
            if !in_vault {
                found.sources.given.insert(name.clone(), value.clone());
            }
            found.values.insert(name.clone(), value);
        }
        Ok(found)
    }
}

fn known(session: &PlanSession) -> String {
    let names: Vec<String> = session.plan.secrets.keys().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return "it declares none".to_owned();
    }
    format!("its secrets are {}", names.join(", "))
}

/// Reads `--secret-env NAME[=VARIABLE]`.
fn from_variables(
    session: &PlanSession,
    given: &[String],
) -> Result<BTreeMap<String, String>, StepError> {
    let mut values = BTreeMap::new();
    for text in given {
        let (name, variable) = text.split_once('=').unwrap_or((text, text));
        // Not from the session, whose environment has no credentials in a dry run:
        // this variable was named on the command line.
        let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| {
            let what = format!("`--secret-env {text}`: the variable `{variable}` is not set");
            let help = "set it, or name another one: `--secret-env NAME=VARIABLE`";
            StepError::of_usage(what).help(help)
        })?;
        session.redactor.adopt(&format!("secrets.{name}"), value.clone());
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// Reads lines of `NAME=VALUE`. Empty lines and those that begin with `#` are
/// ignored.
fn from_file(file: &Path) -> Result<BTreeMap<String, String>, StepError> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        StepError::of_usage(format!("cannot read the secrets' file `{shown}`"))
            .because(error.to_string())
    })?;
    let mut values = BTreeMap::new();
    for (place, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| {
            StepError::of_usage(format!("line {} of `{shown}` is not `NAME=VALUE`", place + 1))
        })?;
        values.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(values)
}
