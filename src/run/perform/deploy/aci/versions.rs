//! The versions of a container group.

use crate::azure::container_instances::{Desired, Group, GroupId, PreviousGroup};
use crate::journal::Deployed;
use crate::oci::Reference;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::revision::{DeployedRevision, past_revisions};
use crate::run::perform::deploy::tags::{DIGEST, ResourceTags, VERIFIED};
use crate::run::perform::performer::Performer;
use std::collections::BTreeMap;

/// The version that a group runs. `None` if Shipway did not deploy it, or its image
/// has no digest.
pub fn current(live: &Group) -> Option<DeployedRevision> {
    let tags = ResourceTags::read(&live.tags)?;
    let image: Reference = live.properties.containers.first()?.properties.image.parse().ok()?;
    image.digest.as_ref()?;
    let secure = PreviousGroup::of(&live.document, |_| false).secure_variables();
    Some(DeployedRevision {
        image: Reference { tag: tags.image_tag, ..image },
        commit: tags.commit,
        commit_time: tags.commit_time,
        run: tags.run,
        dirty: tags.dirty,
        verified: tags.verified,
        taken_back: false,
        secure: Some(secure.into_iter().collect()),
    })
}

/// Records on `desired` which versions ran before it, once it has replaced `live`.
pub fn remember(desired: &mut Desired, live: &Group, takes_back: bool) {
    let Some(tags) = ResourceTags::read(&live.tags) else { return };
    let current = current(live).map(|it| DeployedRevision { taken_back: takes_back, ..it });
    let digest = desired.tags.get(DIGEST).map(String::as_str);
    let past = past_revisions(current, tags.revisions, digest);
    desired.tags.extend(DeployedRevision::tags_of(&past));
}

/// The tags of a group that stays as it is.
pub fn kept_tags(desired: &Desired, live: &Group) -> BTreeMap<String, String> {
    let mut tags = desired.tags.clone();
    if ResourceTags::read(&live.tags).is_some_and(|tags| tags.verified) {
        tags.insert(VERIFIED.to_owned(), "true".to_owned());
    }
    tags
}

/// Records on a group that what it runs was verified, unless a later run has deployed
/// to it since: that version was not meant.
///
/// The tag is a request of its own, since the PUT of the deploy is sent before anything is
/// verified, and no later one may follow. It is read first, since a PATCH replaces all tags.
pub async fn set_verified(performer: &Performer, deployed: &Deployed) -> Result<(), StepError> {
    let Some(id) = GroupId::parse(deployed.target.as_str()) else { return Ok(()) };
    let client = &performer.services.clients.container_instances;
    let Some(group) = client.find(&id).await? else { return Ok(()) };
    let Some(known) = ResourceTags::read(&group.tags) else { return Ok(()) };
    // Names of runs sort by time.
    if known.run.as_str() > performer.facts.id.as_str() {
        return Err(StepError::new(format!("run {} has deployed since", known.run)));
    }
    if known.verified {
        return Ok(());
    }
    let mut tags = group.tags;
    tags.insert(VERIFIED.to_owned(), "true".to_owned());
    Ok(client.set_tags(&id, &tags).await?)
}
