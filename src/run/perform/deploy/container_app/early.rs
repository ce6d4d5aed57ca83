//! What is known of an app before the first step: its name, its size, and what runs there.
//! What needs an output of a step is left to that step.

use super::app::AppStep;
use super::desired::cores;
use super::label;
use crate::azure::container_apps::{App, AppPart};
use crate::plan::schema::Text;
use crate::run::outcome::StepError;
use crate::run::perform::names::name;
use crate::run::perform::retry::Retries;
use crate::value::AppName;

/// Checks what Azure would refuse, without a request. Returns which app it is, in words, if
/// that is known.
pub fn check_texts(step: &AppStep<'_>) -> Result<Option<String>, StepError> {
    let keys = step.keys;
    let scope = &step.performer.plan.scope;
    let early = |text: &Text, what: &str| {
        text.is_known_early().then(|| name(text, what, scope)).transpose()
    };
    let settings = step.settings(scope);
    let own_group = keys.resource_group.as_ref();
    let is_known = own_group.is_none_or(Text::is_known_early);
    let resource_group = is_known.then(|| settings.resource_group(own_group)).transpose()?;
    early(&keys.environment.name, "environment")?;
    let app = match &keys.name {
        Some(text) => early(text, "app's name")?,
        None => Some(step.default_name()),
    };
    if let Some(app) = &app {
        app.parse::<AppName>().map_err(|error| {
            let error = StepError::new(error.to_string());
            keys.name.iter().fold(error, |error, text| error.at(&text.span))
        })?;
    }
    if keys.cpu.text.is_known_early() {
        cores(step, scope)?;
    }
    let part = step.label(scope)?.map(|label| format!("label `{label}` of "));
    let part = part.unwrap_or_default();
    Ok(app.zip(resource_group).map(|(name, of)| format!("{part}app `{name}` of `{of}`")))
}

/// Reads what is deployed now. `None` where it does not exist, or its name is not known yet.
pub async fn read(step: &AppStep<'_>, retries: &Retries) -> Result<Option<App>, StepError> {
    if !step.keys.name.as_ref().is_none_or(Text::is_known_early) {
        return Ok(None);
    }
    let target = step.target(&step.performer.plan.scope).await?;
    match &target.part {
        AppPart::Label(label) => {
            let id = &target.app;
            let app = retries.run(|| label::app_of_preview(step, id)).await?;
            retries.run(|| step.client().with_label(id, &app, label)).await
        }
        AppPart::Whole | AppPart::Revision(_) => {
            retries.run(|| step.client().find_part(&target)).await
        }
    }
}
