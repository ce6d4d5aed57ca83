//! What is known of a container group before the first step: its names, region and
//! sizes, and what runs there. What needs an output of a step is left to that step.

use super::containers::Resources;
use super::desired::{desired_of, replace};
use super::group::ContainerGroup;
use super::id::{default_name, group_name};
use crate::azure::container_instances::{Group, GroupId, Replace, difference};
use crate::event::StepId;
use crate::journal::Handover;
use crate::oci::Reference;
use crate::plan::diagnostic::closest;
use crate::plan::schema::Text;
use crate::run::child::Stop;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::forecast::unbuilt;
use crate::run::perform::names::name;
use crate::run::perform::performer::{Job, Produced};
use crate::run::perform::retry::Retries;
use crate::run::perform::say::{Room, Say};
use crate::value::{GroupName, REGIONS, RegionName, Verdict};

/// Checks what Azure would refuse, without a request. Returns which group it is, in words,
/// if that is known.
pub fn check_texts(group: &ContainerGroup<'_>) -> Result<Option<String>, StepError> {
    let aci = group.keys;
    let scope = &group.performer.plan.scope;
    let early = |text: &Text, what: &str| {
        text.is_known_early().then(|| name(text, what, scope)).transpose()
    };
    let settings = group.settings(scope);
    let own_group = aci.resource_group.as_ref();
    let is_known = own_group.is_none_or(Text::is_known_early);
    let resource_group = is_known.then(|| settings.resource_group(own_group)).transpose()?;
    if let Some(location) = aci.location.as_ref().or(settings.plans_location())
        && let Some(name) = early(location, "location")?
    {
        region(&name).map_err(|error| error.at(&location.span))?;
    }
    if let Some(label) = &aci.dns_label {
        early(label, "DNS label")?;
    }
    let named = aci.name.as_ref().or(aci.dns_label.as_ref());
    let group_name = match named {
        Some(text) => early(text, "container group's name")?,
        None => Some(default_name(group)),
    };
    if let Some(name) = &group_name {
        let checked = container_name(name);
        checked
            .map_err(|error| named.into_iter().fold(error, |error, text| error.at(&text.span)))?;
    }
    let further = aci.containers.iter().map(|container| &container.name);
    let init = aci.init_containers.iter().map(|container| &container.name);
    for text in aci.container_name.iter().chain(further).chain(init) {
        if let Some(name) = early(text, "container's name")? {
            container_name(&name).map_err(|error| error.at(&text.span))?;
        }
    }
    for keys in aci.all_settings() {
        let (cpu, memory) = (&keys.cpu, &keys.memory);
        if cpu.text.is_known_early() && memory.text.is_known_early() {
            Resources::of(cpu, memory, scope)?;
        }
    }
    let known = group_name.zip(resource_group);
    Ok(known.map(|(name, of)| format!("container group `{name}` of `{of}`")))
}

/// Reads the group as it is now, which tells whether its resource group exists, too. `None`
/// where it does not exist, or its name is not known yet.
pub async fn read(
    group: &ContainerGroup<'_>,
    subscription: &str,
    resource_group: &str,
    retries: &Retries,
) -> Result<Option<Group>, StepError> {
    let scope = &group.performer.plan.scope;
    let creates_group = group.settings(scope).creates_group()?;
    let named = group.keys.name.as_ref().or(group.keys.dns_label.as_ref());
    if !named.is_none_or(Text::is_known_early) {
        let groups = &group.performer.services.clients.azure.resource_groups;
        if !creates_group {
            retries.run(|| groups.get(subscription, resource_group)).await?;
        }
        return Ok(None);
    }
    let id = GroupId {
        name: group_name(group, scope)?,
        subscription: subscription.to_owned(),
        resource_group: resource_group.to_owned(),
    };
    if creates_group {
        return retries.run(|| group.client().find(&id)).await;
    }
    retries.run(|| group.client().find_in_existing(&id)).await
}

/// Fails where Azure would have to replace what is deployed, and the plan forbids that. What
/// Azure does not change in place are texts of the plan: no request is sent.
pub fn check_replacement(
    group: &ContainerGroup<'_>,
    live: &Group,
    place: usize,
) -> Result<(), StepError> {
    let performer = group.performer;
    let scope = &performer.plan.scope;
    if replace(performer, group.keys, scope)? != Replace::Never {
        return Ok(());
    }
    // What it cannot be made of is an error of the step.
    let Ok(desired) = desired_of(group, live, &job(group, place)) else { return Ok(()) };
    let difference = difference(Some(live), &desired);
    if difference.verdict != Verdict::Refuse {
        return Ok(());
    }
    let changes = difference.replacement_reasons().join(", ");
    let name = &desired.id.name;
    let error = StepError::new(format!(
        "cannot update container group `{name}`: Azure does not change {changes} in place"
    ));
    let error = match (&group.keys.replace, &performer.facts.environment_name) {
        (None, Some(environment)) => error.because(format!(
            "`replace: never`, the default of the protected environment `{environment}`, forbids \
             to replace it"
        )),
        _ => error.because("`replace: never` forbids to replace it"),
    };
    Err(error.help(
        "allow `replace: when-required`, which deletes the group and creates it again, with a \
         minute without service",
    ))
}

/// The step before it runs: with any image where the run builds it.
fn job(group: &ContainerGroup<'_>, place: usize) -> Job {
    let ContainerGroup { performer, service, .. } = *group;
    let plan = &performer.plan;
    let step = plan.step(service, place).id.value.clone();
    let pushed = Reference {
        host: "registry.invalid".to_owned(),
        repository: "image".to_owned(),
        tag: None,
        digest: None,
    };
    Job {
        id: StepId { service: plan.step_service(service), step },
        service,
        place,
        attempt: 1,
        handover: Handover { pushed: Some(unbuilt(&pushed)), ..Handover::default() },
        replaced: None,
        in_doubt: false,
        scope: plan.scope.clone(),
        stop: Stop::default(),
        say: Say::new(Room::default(), drop),
        produced: Produced::default(),
        remember: None,
    }
}

/// Refuses a name that is near one of a region. Another one may be newer than the
/// list.
fn region(name: &str) -> Result<(), StepError> {
    if RegionName::of(name) != RegionName::Unknown {
        return Ok(());
    }
    closest(name, REGIONS).map_or(Ok(()), |near| {
        Err(StepError::new(format!("`{name}` is not a region of Azure"))
            .help(format!("did you mean `{near}`?")))
    })
}

/// The first container has the name of the group.
fn container_name(name: &str) -> Result<(), StepError> {
    name.parse::<GroupName>().map(drop).map_err(|error| StepError::new(error.to_string()))
}
