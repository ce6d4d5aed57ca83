//! The versions of an app.

use crate::azure::container_apps::{App, DesiredApp, PreviousApp};
use crate::oci::Reference;
use crate::run::perform::deployed::revision::{DeployedRevision, past_revisions};
use crate::run::perform::deployed::tags::{DIGEST, ResourceTags, VERIFIED};
use std::collections::BTreeMap;

/// The version that an app runs. `None` if Shipway did not deploy it, or its image has no
/// digest.
pub fn current(live: &App) -> Option<DeployedRevision> {
    let tags = ResourceTags::read(&live.tags())?;
    let image: Reference = live.images().next()?.parse().ok()?;
    image.digest.as_ref()?;
    let secure = PreviousApp::of(&live.document, |_| false).secure_variables();
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
pub fn remember(desired: &mut DesiredApp, live: &App, takes_back: bool) {
    let Some(tags) = ResourceTags::read(&live.tags()) else { return };
    let current = current(live).map(|it| DeployedRevision { taken_back: takes_back, ..it });
    let digest = desired.tags.get(DIGEST).map(String::as_str);
    let past = past_revisions(current, tags.revisions, digest);
    desired.tags.extend(DeployedRevision::tags_of(&past));
}

/// The tags of an app that stays as it is.
pub fn kept_tags(desired: &DesiredApp, live: &App) -> BTreeMap<String, String> {
    let mut tags = desired.tags.clone();
    if ResourceTags::read(&live.tags()).is_some_and(|tags| tags.verified) {
        tags.insert(VERIFIED.to_owned(), "true".to_owned());
    }
    tags
}
