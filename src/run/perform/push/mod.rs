//! `push`: sends the service's image to the registries of its references.

pub(super) mod ahead;

use self::ahead::Outbound;
use super::attest;
use super::build::{Made, existing};
use super::create;
use super::names::plain;
use super::performer::{Job, Performer};
use super::progress::ProgressReporter;
use crate::event::Verb;
use crate::http::Retryable;
use crate::image::{Child, Product};
use crate::journal::Handover;
use crate::oci::{Descriptor, Digest, Reference};
use crate::plan::expr::Rendered;
use crate::plan::schema;
use crate::progress::Progress;
use crate::registry::{Blob, BlobSource, PushError, PushManifest, Pushed};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn perform(
    performer: &Performer,
    push: &schema::Push,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let made = image(performer, push, job).await?;
    let product = &made.product;
    let targets = targets(job)?;
    create::registries(performer, &targets, job).await?;
    let what = crate::registry::Push {
        blobs: blobs(performer, &made)?,
        manifest: PushManifest {
            media_type: product.manifest().media_type.clone(),
            bytes: product.manifest_bytes().clone(),
            digest: product.manifest().digest.clone(),
        },
        children: product.flights().iter().map(|flight| children(flight)).collect(),
        targets: targets.clone(),
    };
    let told = ProgressReporter::new(job, Verb::Pushed);
    let progress = |progress: Progress| told.tell(progress);
    let registry = &performer.clients.registry;
    let pushed = match performer.underway.take(job.service).filter(|_| push.image.is_none()) {
        Some(ahead) => registry.push_after(ahead, what, &progress).await,
        None => registry.push(what, &progress).await,
    };
    let pushed = match pushed {
        Ok(pushed) => pushed,
        Err(error) => return Err(refused(performer, &error).await.into()),
    };
    let handover = Handover { images: images(product), ..job.handover.clone() };
    let attached = attest::perform(performer, push, job, &subject(product, &targets)).await?;
    let mut done = done(&pushed, &targets, handover);
    done.outputs.extend(attached);
    Ok(done)
}

/// Why it did not work. A registry that does not take a blob may have seen what
/// we did not look at again: that the copy here is damaged.
async fn refused(performer: &Performer, error: &PushError) -> StepError {
    let trouble = StepError::from_error(error);
    let PushError::Blob { digest, source, .. } = error else { return trouble };
    if source.status() != Some(400) {
        return trouble;
    }
    let (store, blob) = (performer.images.clone(), digest.clone());
    let damaged = tokio::task::spawn_blocking(move || store.drop_damaged(&blob)).await;
    if !damaged.unwrap_or_default() {
        return trouble;
    }
    trouble
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

/// What the service built, or what the step names instead.
async fn image(performer: &Performer, push: &schema::Push, job: &Job) -> Result<Made, StepError> {
    if let Some(text) = &push.image {
        let reference = plain(text, "image", &job.scope)?;
        let outbound = Outbound { job, ahead: None };
        return existing::find(performer, &reference, None, &outbound).await;
    }
    let built = job.handover.built.as_deref().ok_or_else(|| {
        StepError::new("there is no image to push")
            .help("build one in an earlier step, or name one with `image:`")
    })?;
    let digest: Digest = built.parse().map_err(|error| {
        StepError::new("find the image that was built").because(format!("{error}"))
    })?;
    let product = performer.images.product(&digest).map_err(|error| gone(&error))?;
    let origin = |(blob, from): (&String, &String)| Some((blob.parse().ok()?, from.parse().ok()?));
    Ok(Made { product, origins: job.handover.origins.iter().filter_map(origin).collect() })
}

fn gone(error: &impl Retryable) -> StepError {
    StepError::from_error(error).help("run the `build` step again: `--from` it, or a new run")
}

/// Each blob from the store; one that is in a registry from there, where it may
/// be mounted.
fn blobs(performer: &Performer, made: &Made) -> Result<Vec<Blob>, StepError> {
    let one = |descriptor: Descriptor| {
        let here = performer.images.locate(&descriptor);
        let Some(from) = made.origins.get(&descriptor.digest) else {
            let path = here.map_err(|error| gone(&error))?;
            return Ok(Blob { descriptor, source: BlobSource::File(path) });
        };
        let blob = performer.clients.registry.blob_in(from, &descriptor, here.ok());
        blob.map_err(|error| StepError::from_error(&error))
    };
    made.product.blobs().into_iter().map(one).collect()
}

/// What an index lists, as it is sent.
fn children(flight: &[&Child]) -> Vec<PushManifest> {
    let one = |child: &&Child| PushManifest {
        media_type: child.manifest.media_type.clone(),
        bytes: child.bytes.clone(),
        digest: child.manifest.digest.clone(),
    };
    flight.iter().map(one).collect()
}

/// The images of an index, by platform; the first for each.
fn images(product: &Product) -> BTreeMap<String, String> {
    let mut images = BTreeMap::new();
    if let Product::Index(index) = product {
        for (platform, image) in index.images() {
            images.entry(platform.to_string()).or_insert_with(|| image.manifest.digest.to_string());
        }
    }
    images
}

fn targets(job: &Job) -> Result<Vec<Reference>, StepError> {
    if job.handover.references.is_empty() {
        return Err(StepError::new("the image has no name to push it under")
            .help("add a `tag` step before this one"));
    }
    let read = |text: &String| {
        text.parse()
            .map_err(|error: crate::oci::InvalidReference| StepError::new(error.to_string()))
    };
    job.handover.references.iter().map(read).collect()
}

fn done(pushed: &Pushed, targets: &[Reference], handover: Handover) -> StepOutput {
    let by_digest = targets.first().map(|first| first.with_digest(pushed.digest.clone()));
    let image = by_digest.map(|image| image.to_string()).unwrap_or_default();
    let references: Vec<String> = pushed.references.iter().map(ToString::to_string).collect();
    let plain = |name: &str, value: String| (name.to_owned(), Rendered::Plain(value));
    let outputs = vec![
        plain("digest", pushed.digest.to_string()),
        plain("image", image.clone()),
        plain("tags", references.join("\n")),
        plain("bytes-sent", pushed.bytes_sent.to_string()),
        plain("bytes-reused", pushed.bytes_reused.to_string()),
    ];
    let handover = Handover { pushed: Some(image), ..handover };
    StepOutput { outputs, handover }
}
