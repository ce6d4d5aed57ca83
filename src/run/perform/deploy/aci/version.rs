//! The version that a container group runs.

use crate::azure::container_instances::{Group, PreviousGroup};
use crate::run::perform::deploy::versions;
use crate::run::perform::deployed::revision::DeployedRevision;
use crate::run::perform::deployed::tags::ResourceTags;

/// The version that a group runs. `None` if Shipway did not deploy it, or its image
/// has no digest.
pub fn current(live: &Group) -> Option<DeployedRevision> {
    let tags = ResourceTags::read(&live.tags)?;
    let image = &live.properties.containers.first()?.properties.image;
    let secure = PreviousGroup::of(&live.document, |_| false).secure_variables();
    versions::current(tags, image, secure)
}
