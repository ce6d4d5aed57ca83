//! What the run does with a deployed resource of which it has the id alone: after a
//! `deploy`, `verify` and the renewal of leases know no more. The targets are told apart
//! here, by the form of the id.

use super::aci::{self, ContainerGroup};
use super::container_app::{self, AppStep};
use super::evidence::ResourceEvidence;
use super::target::DeployTarget as _;
use crate::azure::container_apps::App;
use crate::azure::container_instances::Group;
use crate::journal::{Deployed, TargetId};
use crate::run::outcome::StepError;
use crate::run::perform::performer::Performer;
use std::collections::BTreeMap;

/// A deployed resource as the cloud reports it.
#[derive(Clone)]
pub enum LiveResource {
    Group(Box<Group>),
    App(Box<App>),
}

/// The resource as people call it.
pub fn name_of(target: &TargetId) -> String {
    if container_app::is_app(target) {
        return container_app::name_of(target);
    }
    aci::name_of(target)
}

/// Changes the tags of a resource that exists. `change` returns whether there is something
/// to change.
pub async fn change_tags(
    performer: &Performer,
    target: &TargetId,
    change: impl FnOnce(&LiveResource, &mut BTreeMap<String, String>) -> bool,
) -> Result<(), StepError> {
    if container_app::is_app(target) {
        let change = |app: &App, tags: &mut BTreeMap<String, String>| {
            change(&LiveResource::App(Box::new(app.clone())), tags)
        };
        return container_app::change_tags(performer, target, change).await;
    }
    let change = |group: &Group, tags: &mut BTreeMap<String, String>| {
        change(&LiveResource::Group(Box::new(group.clone())), tags)
    };
    aci::change_tags(performer, target, change).await
}

/// The images that the resource runs. Empty where it does not exist.
pub async fn images(performer: &Performer, target: &TargetId) -> Result<Vec<String>, StepError> {
    let images = if container_app::is_app(target) {
        let app = container_app::find(performer, target).await?;
        app.map(|app| app.images().map(str::to_owned).collect())
    } else {
        let group = aci::find(performer, target).await?;
        group.map(|group| group.images().map(str::to_owned).collect())
    };
    Ok(images.unwrap_or_default())
}

/// Whether a container of the resource does not stay up in this run, as far as the resource
/// itself says. An app says nothing of its containers.
pub fn is_broken(performer: &Performer, live: &LiveResource) -> bool {
    match live {
        LiveResource::Group(group) => aci::is_broken(performer, group),
        LiveResource::App(_) => false,
    }
}

/// The error of a resource of which a container does not stay up.
pub async fn broken(performer: &Performer, live: &LiveResource) -> Result<(), StepError> {
    match live {
        LiveResource::Group(group) => aci::broken(performer, group).await,
        LiveResource::App(app) => container_app::broken(performer, app).await,
    }
}

/// Fails if a container of the resource does not stay up. A resource that was removed since,
/// such as by a program of the user's, is not looked at.
pub async fn require_running(performer: &Performer, target: &TargetId) -> Result<(), StepError> {
    if container_app::is_app(target) {
        return match container_app::find(performer, target).await? {
            Some(app) => container_app::broken(performer, &app).await,
            None => Ok(()),
        };
    }
    match aci::find(performer, target).await? {
        Some(live) if aci::is_broken(performer, &live) => aci::broken(performer, &live).await,
        Some(_) | None => Ok(()),
    }
}

/// What the resource shows of itself; `None` where it cannot be read.
pub async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence> {
    if container_app::is_app(&deployed.target) {
        return AppStep::evidence(performer, deployed).await;
    }
    ContainerGroup::evidence(performer, deployed).await
}
