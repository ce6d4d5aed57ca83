//! The environment that an app runs in.

use super::app::AppStep;
use crate::azure::container_apps::{AppId, NewEnvironment, environment_id};
use crate::run::outcome::StepError;
use crate::run::perform::create::{NewGroup, resource_group};
use crate::run::perform::names::name;
use crate::run::perform::performer::Job;

/// An environment that exists, or that the deploy creates.
pub struct FoundEnvironment {
    /// Its resource id.
    pub id: String,
    pub location: String,
    /// What the deploy has to create.
    pub missing: Option<MissingEnvironment>,
}

/// The name and the resource group of an environment that does not exist.
pub struct MissingEnvironment {
    pub name: String,
    pub resource_group: String,
}

/// Reads the environment of an app. Fails where it does not exist, unless the plan says
/// `create: true`.
pub async fn environment(
    step: &AppStep<'_>,
    app: &AppId,
    job: &Job,
) -> Result<FoundEnvironment, StepError> {
    let scope = &job.scope;
    let keys = &step.keys.environment;
    let settings = step.settings(scope);
    let named = name(&keys.name, "environment", scope)?;
    let resource_group = match &keys.resource_group {
        Some(text) => name(text, "resource group", scope)?,
        None => app.resource_group.clone(),
    };
    let is_id = named.starts_with('/');
    let id = if is_id {
        named.clone()
    } else {
        environment_id(&app.subscription, &resource_group, &named)
    };
    if let Some(found) = step.client().find_environment(&id).await? {
        return Ok(FoundEnvironment { id, location: found.location().to_owned(), missing: None });
    }
    if is_id || !keys.create.resolve(scope)? {
        let error =
            StepError::new(format!("there is no environment `{named}` for apps")).help(format!(
                "create it with `environment: {{ name: …, create: true }}`, or by `az \
                 containerapp env create --name {named} --resource-group {resource_group}`"
            ));
        return Err(error.at(&keys.name.span));
    }
    let location = settings.location(None, &app.subscription, &app.resource_group).await?;
    let missing = Some(MissingEnvironment { name: named, resource_group });
    Ok(FoundEnvironment { id, location, missing })
}

/// Creates the environment of an app that is to be put, if the plan asks for it and it does
/// not exist.
pub async fn create(step: &AppStep<'_>, app: &AppId, job: &Job) -> Result<(), StepError> {
    let found = environment(step, app, job).await?;
    let Some(MissingEnvironment { name, resource_group: group }) = &found.missing else {
        return Ok(());
    };
    let place =
        NewGroup { subscription: &app.subscription, name: group, location: &found.location };
    resource_group(step.performer, place, job).await?;
    job.note(format!("creating the environment `{name}` in {}", found.location));
    let new = NewEnvironment {
        subscription: &app.subscription,
        resource_group: group,
        name,
        location: &found.location,
    };
    job.waits_for(format!("the environment `{name}`"));
    step.client().create_environment(&new, |_| {}).await?;
    Ok(())
}
