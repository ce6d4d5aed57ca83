//! The container group that the plan describes, its expressions evaluated.

use super::containers::{containers, init_containers};
use super::group::ContainerGroup;
use super::id::id;
use super::settings::{dns_config, hosting, identities, ip_kind, log_analytics, subnet};
use super::volumes::volumes;
use crate::azure::container_instances::{
    Container, Desired, Group, GroupId, Identities, InitContainer, Replace,
};
use crate::azure::registries::RegistryLogin;
use crate::plan::expr::Scope;
use crate::plan::schema::Aci;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::image::deployed_image;
use crate::run::perform::deploy::own_tags::{resource_tags, with_own_tags};
use crate::run::perform::deploy::pull::pull_logins;
use crate::run::perform::deployed::tags::{EXPIRES, SERVICE};
use crate::run::perform::names::{name, optional_plain};
use crate::run::perform::performer::{Job, Performer};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a version beside the one that runs may stay if its run is killed: `sweep`
/// removes it then.
const MAX_TRIAL_AGE: Duration = Duration::from_hours(1);
/// What the names of a version end with that stands beside the one that runs.
const TRIAL_SUFFIX: &str = "-next";
/// Of groups and of DNS labels.
const MAX_NAME_CHARS: usize = 63;

pub async fn desired(group: &ContainerGroup<'_>, job: &Job) -> Result<Desired, StepError> {
    let ContainerGroup { performer, deploy, keys: aci, .. } = group;
    let scope = &job.scope;
    let id = id(group, scope).await?;
    let mut containers = containers(deploy, aci, &id.name, job)?;
    let named = deploy.image.as_ref().map(|_| containers[0].image.clone());
    for (container, named) in containers.iter_mut().zip(deploy.images()) {
        // What this run pushed is known to be a single image and needs no request.
        if named.is_some() {
            container.image = deployed_image(group.settings(scope), &container.image, job).await?;
        }
    }
    let mut init_containers = init_containers(aci, job)?;
    for (container, keys) in init_containers.iter_mut().zip(&aci.init_containers) {
        if keys.image.is_some() {
            container.image = deployed_image(group.settings(scope), &container.image, job).await?;
        }
    }
    let settings = group.settings(scope);
    let own = aci.location.as_ref();
    let images = containers.iter().map(|container| &container.image);
    let images = images.chain(init_containers.iter().map(|container| &container.image));
    let location = settings.location(own, &id.subscription, &id.resource_group).await?;
    let registries = pull_logins(settings, images).await?;
    let identities = identities(group, scope).await?;
    let own_tags = resource_tags(performer, job, &containers[0].image, named.as_deref());
    let tags = with_own_tags(own_tags.to_map(), &aci.tags, scope)?;
    let found = Found { id, location, registries, identities, containers, init_containers };
    let mut desired = Desired { tags, ..assembled(group, found, scope)? };
    desired.add_fingerprint();
    Ok(desired)
}

/// The group as far as texts of the plan alone say it, without a request: its images, logins,
/// identities and tags are not those of a deploy.
pub fn desired_of(
    group: &ContainerGroup<'_>,
    live: &Group,
    job: &Job,
) -> Result<Desired, StepError> {
    let ContainerGroup { deploy, keys: aci, .. } = group;
    let scope = &job.scope;
    let id = GroupId::parse(&live.id).ok_or_else(|| StepError::new("its id cannot be read"))?;
    let settings = group.settings(scope);
    let location = match aci.location.as_ref().or(settings.plans_location()) {
        Some(text) => name(text, "location", scope)?,
        None => live.document["location"].as_str().unwrap_or_default().to_owned(),
    };
    let found = Found {
        location,
        registries: Vec::new(),
        identities: Identities::default(),
        containers: containers(deploy, aci, &id.name, job)?,
        init_containers: init_containers(aci, job)?,
        id,
    };
    assembled(group, found, scope)
}

/// What may be found by requests.
struct Found {
    id: GroupId,
    location: String,
    registries: Vec<RegistryLogin>,
    identities: Identities,
    containers: Vec<Container>,
    init_containers: Vec<InitContainer>,
}

fn assembled(
    group: &ContainerGroup<'_>,
    found: Found,
    scope: &Scope,
) -> Result<Desired, StepError> {
    let ContainerGroup { performer, keys: aci, .. } = group;
    let Found { id, location, registries, identities, containers, init_containers } = found;
    Ok(Desired {
        location,
        registries,
        containers,
        init_containers,
        volumes: volumes(aci, scope)?,
        restart_policy: aci.restart_policy.resolve(scope)?,
        dns_label: aci
            .dns_label
            .as_ref()
            .map(|label| name(label, "DNS label", scope))
            .transpose()?,
        dns_label_scope: optional_plain(aci.dns_label_scope.as_ref(), "DNS label's scope", scope)?,
        ip: ip_kind(aci, scope)?,
        subnet: subnet(aci, &id, scope)?,
        dns_config: dns_config(aci, scope)?,
        identities,
        log_analytics: log_analytics(aci, scope)?,
        hosting: hosting(aci, scope)?,
        tags: BTreeMap::new(),
        replace: replace(performer, aci, scope)?,
        id,
    })
}

/// The group under other names, until it is verified and removed.
pub fn trial(desired: &Desired) -> Desired {
    let id = GroupId { name: trial_name(&desired.id.name), ..desired.id.clone() };
    let mut trial = Desired {
        id,
        dns_label: desired.dns_label.as_deref().map(trial_name),
        replace: Replace::WhenRequired,
        ..desired.clone()
    };
    let expires = Timestamp::now() + MAX_TRIAL_AGE;
    trial.tags.insert(EXPIRES.to_owned(), expires.to_string());
    if let Some(service) = trial.tags.get_mut(SERVICE) {
        *service = trial_service(service);
    }
    trial.add_fingerprint();
    trial
}

/// What the tags name as the service of a version that is tried. No service of a plan has
/// such a name.
fn trial_service(service: &str) -> String {
    format!("{service} (next)")
}

/// The name of what stands beside `name`.
fn trial_name(name: &str) -> String {
    let kept = name.len().min(MAX_NAME_CHARS - TRIAL_SUFFIX.len());
    let kept = name.floor_char_boundary(kept);
    format!("{}{TRIAL_SUFFIX}", name[..kept].trim_end_matches('-'))
}

/// The plan's `replace`; `never` by default in a protected environment.
pub fn replace(performer: &Performer, aci: &Aci, scope: &Scope) -> Result<Replace, StepError> {
    let default = if performer.facts.protected { Replace::Never } else { Replace::WhenRequired };
    Ok(aci.replace.as_ref().map(|field| field.resolve(scope)).transpose()?.unwrap_or(default))
}
