//! The versions of a deployed resource, whatever its kind.

use crate::event::Revision;
use crate::oci::Reference;
use crate::run::perform::deployed::revision::{DeployedRevision, past_revisions};
use crate::run::perform::deployed::tags::{DIGEST, LEASE, ResourceTags, VERIFIED};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version that a resource runs, by its tags and the image of its first container. `None`
/// if that image has no digest. `secure` are the names of its secure variables.
pub fn current(
    tags: ResourceTags,
    image: &str,
    secure: impl IntoIterator<Item = String>,
) -> Option<DeployedRevision> {
    let image: Reference = image.parse().ok()?;
    image.digest.as_ref()?;
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

/// Records in the tags `desired` which versions ran before, once they have replaced those of
/// `live`. `current` is the version that runs; `takes_back` says that it is replaced by an
/// earlier one.
pub fn remember(
    desired: &mut BTreeMap<String, String>,
    live: &BTreeMap<String, String>,
    current: Option<DeployedRevision>,
    takes_back: bool,
) {
    let Some(tags) = ResourceTags::read(live) else { return };
    let current = current.map(|it| DeployedRevision { taken_back: takes_back, ..it });
    let digest = desired.get(DIGEST).map(String::as_str);
    let past = past_revisions(current, tags.revisions, digest);
    desired.extend(DeployedRevision::tags_of(&past));
}

/// The tags of a resource that stays as it is, where a deploy would give it `desired`.
pub fn kept_tags(
    desired: &BTreeMap<String, String>,
    live: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut tags = desired.clone();
    if ResourceTags::read(live).is_some_and(|tags| tags.verified) {
        tags.insert(VERIFIED.to_owned(), "true".to_owned());
    }
    tags
}

/// Whether both resources are of the same service of the same plan in the same repository.
pub fn is_of_same_service(
    one: &BTreeMap<String, String>,
    other: &BTreeMap<String, String>,
) -> bool {
    let tags = ResourceTags::read(one).zip(ResourceTags::read(other));
    tags.is_some_and(|(one, other)| {
        one.plan == other.plan && one.service == other.service && one.repository == other.repository
    })
}

/// A resource as Azure describes it, without its lease: one that ended without its run is no
/// property of the version.
pub fn without_lease(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(tags) = document["tags"].as_object_mut() {
        tags.retain(|name, _| !name.eq_ignore_ascii_case(LEASE));
    }
    document
}

/// The version that a rollback names, by its commit and the image of its first container.
pub fn revision(commit: Option<&str>, image: Option<&str>) -> Revision {
    let reference = image.and_then(|image| image.parse::<Reference>().ok());
    Revision {
        commit: commit.map(str::to_owned),
        digest: reference.and_then(|image| image.digest).map(|digest| digest.to_string()),
        image: image.map(str::to_owned),
    }
}
