//! An app of which the id alone is known: its state, and its tags, changed without a deploy.

use crate::azure::container_apps::{App, AppPart, AppTarget};
use crate::journal::{Deployed, TargetId};
use crate::run::outcome::StepError;
use crate::run::perform::deploy::evidence::ResourceEvidence;
use crate::run::perform::performer::Performer;
use std::collections::BTreeMap;

/// Whether the id is that of an app, or of a part of one.
pub fn is_app(target: &TargetId) -> bool {
    AppTarget::parse(target.as_str()).is_some()
}

/// The app as people call it.
pub fn name_of(target: &TargetId) -> String {
    match AppTarget::parse(target.as_str()) {
        Some(AppTarget { app, part: AppPart::Whole }) => format!("app `{}`", app.name),
        Some(AppTarget { app, part: AppPart::Revision(name) }) => {
            format!("revision `{name}` of app `{}`", app.name)
        }
        Some(AppTarget { app, part: AppPart::Label(label) }) => label_name(&app.name, &label),
        None => "app ``".to_owned(),
    }
}

/// A labelled revision as people call it.
pub fn label_name(app: &str, label: &str) -> String {
    format!("label `{label}` of app `{app}`")
}

/// Changes the tags of an app that exists. `change` returns whether there is something to
/// change.
pub async fn change_tags(
    performer: &Performer,
    target: &TargetId,
    change: impl FnOnce(&App, &mut BTreeMap<String, String>) -> bool,
) -> Result<(), StepError> {
    let Some(part) = AppTarget::parse(target.as_str()) else { return Ok(()) };
    let Some(app) = find(performer, target).await? else { return Ok(()) };
    let before = app.tags();
    let mut after = before.clone();
    if !change(&app, &mut after) {
        return Ok(());
    }
    let client = &performer.services.clients.azure.container_apps;
    Ok(client.set_tags_of(&part, &before, &after).await?)
}

/// The app as it is now, if it exists.
pub async fn find(performer: &Performer, target: &TargetId) -> Result<Option<App>, StepError> {
    let Some(part) = AppTarget::parse(target.as_str()) else { return Ok(None) };
    Ok(performer.services.clients.azure.container_apps.find_part(&part).await?)
}

/// Fails if a container of the app does not stay up.
pub async fn broken(performer: &Performer, app: &App) -> Result<(), StepError> {
    let Some(part) = AppTarget::parse(app.id()) else { return Ok(()) };
    let client = &performer.services.clients.azure.container_apps;
    match client.broken(&part.app, app).await? {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// The app's state, and the last lines of its log.
pub async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence> {
    let part = AppTarget::parse(deployed.target.as_str())?;
    let client = &performer.services.clients.azure.container_apps;
    let app = client.find_part(&part).await.ok()??;
    let found = client.inspect(&part.app, &app).await;
    Some(ResourceEvidence {
        lines: found.lines(),
        help: found.not_running.as_ref().map(|_| found.remedy()),
        cause: found.not_running,
        images: found.images,
    })
}
