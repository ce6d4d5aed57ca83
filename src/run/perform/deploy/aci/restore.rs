//! Puts a container group back as it was.

use super::deployed::group_id;
use super::desired::replace;
use super::group::{ContainerGroup, publish};
use super::known;
use crate::azure::container_instances::{
    DeployEvent, Desired, Group, GroupId, KnownValues, PreviousGroup, Replace, difference,
};
use crate::journal::{Previous, TargetId};
use crate::plan::schema::OnFailure;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::pull::pull_login;
use crate::run::perform::deploy::versions;
use crate::run::perform::deployed::tags::COMMIT;
use crate::run::perform::performer::Job;

/// Whether the plan says `on-failure: rollback`.
pub fn rolls_back(group: &ContainerGroup<'_>, job: &Job) -> Result<bool, StepError> {
    let Some(field) = &group.keys.on_failure else { return Ok(false) };
    Ok(match field.resolve(&job.scope)? {
        OnFailure::Rollback => true,
        OnFailure::Keep => false,
    })
}

pub fn previous(group: &ContainerGroup<'_>, live: &Group) -> Previous {
    let redactor = &group.performer.services.redactor;
    let document = versions::without_lease(&live.document);
    let found = PreviousGroup::of(&document, |text| redactor.redact(text) != text);
    let revision = versions::revision(found.tag(COMMIT), found.image());
    // A group was read as JSON and so can be written as JSON.
    let state = serde_json::to_value(&found).unwrap_or_default();
    Previous { revision, state }
}

/// What keeps a rollback from being complete, by what the deploy itself sends.
pub fn obstacles(
    group: &ContainerGroup<'_>,
    desired: &Desired,
    live: &Group,
    job: &Job,
) -> Vec<String> {
    let mut obstacles = Vec::new();
    let mut known = known::known_values(group.keys, &desired.id.name, &job.scope);
    let logins = desired.registries.iter();
    known.logins = logins.map(|login| (login.server.clone(), login.login.clone())).collect();
    let found = parsed(&previous(group, live));
    let missing = found.map(|found| found.missing(&known)).unwrap_or_default();
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        obstacles.push(format!(
            "could not put the version before back, because the plan does not have {}",
            missing.join(", ")
        ));
    }
    let changes = difference(Some(live), desired).replacement_reasons();
    if !changes.is_empty() {
        let what = changes.join(", ");
        obstacles.push(format!(
            "would have to delete the group and create it again, because the deploy changes {what}"
        ));
    }
    obstacles
}

/// Puts a group back and waits until it runs.
pub async fn restore(
    group: &ContainerGroup<'_>,
    target: &TargetId,
    previous: &Previous,
    live: Option<Group>,
    job: &Job,
) -> Result<Group, StepError> {
    let id = group_id(target)?;
    let found = parsed(previous)
        .ok_or_else(|| StepError::new("the journal does not have the container group as it was"))?;
    let events = |event: DeployEvent| publish(event, job);
    let is_back = live.is_some_and(|live| self::previous(group, &live) == *previous);
    // An earlier attempt has put it back: a second PUT would restart its containers.
    if !is_back {
        let known = known_values(group, &found, &id, job).await?;
        let replace = match replace(group.performer, group.keys, &job.scope)? {
            Replace::Never => Replace::Never,
            Replace::WhenRequired | Replace::Always => Replace::WhenRequired,
        };
        group.client().restore(&id, &found.body(&known), replace, &events).await?;
    }
    Ok(group.client().watch_restored(&id, &found, &events).await?)
}

/// The values that Azure withholds, from the plan. An error if one is missing.
async fn known_values(
    group: &ContainerGroup<'_>,
    found: &PreviousGroup,
    id: &GroupId,
    job: &Job,
) -> Result<KnownValues, StepError> {
    let mut known = known::known_values(group.keys, &id.name, &job.scope);
    for server in found.servers() {
        if let Some(login) = pull_login(group.settings(&job.scope), &server).await? {
            known.logins.insert(server, login);
        }
    }
    let missing = found.missing(&known);
    if missing.is_empty() {
        return Ok(known);
    }
    let lines = missing.iter().map(|missing| format!("missing: {missing}"));
    Err(StepError::new(format!("cannot put container group `{}` back", id.name))
        .because("Azure does not return its secrets, and the plan does not have all of them")
        .details(lines)
        .help("deploy a version that works; keep a secret in the plan until no version uses it"))
}

fn parsed(previous: &Previous) -> Option<PreviousGroup> {
    serde_json::from_value(previous.state.clone()).ok()
}
