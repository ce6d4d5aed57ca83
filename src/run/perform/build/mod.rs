//! `build`: makes an image from layers, a Dockerfile or another image, as blobs
//! in the store.

mod acr;
mod built;
#[cfg(target_os = "linux")]
mod commands;
#[cfg(not(target_os = "linux"))]
#[path = "no_commands.rs"]
mod commands;
mod dockerfile;
mod engine;
mod engine_store;
mod existing;
mod labels;
mod layers;
mod platforms;
mod saved;
mod target;

use super::early_upload::{self, BuildJob};
use super::performer::{Job, Performer};
use crate::event::{OutputName, Outputs};
use crate::image::{Index, Product};
use crate::journal::Handover;
use crate::plan::expr::Rendered;
use crate::plan::schema::{Build, BuildKind};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use crate::value::{bytes, counted};
use std::path::PathBuf;

pub use acr::preflight;
pub use commands::{reexec, refusal as command_refusal, remove_kept};

pub async fn perform(
    performer: &Performer,
    build: &Build,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let upload = early_upload::begin(performer, job);
    let build_job = BuildJob { job, upload: upload.clone() };
    let built = match &build.kind {
        BuildKind::Layers(layers) => layers::build(performer, layers, &build_job).await?,
        BuildKind::Dockerfile(dockerfile) => dockerfile::build(performer, dockerfile, job).await?,
        BuildKind::Image(existing) => existing::fetch(performer, existing, &build_job).await?,
    };
    target::check(performer, job, &built.product)?;
    saved::save(performer, &built.product, job).await?;
    if let Some(upload) = upload {
        performer.services.early_uploads.insert(job.service, upload);
    }
    job.note(summary(&built.product));
    let platforms: Vec<String> =
        built.product.platforms().iter().map(ToString::to_string).collect();
    let outputs = Outputs::from([
        (OutputName::ImageId, Rendered::Plain(built.product.image_id().to_string())),
        (OutputName::Platform, Rendered::Plain(platforms.join(","))),
    ]);
    let origins = built.origins.into_iter();
    // A new image has not been tagged or pushed.
    let handover = Handover {
        built: Some(built.product.manifest().digest.clone()),
        build_tags: built.build_tags,
        origins: origins.map(|(blob, from)| (blob, from.without_tag())).collect(),
        deployed: job.handover.deployed.clone(),
        ..Handover::default()
    };
    Ok(StepOutput { outputs, handover })
}

/// The files and folders that a Dockerfile build reads; empty for other builds.
pub fn sources(performer: &Performer, build: &Build, job: &Job) -> Result<Vec<PathBuf>, StepError> {
    match &build.kind {
        BuildKind::Dockerfile(dockerfile) => dockerfile::sources(performer, dockerfile, job),
        BuildKind::Layers(_) | BuildKind::Image(_) => Ok(Vec::new()),
    }
}

/// The image in one line for the log.
fn summary(product: &Product) -> String {
    let digest = &product.manifest().digest;
    match product {
        Product::Image(image) => {
            let size: u64 = image.layers.iter().map(|layer| layer.size).sum();
            let layers = counted(image.layers.len(), "layer", "layers");
            format!("{digest} with {} in {layers}", bytes(size))
        }
        Product::Index(index) => format!("{digest} for {}", platforms(index)),
    }
}

/// The platforms of an index.
fn platforms(index: &Index) -> String {
    let all: Vec<String> = index.images().map(|(platform, _)| platform.to_string()).collect();
    if all.is_empty() { "platforms that it does not name".to_owned() } else { all.join(", ") }
}
