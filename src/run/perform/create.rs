//! Creates the registries that the plan says are to be created where they are
//! not there yet.

use super::deploy::Target;
use super::names::{name, plain};
use super::performer::{Job, Performer};
use crate::azure::registries::NewRegistry;
use crate::oci::Reference;
use crate::plan::schema::Create;
use crate::run::outcome::StepError;
use std::collections::BTreeSet;

/// Looks for each registry that is pushed to and has a `create`, and makes
/// those that are not there.
pub(super) async fn registries(
    performer: &Performer,
    targets: &[Reference],
    job: &Job,
) -> Result<(), StepError> {
    let hosts: BTreeSet<&str> = targets.iter().map(|target| target.host.as_str()).collect();
    for host in hosts {
        let settings = performer.plan.registries.get(host);
        if let Some(create) = settings.and_then(|registry| registry.create.as_ref()) {
            registry(performer, host, create, job).await?;
        }
    }
    Ok(())
}

async fn registry(
    performer: &Performer,
    host: &str,
    create: &Create,
    job: &Job,
) -> Result<(), StepError> {
    let target = Target { performer, service: job.service, scope: &job.scope };
    let subscription = target.subscription().await?;
    let registries = &performer.clients.azure_registries;
    let found = registries.find(&subscription, host).await;
    if found.map_err(|error| StepError::from_error(&error))?.is_some() {
        return Ok(());
    }
    let resource_group = target.resource_group(None)?;
    let azure = performer.plan.azure.as_ref();
    let location = if let Some(text) = azure.and_then(|azure| azure.location.as_ref()) {
        name(text, "location", &job.scope)?
    } else {
        let groups = &performer.clients.resource_groups;
        let group = groups.get(&subscription, &resource_group).await;
        group.map_err(|error| StepError::from_error(&error))?.location
    };
    let new = NewRegistry {
        name: host.split('.').next().unwrap_or(host).to_owned(),
        sku: plain(&create.sku, "sku", &job.scope)?,
        admin_user: create.admin_user.resolve(&job.scope)?,
        subscription,
        resource_group,
        location,
    };
    job.note(format!("creating the registry `{}` in {}", new.name, new.location));
    let made = registries.create(&new).await.map_err(|error| StepError::from_error(&error))?;
    if !made.login_server.eq_ignore_ascii_case(host) {
        return Err(StepError::new(format!(
            "the new registry is reached as `{}`, not as `{host}`",
            made.login_server
        ))
        .help("name it so in the plan: under `registries` and in `tag`"));
    }
    Ok(())
}
