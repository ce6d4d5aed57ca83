//! Puts an app back as it was.

use super::app::{AppStep, publish};
use super::deployed::part_of;
use super::desired::suffix;
use super::live::label_name;
use crate::azure::container_apps::{App, AppEvent, AppPart, AppTarget, DesiredApp, PreviousApp};
use crate::journal::{Previous, TargetId};
use crate::run::outcome::StepError;
use crate::run::perform::deploy::pull::pull_login;
use crate::run::perform::deploy::values::variable_value;
use crate::run::perform::deploy::versions;
use crate::run::perform::deployed::tags::COMMIT;
use crate::run::perform::performer::Job;
use crate::secret::Secret;
use std::collections::BTreeMap;

pub fn previous(step: &AppStep<'_>, live: &App) -> Previous {
    let redactor = &step.performer.services.redactor;
    let app = live.clone().with(versions::without_lease(&live.document));
    let found = PreviousApp::of(&app, |text| redactor.redact(text) != text);
    let revision = versions::revision(found.tag(COMMIT), found.image());
    // An app was read as JSON and so can be written as JSON.
    let state = serde_json::to_value(&found).unwrap_or_default();
    Previous { revision, state }
}

/// What keeps a rollback from being complete, by what the deploy itself sends.
pub fn obstacles(step: &AppStep<'_>, desired: &DesiredApp, live: &App) -> Vec<String> {
    let known = desired.known_secrets();
    let found = parsed(&previous(step, live));
    let missing = found.map(|found| found.missing(&known)).unwrap_or_default();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "could not put the version before back, because the plan does not have its secrets {}",
        listed(&missing)
    )]
}

/// Puts an app back, and waits until it is ready: by the revision that ran the version, or
/// by a new one where that cannot run any more.
pub async fn restore(
    step: &AppStep<'_>,
    target: &TargetId,
    previous: &Previous,
    live: Option<App>,
    job: &Job,
) -> Result<App, StepError> {
    let AppTarget { app: id, part } = part_of(target)?;
    let found = parsed(previous)
        .ok_or_else(|| StepError::new("the journal does not have the app as it was"))?;
    let events = |event: AppEvent| publish(event, job);
    let now = live.as_ref().and_then(|live| parsed(&self::previous(step, live)));
    let is_back = now.is_some_and(|now| now.is_same_version(&found));
    if let AppPart::Label(label) = &part {
        let returned = step.client().return_label(&id, label, &found, &events).await?;
        return returned.ok_or_else(|| {
            StepError::new(format!("cannot put {} back", label_name(&id.name, label)))
                .because("the revision that ran before is gone")
                .help("`shipway run` deploys another one")
        });
    }
    // An earlier attempt has put it back: another one would make one more revision.
    if !is_back {
        if let Some(live) = &live
            && let Some(app) = step.client().return_requests(&id, &found, live, &events).await?
        {
            return Ok(app);
        }
        let known = known_secrets(step, &found, job).await?;
        let missing = found.missing(&known);
        if !missing.is_empty() {
            return Err(StepError::new(format!("cannot put app `{}` back", id.name))
                .because(
                    "Azure does not return its secrets, and the plan does not have all of them",
                )
                .details([format!("missing: {}", listed(&missing))])
                .help(
                    "deploy a version that works; keep a secret in the plan until no version \
                     uses it",
                ));
        }
        let body = found.body(&known, &suffix('b', &step.performer.facts.id));
        step.client().restore(&id, body, live.as_ref(), &events).await?;
    }
    Ok(step.client().watch(&id, &events).await?)
}

/// The secrets of the app by the names that it gives them, as far as the plan has them.
async fn known_secrets(
    step: &AppStep<'_>,
    found: &PreviousApp,
    job: &Job,
) -> Result<BTreeMap<String, Secret>, StepError> {
    let scope = &job.scope;
    let mut known = BTreeMap::new();
    for (name, variable) in step.keys.env.iter() {
        if let Ok(Some(value)) = variable_value(variable, scope)
            && let Some(secret) = value.secret()
        {
            known.insert(DesiredApp::secret_name(&name.value), secret.clone());
        }
    }
    for server in found.servers() {
        if let Some(login) = pull_login(step.settings(scope), &server).await?
            && let Some(password) = login.password()
        {
            known.insert(DesiredApp::registry_secret(&server), password.clone());
        }
    }
    Ok(known)
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn parsed(previous: &Previous) -> Option<PreviousApp> {
    serde_json::from_value(previous.state.clone()).ok()
}
