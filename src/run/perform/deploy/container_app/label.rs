//! A preview as a revision of the app, with a label: it is deployed beside what gets the
//! app's requests, which is not touched.

use super::app::{AppStep, publish};
use super::live::label_name;
use crate::azure::container_apps::{App, AppEvent, AppId, AppPart, AppTarget, DesiredApp};
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::owner::Claim;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::performer::Job;
use crate::value::Applied;
use std::time::Duration;

/// Between two looks at an app that another run holds.
const POLL: Duration = Duration::from_secs(2);

/// The app whose revision the preview is. Fails where it does not exist, or belongs to
/// another plan, service or repository.
pub async fn app_of_preview(step: &AppStep<'_>, id: &AppId) -> Result<App, StepError> {
    let Some(app) = step.client().read(id).await? else {
        let name = &id.name;
        let error = StepError::new(format!(
            "there is no app `{name}`, of which the preview would be a revision"
        ));
        return Err(error.help(
            "deploy it outside of a pull request first, or let the preview be an app of its own \
             with `preview: app`",
        ));
    };
    if let Some(tags) = ResourceTags::read(&app.tags()) {
        // The preview has the environment of its pull request, and the app its own.
        let tags = ResourceTags { environment: None, pull_request: None, ..tags };
        let target: TargetId = id.to_string().into();
        let name = format!("app `{}`", id.name);
        Claim { performer: step.performer, service: step.service, target: &target, name: &name }
            .check(&tags)?;
    }
    Ok(app)
}

/// Deploys the preview. It waits for a run that is deploying the app itself.
pub async fn apply(
    step: &AppStep<'_>,
    desired: &DesiredApp,
    label: &str,
    job: &Job,
) -> Result<Applied, StepError> {
    let app = app_of_preview(step, &desired.id).await?;
    if app.serving().is_empty() {
        let name = &desired.id.name;
        return Err(StepError::new(format!(
            "app `{name}` has no revision that runs, beside which the preview would be"
        ))
        .help("deploy a version that works outside of a pull request first"));
    }
    let lease = ResourceTags::read(&app.tags()).and_then(|tags| tags.lease);
    if lease.is_some_and(|lease| lease.holds_against(Some(&step.performer.facts.id))) {
        return Ok(Applied::Busy { wait: POLL });
    }
    let events = |event: AppEvent| publish(event, job);
    Ok(step.client().apply_label(desired, &app, label, &events).await?)
}

/// Waits until the preview is ready.
pub async fn watch(
    step: &AppStep<'_>,
    desired: &DesiredApp,
    label: &str,
    job: &Job,
) -> Result<App, StepError> {
    let events = |event: AppEvent| publish(event, job);
    let client = step.client();
    client.watch_revision(&desired.id, &desired.revision_name(), &events).await?;
    let part = AppTarget { app: desired.id.clone(), part: AppPart::Label(label.to_owned()) };
    let gone = || StepError::new(format!("{} is gone", label_name(&desired.id.name, label)));
    client.find_part(&part).await?.ok_or_else(gone)
}
