//! An image that is there already: in a registry, an OCI layout, an archive.

use super::{off_the_loop, platform};
use crate::image::Image;
use crate::image::existing::{Source, import};
use crate::plan::schema::ExistingImage;
use crate::registry::{Platform, Reference};
use crate::run::outcome::{Trouble, Undone};
use crate::run::perform::names::plain;
use crate::run::perform::performer::{Job, Performer};

pub(super) async fn fetch(
    performer: &Performer,
    existing: &ExistingImage,
    job: &Job,
) -> Result<Image, Undone> {
    let name = plain(&existing.image, "image", &job.scope)?;
    let platform = platform(existing.platform.as_ref(), job)?;
    Ok(fetch_named(performer, &name, &platform, job).await?)
}

/// Brings an image into the store, wherever it is.
pub(in crate::run::perform) async fn fetch_named(
    performer: &Performer,
    name: &str,
    platform: &Platform,
    job: &Job,
) -> Result<Image, Trouble> {
    let Some(source) = Source::parse(name, &performer.folder) else {
        return pull(performer, name, platform, job).await;
    };
    let store = performer.images.clone();
    let platform = platform.clone();
    let shown = source.to_string();
    off_the_loop(move |stop| import(&store, &source, &platform, stop))
        .await
        .map_err(|error| error.while_doing(format!("take in `{shown}`")))
}

/// Fetches an image from its registry, the manifest by digest from here on.
pub(super) async fn pull(
    performer: &Performer,
    name: &str,
    platform: &Platform,
    job: &Job,
) -> Result<Image, Trouble> {
    let reference: Reference = name
        .parse()
        .map_err(|error: crate::registry::InvalidReference| Trouble::new(error.to_string()))?;
    let store = performer.images.root().to_owned();
    let pulled = performer.clients.registry.pull(&reference, platform, &store).await;
    let pulled = pulled.map_err(|error| Trouble::from_fault(&error))?;
    job.note(format!("`{name}` is {}", pulled.manifest.digest));
    performer.images.load(&pulled.manifest.digest).map_err(|error| Trouble::from_fault(&error))
}
