//! Finds and reads the secrets that the chosen steps need: in parallel, each
//! once, and before anything is changed.

use super::PlanSession;
use super::connections::Connections;
use super::layout::{Chosen, secrets_of};
use crate::azure::{
    Endpoints, FoundSecret, KeyVault, SecretError, SecretReader, SecretRequest, secret_in_file,
};
use crate::plan::PlanKeys as _;
use crate::plan::expr::Scope;
use crate::plan::schema::{
    Action, KeyVaultReference, NamedSecret, Plan, ReferencedSecret, SecretDeclaration,
    SecretSource, Step, Text,
};
use crate::run::outcome::StepError;
use crate::run::perform::Retries;
use crate::secret::{Secret, Source, VaultSecret};
use futures::future::join_all;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where the values of secrets come from, beside vaults.
#[derive(Clone, Debug, Default)]
pub struct SecretSources {
    /// The variables of this process; empty in a dry run.
    pub environment: BTreeMap<String, String>,
    /// Values by the names of secrets. They come before every other source.
    pub given: BTreeMap<String, String>,
    /// Notes on them for the end of the run.
    pub notes: Vec<String>,
}

impl SecretSources {
    /// The variables of this process.
    pub fn of_environment(session: &PlanSession) -> Self {
        Self { environment: session.host.env.clone(), ..Self::default() }
    }
}

/// The names of the secrets that the chosen steps and the settings they depend on
/// use. In no order, and possibly more than once.
pub fn needed(session: &PlanSession, chosen: &Chosen) -> Vec<String> {
    if session.withholds {
        return Vec::new();
    }
    let restarts = session.options.restarted().is_some();
    // What runs is started again as it is: only the checks are the plan's.
    let is_used = |step: &&Step| !restarts || matches!(step.action, Action::Verify(_));
    used_by(&session.plan, chosen.steps(session).map(|(_, step)| step).filter(is_used))
}

/// The names of the secrets that any step uses.
pub fn used_anywhere(plan: &Plan) -> BTreeSet<String> {
    let steps = plan.services.iter().flat_map(|(_, service)| &service.steps);
    used_by(plan, steps).into_iter().collect()
}

/// The names of the secrets that the steps and the settings they depend on use.
fn used_by<'p>(plan: &Plan, steps: impl Iterator<Item = &'p Step>) -> Vec<String> {
    let mut names = Vec::new();
    let (mut outward, mut runs) = (false, false);
    for step in steps {
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

/// What secrets are read with.
#[derive(Clone, Copy)]
pub struct SecretAccess<'a> {
    pub connections: &'a Connections,
    pub sources: &'a SecretSources,
    pub retries: &'a Retries,
}

/// The secrets that a command has read.
#[derive(Debug, Default)]
pub struct SecretsRead {
    pub secrets: Vec<(String, Secret)>,
    /// What is to be said of those that expire soon.
    pub warnings: Vec<String>,
}

/// How long before its end the end of a secret is warned of.
const MIN_TIME_LEFT: Duration = Duration::from_hours(14 * 24);

/// The warning of a secret that expires soon.
fn expires_soon(wanted: &SecretRequest, expires: Timestamp, now: Timestamp) -> Option<String> {
    let left = Duration::try_from(expires.duration_since(now)).ok()?;
    if left > MIN_TIME_LEFT {
        return None;
    }
    let days = left.as_secs() / 86_400;
    let days = match days {
        0 => "in less than a day".to_owned(),
        1 => "in a day".to_owned(),
        days => format!("in {days} days"),
    };
    let name = &wanted.name;
    Some(format!(
        "the secret `{name}` expires {days}, at {expires}: store a new version with `shipway \
         secrets set {name}`"
    ))
}

/// Reads the secrets in parallel, each again where its vault fails for a moment.
/// Returns one error for each that cannot be read. None is read for the code of a fork.
pub async fn read(
    session: &PlanSession,
    names: &[String],
    access: SecretAccess<'_>,
) -> Result<SecretsRead, Vec<StepError>> {
    let SecretAccess { connections, sources, retries } = access;
    let (mut wanted, mut read, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for name in names.iter().filter(|_| !session.withholds) {
        let found = match sources.given.get(name) {
            Some(value) => session
                .redactor
                .register(&format!("secrets.{name}"), value.clone())
                .map(|secret| read.push((name.clone(), secret)))
                .map_err(|error| StepError::from_error(&SecretError::from(error))),
            None => request(session, name, connections).map(|request| wanted.push(request)),
        };
        errors.extend(found.err());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let vaults = KeyVault::new(
        connections.http.clone(),
        connections.credential.clone(),
        connections.endpoints.clone(),
    );
    let reader = SecretReader {
        environment: &sources.environment,
        vaults: &vaults,
        redactor: &session.redactor,
    };
    let each = wanted.iter().map(|wanted| retries.run(|| reader.read(wanted)));
    let mut warnings = Vec::new();
    for (wanted, found) in wanted.iter().zip(join_all(each).await) {
        match found {
            Ok(FoundSecret { secret, expires }) => {
                read.push((wanted.name.clone(), secret));
                let expires = expires.and_then(|at| expires_soon(wanted, at, Timestamp::now()));
                warnings.extend(expires);
            }
            Err(error) => errors.push(in_local_cloud(session, wanted, error)),
        }
    }
    if errors.is_empty() { Ok(SecretsRead { secrets: read, warnings }) } else { Err(errors) }
}

/// The error of a secret of a run in a local cloud, which keeps the secrets of vaults alone.
fn in_local_cloud(session: &PlanSession, wanted: &SecretRequest, error: StepError) -> StepError {
    match wanted.sources.as_slice() {
        [Source::Env(variable)]
            if session.options.cloud.is_some() && session.host.var(variable).is_none() =>
        {
            error.help(format!(
                "a local cloud has placeholders for the secrets of vaults alone: set this one with \
                 `export {variable}=placeholder`"
            ))
        }
        _ => error,
    }
}

/// What the plan says of a secret, its expressions evaluated.
pub fn request(
    session: &PlanSession,
    name: &str,
    connections: &Connections,
) -> Result<SecretRequest, StepError> {
    let declared = session.plan.secrets.get(name).ok_or_else(|| {
        StepError::new(format!("cannot read the secret `{name}`"))
            .because("the plan does not declare it")
    })?;
    let evaluated = |source: &SecretSource| match source {
        SecretSource::Env(variable) => Ok(Source::Env(rendered(variable, &session.scope)?)),
        SecretSource::KeyVault(reference) => {
            vault_secret(reference, &session.scope, &connections.endpoints).map(Source::KeyVault)
        }
        SecretSource::File(path) => {
            let folder = session.file.folder_of(&path.span);
            Ok(Source::File(folder.join(rendered(path, &session.scope)?)))
        }
    };
    let sources = declared.sources.iter().map(|source| evaluated(&source.value));
    Ok(SecretRequest {
        name: name.to_owned(),
        sources: sources.collect::<Result<_, _>>()?,
        is_optional: declared.is_optional,
    })
}

/// The secret of a vault that a reference names, its expressions evaluated.
pub fn vault_secret(
    reference: &KeyVaultReference,
    scope: &Scope,
    endpoints: &Endpoints,
) -> Result<VaultSecret, StepError> {
    let text = |text: &Text| rendered(text, scope);
    let read = match reference {
        KeyVaultReference::Url(url) => VaultSecret::from_url(&text(url)?),
        KeyVaultReference::Named(NamedSecret { vault, name, version }) => {
            let version = version.as_ref().map(text).transpose()?;
            let (vault, name) = (text(vault)?, text(name)?);
            VaultSecret::named(&vault, &endpoints.vault_suffix, &name, version.as_deref())
        }
        KeyVaultReference::Referenced(ReferencedSecret { vault_id, secret_url }) => {
            VaultSecret::referenced(&text(vault_id)?, &text(secret_url)?)
        }
    };
    read.map_err(|error| StepError::new(error.to_string()))
}

/// Masks the values of the plan's secrets that are in variables and files of this machine, from
/// whichever source a run would read each. What cannot be read is not shown by this machine
/// either. Vaults are not asked.
pub fn mask_at_hand(session: &PlanSession) {
    for (name, declared) in session.plan.all_secrets() {
        for source in &declared.sources {
            let value = match &source.value {
                SecretSource::Env(variable) => rendered(variable, &session.scope)
                    .ok()
                    .and_then(|variable| session.host.env.get(&variable).cloned()),
                SecretSource::File(path) => {
                    let folder = session.file.folder_of(&path.span);
                    rendered(path, &session.scope)
                        .ok()
                        .and_then(|path| secret_in_file(&folder.join(path)).ok().flatten())
                }
                SecretSource::KeyVault(_) => None,
            };
            if let Some(value) = value {
                session.redactor.adopt(&format!("secrets.{}", name.value), value);
            }
        }
    }
}

fn rendered(text: &Text, scope: &Scope) -> Result<String, StepError> {
    Ok(text.render(scope)?.expose().to_owned())
}

/// The sources of a secret that are vaults.
pub fn vault_sources(declaration: &SecretDeclaration) -> impl Iterator<Item = &KeyVaultReference> {
    declaration.sources.iter().filter_map(|source| match &source.value {
        SecretSource::KeyVault(reference) => Some(reference),
        SecretSource::Env(_) | SecretSource::File(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{SecretRequest, expires_soon};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn end_of_a_secret_is_warned_of_for_fourteen_days() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let wanted = SecretRequest { name: "acr".into(), sources: Vec::new(), is_optional: false };
        let warning =
            |hours: i64| expires_soon(&wanted, now + SignedDuration::from_hours(hours), now);

        assert_eq!(warning(24 * 14 + 1), None);
        assert_eq!(
            warning(24 * 5).as_deref(),
            Some(
                "the secret `acr` expires in 5 days, at 2026-11-26T10:00:00Z: store a new version \
                 with `shipway secrets set acr`"
            )
        );
        assert!(warning(30).is_some_and(|text| text.contains("expires in a day, at ")));
        assert!(warning(3).is_some_and(|text| text.contains("expires in less than a day, at ")));
    }
}
