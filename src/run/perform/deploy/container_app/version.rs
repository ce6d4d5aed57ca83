//! The version that an app runs.

use crate::azure::container_apps::{App, PreviousApp};
use crate::run::perform::deploy::versions;
use crate::run::perform::deployed::revision::DeployedRevision;
use crate::run::perform::deployed::tags::ResourceTags;

/// The version that an app runs. `None` if Shipway did not deploy it, or its image has no
/// digest.
pub fn current(live: &App) -> Option<DeployedRevision> {
    let tags = ResourceTags::read(&live.tags())?;
    let image = live.images().next()?;
    let secure = PreviousApp::of(live, |_| false).secure_variables();
    versions::current(tags, image, secure)
}
