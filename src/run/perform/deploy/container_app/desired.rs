//! The app that the plan describes, its expressions evaluated.

use super::app::{AppStep, RUNS_ON};
use super::environment::environment;
use crate::azure::Identities;
use crate::azure::container_apps::{
    AppId, AppIngress, AppProbe, AppProbeRequest, AppScale, DesiredApp, VaultVariable,
};
use crate::plan::are_app_cores;
use crate::plan::expr::Scope;
use crate::plan::literal::{Period, Times};
use crate::plan::schema::{self, AppProbeKind, MAX_APP_CPU, Text};
use crate::run::outcome::StepError;
use crate::run::perform::deploy::image::{deployed_image, image_of};
use crate::run::perform::deploy::own_tags::{resource_tags, with_own_tags};
use crate::run::perform::deploy::pull::{identity_id, pull_logins};
use crate::run::perform::deploy::values::variable_value;
use crate::run::perform::deployed::tags::{EXPIRES, SERVICE};
use crate::run::perform::names::{plain, plain_list};
use crate::run::perform::performer::Job;
use crate::value::{IngressPort, short_app_name};
use jiff::Timestamp;
use std::time::Duration;

/// How long a version beside the one that runs may stay if its run is killed: `sweep`
/// removes it then.
const MAX_TRIAL_AGE: Duration = Duration::from_hours(1);
/// What the name of a version ends with that stands beside the one that runs.
const TRIAL_SUFFIX: &str = "-next";
/// How many characters of a run's id tell its revisions from others.
const SUFFIX_CHARS: usize = 10;
/// The most that Azure takes as an initial delay, and as a threshold, of a probe.
const MAX_INITIAL_DELAY_SECS: u64 = 60;
const MAX_THRESHOLD: u32 = 10;

pub async fn desired(step: &AppStep<'_>, job: &Job) -> Result<DesiredApp, StepError> {
    let AppStep { performer, deploy, keys, .. } = step;
    let scope = &job.scope;
    let settings = step.settings(scope);
    let id = step.id(scope).await?;
    let mut image = image_of(deploy.image.as_ref(), RUNS_ON, job)?;
    let mut named = None;
    // What this run pushed is known to be a single image and needs no request.
    if deploy.image.is_some() {
        named = Some(image.clone());
        image = deployed_image(settings, &image, job).await?;
    }
    let own_tags = resource_tags(performer, job, &image, named.as_deref());
    let environment = environment(step, &id, job).await?;
    let target_port = target_port(step, scope)?;
    let mut desired = DesiredApp {
        environment: environment.id,
        location: environment.location,
        registries: pull_logins(settings, std::iter::once(&image)).await?,
        image,
        cpu: cores(step, scope)?,
        command: words(keys.command.as_deref(), "command", scope)?,
        arguments: words(keys.args.as_deref(), "argument", scope)?,
        env: variables(step, scope)?,
        vault: vault(step, scope).await?,
        ingress: ingress(step, target_port, scope)?,
        probes: probes(step, target_port, scope)?,
        scale: scale(step, scope)?,
        identities: identities(step, scope).await?,
        tags: with_own_tags(own_tags.to_map(), &keys.tags, scope)?,
        revision_suffix: suffix('r', &performer.facts.id),
        existing_revision: None,
        label: step.label(scope)?,
        id,
    };
    let readers = desired.vault.iter().filter_map(|variable| variable.identity.clone());
    let missing: Vec<String> =
        readers.filter(|id| !desired.identities.user_assigned.contains(id)).collect();
    desired.identities.user_assigned.extend(missing.into_iter().take(1));
    match desired.label {
        Some(_) => desired.keep_tags_of_label(),
        None => desired.add_fingerprint(),
    }
    Ok(desired)
}

/// The end of the name of a revision that this run makes: `kind` tells what for.
pub fn suffix(kind: char, run: &str) -> String {
    let lower = run.to_ascii_lowercase();
    let from = lower.len().saturating_sub(SUFFIX_CHARS);
    format!("{kind}{}", lower.get(from..).unwrap_or_default())
}

/// The app under another name, until it is verified and removed.
pub fn trial(desired: &DesiredApp) -> DesiredApp {
    let name = short_app_name(&desired.id.name, TRIAL_SUFFIX);
    let mut trial = DesiredApp { id: AppId { name, ..desired.id.clone() }, ..desired.clone() };
    let expires = Timestamp::now() + MAX_TRIAL_AGE;
    trial.tags.insert(EXPIRES.to_owned(), expires.to_string());
    if let Some(service) = trial.tags.get_mut(SERVICE) {
        *service = format!("{service} (next)");
    }
    trial.add_fingerprint();
    trial
}

/// The cores. Refuses what Azure does not have.
pub fn cores(step: &AppStep<'_>, scope: &Scope) -> Result<f64, StepError> {
    let cores = step.keys.cpu.resolve(scope)?;
    if are_app_cores(cores) {
        return Ok(cores);
    }
    let message = format!(
        "`cpu` is {cores}, and Container Apps have 0.25 to {MAX_APP_CPU} cores, in steps of 0.25"
    );
    Err(StepError::new(message).at(&step.keys.cpu.text.span))
}

fn words(texts: Option<&[Text]>, what: &str, scope: &Scope) -> Result<Vec<String>, StepError> {
    texts.map_or_else(|| Ok(Vec::new()), |texts| plain_list(texts, what, scope))
}

fn variables(
    step: &AppStep<'_>,
    scope: &Scope,
) -> Result<Vec<(String, crate::azure::EnvValue)>, StepError> {
    let mut all = Vec::new();
    for (key, variable) in step.keys.env.iter() {
        if let Some(value) = variable_value(variable, scope)? {
            all.push((key.value.clone(), value));
        }
    }
    Ok(all)
}

async fn vault(step: &AppStep<'_>, scope: &Scope) -> Result<Vec<VaultVariable>, StepError> {
    let identity = match &step.keys.secrets_identity {
        Some(text) => Some(identity_id(step.settings(scope), text).await?),
        None => None,
    };
    let all = step.keys.secrets.iter().map(|(name, url)| {
        Ok(VaultVariable {
            name: name.value.clone(),
            url: plain(url, "URL of a secret", scope)?,
            identity: identity.clone(),
        })
    });
    all.collect()
}

async fn identities(step: &AppStep<'_>, scope: &Scope) -> Result<Identities, StepError> {
    // The app's own identity reads the secrets of which the plan names no reader.
    let reads_itself =
        step.keys.secrets.iter().next().is_some() && step.keys.secrets_identity.is_none();
    let mut identities = Identities { system: reads_itself, ..Identities::default() };
    if let Some(keys) = &step.keys.identity {
        identities.system |= keys.system.resolve(scope)?;
        for text in &keys.user_assigned {
            identities.user_assigned.push(identity_id(step.settings(scope), text).await?);
        }
    }
    Ok(identities)
}

fn target_port(step: &AppStep<'_>, scope: &Scope) -> Result<Option<u16>, StepError> {
    let Some(ingress) = &step.keys.ingress else { return Ok(None) };
    let IngressPort(port) = ingress.target_port.resolve(scope)?;
    Ok(Some(port))
}

fn ingress(
    step: &AppStep<'_>,
    target_port: Option<u16>,
    scope: &Scope,
) -> Result<Option<AppIngress>, StepError> {
    let Some((keys, target_port)) = step.keys.ingress.as_ref().zip(target_port) else {
        return Ok(None);
    };
    Ok(Some(AppIngress {
        external: keys.external.resolve(scope)?,
        target_port,
        transport: keys.transport.resolve(scope)?.api_name(),
    }))
}

fn scale(step: &AppStep<'_>, scope: &Scope) -> Result<AppScale, StepError> {
    let Some(keys) = &step.keys.scale else {
        return Ok(AppScale { min: 0, max: 10, concurrent_requests: None });
    };
    let Times(max) = keys.max.resolve(scope)?;
    let count = keys.concurrent_requests.as_ref();
    let count = count.map(|field| field.resolve(scope)).transpose()?;
    let concurrent_requests = count.map(|Times(count)| count);
    Ok(AppScale { min: keys.min.resolve(scope)?, max, concurrent_requests })
}

fn probes(
    step: &AppStep<'_>,
    target_port: Option<u16>,
    scope: &Scope,
) -> Result<Vec<AppProbe>, StepError> {
    let keys = &step.keys.probes;
    let all =
        [("Liveness", &keys.liveness), ("Readiness", &keys.readiness), ("Startup", &keys.startup)];
    let given = all.into_iter().filter_map(|(kind, keys)| Some((kind, keys.as_ref()?)));
    given.map(|(kind, keys)| probe(kind, keys, target_port, scope)).collect()
}

fn probe(
    kind: &'static str,
    keys: &schema::AppProbe,
    target_port: Option<u16>,
    scope: &Scope,
) -> Result<AppProbe, StepError> {
    let own = keys.port.as_ref().map(|field| field.resolve(scope)).transpose()?;
    let request = match &keys.kind {
        AppProbeKind::Tcp(port) => {
            let IngressPort(port) = port.resolve(scope)?;
            AppProbeRequest::Tcp { port }
        }
        AppProbeKind::Http(path) => {
            let port = own.map(|IngressPort(port)| port).or(target_port).ok_or_else(|| {
                StepError::new("a probe by `http` has no port to ask")
                    .help("give the app `ingress`, or the probe a `port`")
                    .at(&path.span)
            })?;
            AppProbeRequest::Http { path: plain(path, "path of a probe", scope)?, port }
        }
    };
    let Period(period) = keys.period.resolve(scope)?;
    let Period(timeout) = keys.timeout.resolve(scope)?;
    let Times(failure_threshold) = keys.failure_threshold.resolve(scope)?;
    let Times(success_threshold) = keys.success_threshold.resolve(scope)?;
    let probe = AppProbe {
        kind,
        request,
        initial_delay_secs: whole_seconds(keys.initial_delay.resolve(scope)?),
        period_secs: whole_seconds(period),
        timeout_secs: whole_seconds(timeout),
        failure_threshold,
        success_threshold,
    };
    check(&probe).map_err(StepError::new)?;
    Ok(probe)
}

/// Refuses what Azure refuses of a probe (Microsoft.App, `ContainerAppProbe`).
fn check(probe: &AppProbe) -> Result<(), String> {
    let kind = probe.kind.to_lowercase();
    if probe.initial_delay_secs > MAX_INITIAL_DELAY_SECS {
        return Err(format!(
            "the {kind} probe begins after {} seconds, and Azure takes {MAX_INITIAL_DELAY_SECS} at most",
            probe.initial_delay_secs
        ));
    }
    let most = probe.failure_threshold.max(probe.success_threshold);
    if most > MAX_THRESHOLD {
        return Err(format!(
            "the {kind} probe has a threshold of {most}, and Azure takes {MAX_THRESHOLD} at most"
        ));
    }
    if probe.kind != "Readiness" && probe.success_threshold > 1 {
        return Err(format!("the {kind} probe has to pass once, and no more often"));
    }
    Ok(())
}

/// Rounded up: Azure knows whole seconds.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::suffix;

    #[test]
    fn revisions_end_with_the_run() {
        assert_eq!(suffix('r', "01KDT4EYG0000000000000000A"), "r000000000a");
        assert_eq!(suffix('b', "x"), "bx");
    }
}
