//! The environment that an app runs in.

use super::app::AppStep;
use crate::azure::container_apps::{App, AppId, NewEnvironment, environment_id};
use crate::plan::expr::Scope;
use crate::plan::schema::Text;
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

/// An environment as the plan names it.
struct NamedEnvironment {
    /// Its name, or its resource id.
    named: String,
    resource_group: String,
    id: String,
}

fn named_environment(
    step: &AppStep<'_>,
    app: &AppId,
    scope: &Scope,
) -> Result<NamedEnvironment, StepError> {
    let keys = &step.keys.environment;
    let named = name(&keys.name, "environment", scope)?;
    let resource_group = match &keys.resource_group {
        Some(text) => name(text, "resource group", scope)?,
        None => app.resource_group.clone(),
    };
    let id = if named.starts_with('/') {
        named.clone()
    } else {
        environment_id(&app.subscription, &resource_group, &named)
    };
    Ok(NamedEnvironment { named, resource_group, id })
}

/// Fails where an app is in another environment than the plan names: Azure does not move it.
/// Sends no request.
pub async fn check_same(step: &AppStep<'_>, live: &App) -> Result<(), StepError> {
    let keys = &step.keys.environment;
    let texts = [Some(&keys.name), keys.resource_group.as_ref()];
    let scope = &step.performer.plan.scope;
    let is_known = texts.into_iter().flatten().all(Text::is_known_early);
    let (Some(now), true) = (live.environment(), is_known) else { return Ok(()) };
    let id = step.id(scope).await?;
    let wanted = named_environment(step, &id, scope)?.id;
    if now.eq_ignore_ascii_case(&wanted) {
        return Ok(());
    }
    let error = StepError::new(format!(
        "cannot update app `{}`: Azure does not move it to another environment",
        id.name
    ));
    let error = error.because(format!("it is in {now}, and the plan names {wanted}"));
    let help = "name that environment, or delete the app, or give it another `name`";
    Err(error.help(help).at(&keys.name.span))
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
    let NamedEnvironment { named, resource_group, id } = named_environment(step, app, scope)?;
    if let Some(found) = step.client().find_environment(&id).await? {
        return Ok(FoundEnvironment { id, location: found.location().to_owned(), missing: None });
    }
    if named.starts_with('/') || !keys.create.resolve(scope)? {
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
