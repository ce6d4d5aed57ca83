//! `push`: sends the service's image to the registries of its references.

use super::build::existing;
use super::create;
use super::names::plain;
use super::performer::{Job, Performer};
use super::progress::Told;
use crate::image::Image;
use crate::journal::Handover;
use crate::plan::expr::Rendered;
use crate::plan::schema;
use crate::registry::{Blob, BlobSource, Digest, Progress, PushManifest, Pushed, Reference};
use crate::run::outcome::{Done, Trouble, Undone};

pub(super) async fn perform(
    performer: &Performer,
    push: &schema::Push,
    job: &Job,
) -> Result<Done, Undone> {
    let image = image(performer, push, job).await?;
    let targets = targets(job)?;
    create::registries(performer, &targets, job).await?;
    let blobs = image.blobs(&performer.images).map_err(|error| Trouble::from_fault(&error))?;
    let what = crate::registry::Push {
        blobs: blobs
            .into_iter()
            .map(|(descriptor, path)| Blob { descriptor, source: BlobSource::File(path) })
            .collect(),
        manifest: PushManifest {
            media_type: image.manifest.media_type.clone(),
            bytes: image.manifest_bytes.clone(),
            digest: image.manifest.digest.clone(),
        },
        children: Vec::new(),
        targets: targets.clone(),
    };
    let told = Told::new(job);
    let progress = |progress: Progress| told.blobs(&progress);
    let pushed = performer.clients.registry.push(what, &progress).await;
    let pushed = pushed.map_err(|error| Trouble::from_fault(&error))?;
    Ok(done(&pushed, &targets, job))
}

/// What the service built, or what the step names instead.
async fn image(performer: &Performer, push: &schema::Push, job: &Job) -> Result<Image, Trouble> {
    if let Some(text) = &push.image {
        let reference = plain(text, "image", &job.scope)?;
        return existing::fetch_named(
            performer,
            &reference,
            &super::build::default_platform(),
            job,
        )
        .await;
    }
    let built = job.handover.built.as_deref().ok_or_else(|| {
        Trouble::new("there is no image to push")
            .help("build one in an earlier step, or name one with `image:`")
    })?;
    let digest: Digest = built.parse().map_err(|error| {
        Trouble::new("find the image that was built").because(format!("{error}"))
    })?;
    performer.images.load(&digest).map_err(|error| {
        Trouble::from_fault(&error).help("run the `build` step again: `--from` it, or a new run")
    })
}

fn targets(job: &Job) -> Result<Vec<Reference>, Trouble> {
    if job.handover.references.is_empty() {
        return Err(Trouble::new("the image has no name to push it under")
            .help("add a `tag` step before this one"));
    }
    let read = |text: &String| {
        text.parse()
            .map_err(|error: crate::registry::InvalidReference| Trouble::new(error.to_string()))
    };
    job.handover.references.iter().map(read).collect()
}

fn done(pushed: &Pushed, targets: &[Reference], job: &Job) -> Done {
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
    let handover = Handover { pushed: Some(image), ..job.handover.clone() };
    Done { outputs, handover }
}
