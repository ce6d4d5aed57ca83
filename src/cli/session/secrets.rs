//! The secrets of the chosen steps: which they are, and their values, read in
//! parallel and once, before anything is changed.

use crate::cli::session::Session;
use crate::cli::session::layout::{Chosen, secrets_of};
use crate::cli::session::reach::Connections;

use crate::azure::{Endpoints, KeyVault, SecretError, SecretReader, SecretRequest};
use crate::plan::expr::Scope;
use crate::plan::schema::{Action, KeyVaultReference, SecretDeclaration, SecretSource, Text};
use crate::run::outcome::StepError;
use crate::secret::{Secret, Source, VaultSecret};
use std::collections::BTreeMap;

/// Where secrets that are variables come from.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Sources {
    /// The variables: the process's own, in a dry run those it was given.
    pub(in crate::cli) environment: BTreeMap<String, String>,
    /// Values that stand for secrets by name, before any source is asked.
    pub(in crate::cli) given: BTreeMap<String, String>,
    /// What the end of the run is to say of them.
    pub(in crate::cli) notes: Vec<String>,
}

/// The names of the secrets that the chosen steps use, with the settings that
/// these need. In no order, some more than once.
pub(in crate::cli) fn needed(session: &Session, chosen: &Chosen) -> Vec<String> {
    let plan = &session.plan;
    let mut names = Vec::new();
    let (mut outward, mut runs) = (false, false);
    for (_, step) in chosen.steps(session) {
        names.extend(secrets_of(step.templates()));
        outward |= matches!(step.action, Action::Push(_) | Action::Deploy(_) | Action::Build(_));
        runs |= matches!(step.action, Action::Run(_));
    }
    if outward {
        for (_, registry) in plan.registries.iter() {
            names.extend(secrets_of(registry.templates()));
        }
        names.extend(plan.azure.iter().flat_map(|azure| secrets_of(azure.templates())));
    }
    if runs {
        let texts = plan.env.iter().map(|(_, text)| crate::plan::schema::Template::Text(text));
        names.extend(secrets_of(texts));
    }
    if names.iter().any(|name| name == "*") {
        return plan.secrets.keys().map(str::to_owned).collect();
    }
    let known = |name: &String| plan.secrets.keys().find(|key| key.eq_ignore_ascii_case(name));
    names.iter().filter_map(|name| known(name).map(str::to_owned)).collect()
}

/// Reads them all at once, and says what is wrong with each that cannot be had.
pub(in crate::cli) async fn read(
    session: &Session,
    names: &[String],
    reach: &Connections,
    sources: &Sources,
) -> Result<Vec<(String, Secret)>, Vec<StepError>> {
    let (mut wanted, mut read, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        let found = match sources.given.get(name) {
            Some(value) => session
                .redactor
                .register(&format!("secrets.{name}"), value.clone())
                .map(|secret| read.push((name.clone(), secret)))
                .map_err(|error| StepError::from_error(&SecretError::from(error))),
            None => places(session, name, reach)
                .map(|sources| wanted.push(SecretRequest { name: name.clone(), sources })),
        };
        troubles.extend(found.err());
    }
    if !troubles.is_empty() {
        return Err(troubles);
    }
    let vaults =
        KeyVault::new(reach.http.clone(), reach.credential.clone(), reach.endpoints.clone());
    let reader = SecretReader {
        environment: &sources.environment,
        vaults: &vaults,
        redactor: &session.redactor,
    };
    let found = reader.read(&wanted).await;
    read.extend(
        found.map_err(|errors| errors.iter().map(StepError::from_error).collect::<Vec<_>>())?,
    );
    Ok(read)
}

/// Where a secret may be, the expressions in that evaluated.
fn places(session: &Session, name: &str, reach: &Connections) -> Result<Vec<Source>, StepError> {
    let declared = session.plan.secrets.get(name).ok_or_else(|| {
        StepError::new(format!("read the secret `{name}`")).because("the plan does not declare it")
    })?;
    let place = |source: &SecretSource| match source {
        SecretSource::Env(variable) => Ok(Source::Env(rendered(variable, &session.scope)?)),
        SecretSource::KeyVault(reference) => {
            vault_secret(reference, &session.scope, &reach.endpoints).map(Source::KeyVault)
        }
    };
    declared.sources.iter().map(|source| place(&source.value)).collect()
}

/// A reference to a vault, its expressions evaluated.
pub(in crate::cli) fn vault_secret(
    reference: &KeyVaultReference,
    scope: &Scope,
    endpoints: &Endpoints,
) -> Result<VaultSecret, StepError> {
    let text = |text: &Text| rendered(text, scope);
    let read = match reference {
        KeyVaultReference::Url(url) => VaultSecret::from_url(&text(url)?),
        KeyVaultReference::Named { vault, name, version } => {
            let version = version.as_ref().map(text).transpose()?;
            let (vault, name) = (text(vault)?, text(name)?);
            VaultSecret::named(&vault, &endpoints.vault_suffix, &name, version.as_deref())
        }
        KeyVaultReference::Referenced { vault_id, secret_url } => {
            VaultSecret::referenced(&text(vault_id)?, &text(secret_url)?)
        }
    };
    read.map_err(|error| StepError::new(error.to_string()))
}

fn rendered(text: &Text, scope: &Scope) -> Result<String, StepError> {
    Ok(text.render(scope)?.expose().to_owned())
}

/// Those of its sources that are vaults.
pub(in crate::cli) fn vault_sources(
    declaration: &SecretDeclaration,
) -> impl Iterator<Item = &KeyVaultReference> {
    declaration.sources.iter().filter_map(|source| match &source.value {
        SecretSource::KeyVault(reference) => Some(reference),
        SecretSource::Env(_) => None,
    })
}
