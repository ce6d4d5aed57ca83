//! An image that is there already: in a registry, an OCI layout, an archive.
//!
//! Without a platform an index stays whole. Of what is in a registry no layer is
//! fetched: it is promoted from there, or fetched by who needs it here.

use super::{Made, told};
use crate::event::Verb;
use crate::image::existing::{Source, import};
use crate::image::{Image, Product, Watch};
use crate::oci::{Descriptor, InvalidReference, Platform, Reference};
use crate::plan::schema::ExistingImage;
use crate::progress::Progress;
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::names::{plain, plain_or};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::progress::ProgressReporter;
use crate::run::perform::push::ahead::{self, Outbound};
use std::collections::BTreeMap;

pub(super) async fn fetch(
    performer: &Performer,
    existing: &ExistingImage,
    outbound: &Outbound<'_>,
) -> Result<Made, AttemptError> {
    let job = outbound.job;
    let name = plain(&existing.image, "image", &job.scope)?;
    let platform = plain_or(existing.platform.as_ref(), "platform", &job.scope)?;
    let platform = platform.map(|text| text.parse().map_err(StepError::new)).transpose()?;
    Ok(find(performer, &name, platform.as_ref(), outbound).await?)
}

/// Finds an image wherever it is. One that is on this machine is brought into
/// the store, and goes ahead to where it is pushed.
pub(in crate::run::perform) async fn find(
    performer: &Performer,
    name: &str,
    platform: Option<&Platform>,
    Outbound { job, ahead }: &Outbound<'_>,
) -> Result<Made, StepError> {
    let Some(source) = Source::parse(name, &performer.folder) else {
        return in_registry(performer, name, platform, job).await;
    };
    let (store, ahead) = (performer.images.clone(), ahead.clone());
    let platform = platform.cloned();
    let shown = source.to_string();
    let work = move |watch: Watch<'_>| {
        let early = |blob: &Descriptor| ahead::send(ahead.as_ref(), &store, blob);
        import(&store, (&source, platform.as_ref()), &Watch { early: &early, ..watch })
    };
    let product = told(job, Verb::Copied, work)
        .await
        .map_err(|error| error.while_doing(format!("take in `{shown}`")))?;
    Ok(Made { product, origins: BTreeMap::new() })
}

/// Fetches the manifests alone.
async fn in_registry(
    performer: &Performer,
    name: &str,
    platform: Option<&Platform>,
    job: &Job,
) -> Result<Made, StepError> {
    let reference = reference(name)?;
    let store = performer.images.root();
    let found = performer.clients.registry.pull_manifests(&reference, platform, store).await;
    let found = found.map_err(|error| StepError::from_error(&error))?;
    job.note(format!("`{name}` is {}", found.digest));
    let origin = reference.with_digest(found.digest.clone()).to_string();
    performer.images.note_origin(&found.digest, &origin);
    let product = performer.images.product(&found.digest);
    let product = product.map_err(|error| StepError::from_error(&error))?;
    if let (Product::Image(image), Some(wanted)) = (&product, platform)
        && !wanted.takes(&image.platform)
    {
        let has = &image.platform;
        return Err(StepError::new(format!("`{name}` is not there for {wanted}, only for {has}"))
            .help("name that as `platform`, or another image"));
    }
    let origins = product.blobs().into_iter().map(|blob| (blob.digest, reference.clone()));
    Ok(Made { origins: origins.collect(), product })
}

/// Brings an image with all its layers here, for a build upon it, and says in
/// which repository they are where they are in one.
pub(super) async fn base(
    performer: &Performer,
    name: &str,
    platform: &Platform,
    job: &Job,
) -> Result<(Image, Option<Reference>), StepError> {
    if Source::parse(name, &performer.folder).is_none() {
        let (image, from) = pull(performer, name, platform, job).await?;
        return Ok((image, Some(from)));
    }
    let made = find(performer, name, Some(platform), &Outbound { job, ahead: None }).await?;
    match made.product {
        Product::Image(image) => Ok((*image, None)),
        Product::Index(_) => Err(StepError::new(format!("`{name}` is an index of images"))
            .help(format!("name the image for {platform}"))),
    }
}

/// Fetches an image with all its layers, for a build upon it, the manifest by
/// digest from here on.
pub(super) async fn pull(
    performer: &Performer,
    name: &str,
    platform: &Platform,
    job: &Job,
) -> Result<(Image, Reference), StepError> {
    let reference = reference(name)?;
    let store = performer.images.root().to_owned();
    let told = ProgressReporter::new(job, Verb::Pulled);
    let progress = |progress: Progress| told.tell(progress);
    let pulled = performer.clients.registry.pull(&reference, platform, &store, &progress).await;
    let pulled = pulled.map_err(|error| StepError::from_error(&error))?;
    job.note(format!("`{name}` is {}", pulled.manifest.digest));
    let image = performer.images.load(&pulled.manifest.digest);
    Ok((image.map_err(|error| StepError::from_error(&error))?, reference))
}

fn reference(name: &str) -> Result<Reference, StepError> {
    name.parse().map_err(|error: InvalidReference| StepError::new(error.to_string()))
}
