//! Finds an image that a step names: in a registry, an OCI layout or an archive.
//!
//! Without a platform an index stays whole. Of an image in a registry only the
//! manifests are fetched: a push mounts or copies its layers from there, and a
//! build upon it fetches them.

use super::blocking::run_blocking_with_progress;
use super::early_upload::{self, BuildJob};
use super::located_image::LocatedImage;
use super::performer::{Job, Performer};
use super::progress::ProgressReporter;
use crate::event::Verb;
use crate::image::existing::{ImageSource, import};
use crate::image::{Image, Product, WorkControl};
use crate::oci::{Descriptor, Platform, Reference};
use crate::progress::Progress;
use crate::registry::{self, PullError};
use crate::run::outcome::StepError;
use std::collections::BTreeMap;

/// The shortest abbreviation of a commit that a tag is taken for.
const MIN_COMMIT_CHARS: usize = 7;

/// Finds an image by its name. One of this machine is imported into the store,
/// and its layers are uploaded early.
pub async fn find_image(
    performer: &Performer,
    name: &str,
    platform: Option<&Platform>,
    BuildJob { job, upload }: &BuildJob<'_>,
) -> Result<LocatedImage, StepError> {
    let Some(source) = ImageSource::parse(name, &performer.plan.folder_of(job.service)) else {
        return in_registry(performer, name, platform, job).await;
    };
    let (store, upload) = (performer.services.images.clone(), upload.clone());
    let platform = platform.cloned();
    let shown = source.to_string();
    let work = move |watch: WorkControl<'_>| {
        let early = |blob: &Descriptor| early_upload::send(upload.as_ref(), &store, blob);
        import(&store, &source, platform.as_ref(), &WorkControl { early: &early, ..watch })
    };
    let product = run_blocking_with_progress(job, Verb::Copied, work)
        .await
        .map_err(|error| error.while_doing(format!("cannot import `{shown}`")))?;
    Ok(LocatedImage::new(product, BTreeMap::new()))
}

/// Fetches only the manifests of an image in a registry.
pub async fn in_registry(
    performer: &Performer,
    name: &str,
    platform: Option<&Platform>,
    job: &Job,
) -> Result<LocatedImage, StepError> {
    let reference: Reference = name.parse()?;
    let (images, registry) = (&performer.services.images, &performer.services.clients.registry);
    let found = registry.pull_manifests(&reference, platform, images.root()).await;
    let found = found.map_err(|error| explained(performer, &reference, error))?;
    job.note(format!("`{name}` is {}", found.digest));
    let origin = reference.with_digest(found.digest.clone()).to_string();
    images.note_origin(&found.digest, &origin);
    let product = images.product(&found.digest)?;
    if let Some(wanted) = platform {
        is_for(&product, name, wanted)?;
    }
    let origins = product.blobs().into_iter().map(|blob| (blob.digest, reference.clone()));
    let origins = origins.collect();
    Ok(LocatedImage::new(product, origins))
}

/// Why the image of a reference is not known.
pub struct UnknownImage {
    pub error: StepError,
    /// Whether another login may be able to read it.
    pub needs_login: bool,
}

impl From<StepError> for UnknownImage {
    fn from(error: StepError) -> Self {
        Self { error, needs_login: false }
    }
}

/// The image for a platform that a reference stands for, by its digest. Fetches its
/// manifest and configuration alone.
pub async fn single_image(
    performer: &Performer,
    registry: &registry::Client,
    reference: &Reference,
    platform: &Platform,
) -> Result<Reference, UnknownImage> {
    let images = &performer.services.images;
    let found = registry.pull_manifests(reference, Some(platform), images.root()).await;
    let found = found.map_err(|error| {
        let needs_login = error.needs_login();
        let is_other_platform = matches!(error, PullError::Platform { .. });
        let mut error = StepError::from_error(&error);
        if is_other_platform {
            error = error.help(format!("push one for {platform}, or name another image"));
        }
        UnknownImage { error, needs_login }
    })?;
    let product = images.product(&found.digest).map_err(StepError::from)?;
    let help = format!("push one for {platform}, or name another image");
    is_for(&product, &reference.to_string(), platform).map_err(|error| error.help(help))?;
    Ok(reference.with_digest(found.digest))
}

/// An image that has the name of the commit and is not there was never built, as where a release
/// is tagged before the build of its commit has ended.
fn explained(performer: &Performer, reference: &Reference, error: PullError) -> StepError {
    let is_missing = matches!(error, PullError::NotFound { .. });
    let tag = reference.tag.as_deref().unwrap_or_default();
    let commit = performer.facts.source.commit.as_deref().unwrap_or_default();
    let names_commit = tag.len() >= MIN_COMMIT_CHARS && commit.starts_with(tag);
    let error = StepError::from(error);
    if !is_missing || !names_commit {
        return error;
    }
    let place = reference.clone().without_tag();
    error
        .while_doing(format!("commit {tag} was never built for `{place}`"))
        .help("let the run of this commit end, or run it again, and then start this one again")
}

/// Fails where a single image is for another platform.
fn is_for(product: &Product, name: &str, wanted: &Platform) -> Result<(), StepError> {
    match product {
        Product::Image(image) if !wanted.takes(&image.platform) => {
            let has = &image.platform;
            Err(StepError::new(format!("`{name}` is not there for {wanted}, only for {has}"))
                .help("name that as `platform`, or another image"))
        }
        Product::Image(_) | Product::Index(_) => Ok(()),
    }
}

/// Fetches or imports an image with all its layers, for a build upon it. The
/// reference is the repository that has them; `None` for an image of this machine.
pub async fn base_image(
    performer: &Performer,
    name: &str,
    platform: &Platform,
    job: &Job,
) -> Result<(Image, Option<Reference>), StepError> {
    if ImageSource::parse(name, &performer.plan.folder_of(job.service)).is_none() {
        let (image, from) = pull_image(performer, name, platform, job).await?;
        return Ok((image, Some(from)));
    }
    let found =
        find_image(performer, name, Some(platform), &BuildJob { job, upload: None }).await?;
    match found.product {
        Product::Image(image) => Ok((*image, None)),
        Product::Index(_) => Err(StepError::new(format!("`{name}` is an index of images"))
            .help(format!("name the image for {platform}"))),
    }
}

/// Fetches an image with all its layers from a registry, for a build upon it.
pub async fn pull_image(
    performer: &Performer,
    name: &str,
    platform: &Platform,
    job: &Job,
) -> Result<(Image, Reference), StepError> {
    let reference: Reference = name.parse()?;
    let (images, registry) = (&performer.services.images, &performer.services.clients.registry);
    let reporter = ProgressReporter::new(job, Verb::Pulled);
    let progress = |progress: Progress| reporter.report(progress);
    let pulled = registry.pull(&reference, platform, images.root(), &progress).await?;
    job.note(format!("`{name}` is {}", pulled.manifest.digest));
    Ok((images.load(&pulled.manifest.digest)?, reference))
}
