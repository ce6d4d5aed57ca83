//! `push`: sends the service's image to the registries of its references.

use super::attest;
use super::build_tags;
use super::create;
use super::early_upload::BuildJob;
use super::find_image::find_image;
use super::located_image::LocatedImage;
use super::names::plain;
use super::performer::{Job, Performer};
use super::progress::ProgressReporter;
use super::services::Services;
use super::sign::{self, SignedManifest};
use crate::event::{OutputName, Outputs, Verb};
use crate::http::Retryable;
use crate::image::{IndexEntry, Product};
use crate::journal::Handover;
use crate::oci::{Descriptor, Digest, Platform, Reference};
use crate::plan::expr::Rendered;
use crate::plan::schema;
use crate::progress::Progress;
use crate::registry::{Blob, BlobSource, PushError, PushManifest, Pushed};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use std::collections::BTreeSet;

pub async fn perform(
    performer: &Performer,
    push: &schema::Push,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let image = image(performer, push, job).await?;
    let product = &image.product;
    let targets = targets(job)?;
    create::registries(performer, &targets, job).await?;
    let request = crate::registry::Push {
        blobs: blobs(performer, &image)?,
        manifest: PushManifest {
            media_type: product.manifest().media_type.clone(),
            bytes: product.manifest_bytes().clone(),
            digest: product.manifest().digest.clone(),
        },
        children: product.manifest_levels().iter().map(|level| children(level)).collect(),
        targets: targets.clone(),
    };
    let reporter = ProgressReporter::new(job, Verb::Pushed);
    let progress = |progress: Progress| reporter.report(progress);
    let Services { clients, early_uploads, .. } = &performer.services;
    let pushed = match early_uploads.take(job.service).filter(|_| push.image.is_none()) {
        Some(upload) => clients.registry.push_after(upload, request, &progress).await,
        None => clients.registry.push(request, &progress).await,
    };
    let pushed = match pushed {
        Ok(pushed) => pushed,
        Err(error) => return Err(explain(performer, &error).await.into()),
    };
    let left = build_tags::remove(performer, &image.build_tags, &targets, job).await;
    let handover = Handover { images: images(product), build_tags: left, ..job.handover.clone() };
    let attached = attest::perform(performer, push, job, &subject(product, &targets)).await?;
    let mut output = output(&pushed, &targets, handover);
    output.outputs.extend(attached);
    let digest = &product.manifest().digest;
    output.outputs.extend(
        sign::perform(performer, push, job, &SignedManifest { digest, targets: &targets }).await?,
    );
    Ok(output)
}

/// What the push is going to hand on, found without sending anything.
pub async fn planned(
    performer: &Performer,
    push: &schema::Push,
    job: &Job,
) -> Result<Handover, StepError> {
    let image = image(performer, push, job).await?;
    let digest = &image.product.manifest().digest;
    let pushed = targets(job)?.first().map(|first| first.with_digest(digest.clone()));
    Ok(Handover { images: images(&image.product), pushed, ..job.handover.clone() })
}

/// The outputs that are known before the push.
pub fn planned_outputs(handover: &Handover) -> Outputs<Rendered> {
    let Some(image) = &handover.pushed else { return Outputs::new() };
    let references: Vec<String> = handover.references.iter().map(ToString::to_string).collect();
    let digest = image.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    let plain = Rendered::Plain;
    Outputs::from([
        (OutputName::Digest, plain(digest)),
        (OutputName::Tags, plain(references.join("\n"))),
        (OutputName::Image, plain(image.to_string())),
    ])
}

/// The error of a push. A blob that the registry refuses may be damaged in the
/// store: its digest is checked only now, because hashing every blob before every
/// push would cost more than sending it.
async fn explain(performer: &Performer, error: &PushError) -> StepError {
    let step_error = StepError::from_error(error);
    let PushError::Blob { digest, source, .. } = error else { return step_error };
    if source.status() != Some(400) {
        return step_error;
    }
    let (store, blob) = (performer.services.images.clone(), digest.clone());
    let damaged = tokio::task::spawn_blocking(move || store.drop_damaged(&blob)).await;
    if !damaged.unwrap_or_default() {
        return step_error;
    }
    step_error
        .because(format!("the copy of {digest} in the image store was damaged"))
        .help("it is removed; run the `build` step again: `--from` it, or a new run")
}

fn subject<'a>(product: &'a Product, targets: &'a [Reference]) -> attest::Subject<'a> {
    let mut images: Vec<Descriptor> = match product {
        Product::Image(image) => vec![image.manifest.clone()],
        Product::Index(index) => index.images().map(|(_, child)| child.manifest.clone()).collect(),
    };
    let mut seen = BTreeSet::new();
    images.retain(|image| seen.insert(image.digest.clone()));
    attest::Subject { manifest: product.manifest(), images, targets }
}

/// The image that the step names, else the one that the service built.
async fn image(
    performer: &Performer,
    push: &schema::Push,
    job: &Job,
) -> Result<LocatedImage, StepError> {
    if let Some(text) = &push.image {
        let reference = plain(text, "image", &job.scope)?;
        let build = BuildJob { job, upload: None };
        return find_image(performer, &reference, None, &build).await;
    }
    let built = job.handover.built.as_ref().ok_or_else(|| {
        StepError::new("there is no image to push")
            .help("build one in an earlier step, or name one with `image:`")
    })?;
    let product = performer.services.images.product(built).map_err(rebuild_help)?;
    let build_tags = job.handover.build_tags.clone();
    Ok(LocatedImage { product, origins: job.handover.origins.clone(), build_tags })
}

/// An error about something that is missing from the store.
fn rebuild_help(error: impl Retryable) -> StepError {
    StepError::from(error).help("run the `build` step again: `--from` it, or a new run")
}

/// Where each blob is read from: the store, or the registry that has it, which may
/// mount it across repositories.
fn blobs(performer: &Performer, image: &LocatedImage) -> Result<Vec<Blob>, StepError> {
    let one = |descriptor: Descriptor| {
        let here = performer.services.images.locate(&descriptor);
        let Some(from) = image.origins.get(&descriptor.digest) else {
            let path = here.map_err(rebuild_help)?;
            return Ok(Blob { descriptor, source: BlobSource::File(path) });
        };
        Ok(performer.services.clients.registry.blob_in(from, &descriptor, here.ok())?)
    };
    let is_elsewhere = |blob: &Descriptor| {
        blob.has_urls()
            && !image.origins.contains_key(&blob.digest)
            && !performer.services.images.has(blob)
    };
    image.product.blobs().into_iter().filter(|blob| !is_elsewhere(blob)).map(one).collect()
}

/// Manifests that an index lists, as they are sent.
fn children(level: &[&IndexEntry]) -> Vec<PushManifest> {
    let one = |child: &&IndexEntry| PushManifest {
        media_type: child.manifest.media_type.clone(),
        bytes: child.bytes.clone(),
        digest: child.manifest.digest.clone(),
    };
    level.iter().map(one).collect()
}

/// The digests of an index's images by platform; the first of each.
fn images(product: &Product) -> Vec<(Platform, Digest)> {
    let mut images: Vec<(Platform, Digest)> = Vec::new();
    if let Product::Index(index) = product {
        for (platform, image) in index.images() {
            // Platforms may differ in fields beside those of `linux/amd64/v8`.
            if images.iter().all(|(known, _)| known.to_string() != platform.to_string()) {
                images.push((platform.clone(), image.manifest.digest.clone()));
            }
        }
    }
    images
}

fn targets(job: &Job) -> Result<Vec<Reference>, StepError> {
    if job.handover.references.is_empty() {
        return Err(StepError::new("the image has no name to push it under")
            .help("add a `tag` step before this one"));
    }
    Ok(job.handover.references.clone())
}

fn output(pushed: &Pushed, targets: &[Reference], handover: Handover) -> StepOutput {
    let image = targets.first().map(|first| first.with_digest(pushed.digest.clone()));
    let references: Vec<String> = pushed.references.iter().map(ToString::to_string).collect();
    let plain = Rendered::Plain;
    let mut outputs = Outputs::from([
        (OutputName::Digest, plain(pushed.digest.to_string())),
        (OutputName::Tags, plain(references.join("\n"))),
        (OutputName::BytesSent, plain(pushed.bytes_sent.to_string())),
        (OutputName::BytesReused, plain(pushed.bytes_reused.to_string())),
    ]);
    if let Some(image) = &image {
        outputs.set(OutputName::Image, plain(image.to_string()));
    }
    let handover = Handover { pushed: image, ..handover };
    StepOutput { outputs, handover }
}
