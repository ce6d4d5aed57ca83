//! Creates registries that the plan asks for under `registries.HOST.create`.

use super::azure_settings::AzureSettings;
use super::names::plain;
use super::performer::{Job, Performer};
use crate::azure::registries::NewRegistry;
use crate::oci::Reference;
use crate::plan::schema::Create;
use crate::run::outcome::StepError;
use std::collections::BTreeSet;

/// Creates each registry among `targets` that has a `create` and does not exist.
pub async fn registries(
    performer: &Performer,
    targets: &[Reference],
    job: &Job,
) -> Result<(), StepError> {
    let hosts: BTreeSet<&str> = targets.iter().map(|target| target.host.as_str()).collect();
    for host in hosts {
        let settings = performer.plan.registry(host);
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
    let settings = AzureSettings { performer, scope: &job.scope };
    let subscription = settings.subscription().await?;
    let registries = &performer.services.clients.azure_registries;
    if registries.find(&subscription, host).await?.is_some() {
        return Ok(());
    }
    let resource_group = settings.resource_group(None)?;
    let new = NewRegistry {
        name: host.split('.').next().unwrap_or(host).to_owned(),
        sku: plain(&create.sku, "sku", &job.scope)?,
        admin_user: create.admin_user.resolve(&job.scope)?,
        location: settings.location(None, &subscription, &resource_group).await?,
        subscription,
        resource_group,
    };
    job.note(format!("creating the registry `{}` in {}", new.name, new.location));
    let created = registries.create(&new).await?;
    // Azure may append a hash to the name, see `dnlHash` of the registry.
    if !created.login_server.eq_ignore_ascii_case(host) {
        return Err(StepError::new(format!(
            "the new registry is reached as `{}`, not as `{host}`",
            created.login_server
        ))
        .help("name it so in the plan: under `registries` and in `tag`"));
    }
    Ok(())
}
