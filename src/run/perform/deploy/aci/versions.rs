//! The versions of a container group.

use crate::azure::container_instances::{Desired, Group, PreviousGroup};
use crate::oci::Reference;
use crate::run::perform::deployed::revision::{DeployedRevision, past_revisions};
use crate::run::perform::deployed::tags::{DIGEST, ResourceTags, VERIFIED};
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
