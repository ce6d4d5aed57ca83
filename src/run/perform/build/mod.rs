//! `build`: makes an image, whatever it is made from, as blobs in the store.

mod dockerfile;
pub(super) mod existing;
mod layers;

use super::names::plain_or;
use super::performer::{Job, Performer};
use super::progress::ProgressReporter;
use super::push::ahead::{self, Outbound};
use crate::event::Verb;
use crate::http::Retryable;
use crate::image::{Image, Index, Product, Watch};
use crate::journal::Handover;
use crate::oci::{Digest, Platform, Reference};
use crate::plan::expr::Rendered;
use crate::plan::schema::{Build, BuildKind, Text};
use crate::progress::Tally;
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) async fn perform(
    performer: &Performer,
    build: &Build,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let ahead = ahead::begin(performer, job);
    let outbound = Outbound { job, ahead: ahead.clone() };
    let made = match &build.kind {
        BuildKind::Layers(layers) => layers::build(performer, layers, &outbound).await?,
        BuildKind::Dockerfile(dockerfile) => dockerfile::build(performer, dockerfile, job).await?,
        BuildKind::Image(existing) => existing::fetch(performer, existing, &outbound).await?,
    };
    if let Some(ahead) = ahead {
        performer.underway.keep(job.service, ahead);
    }
    job.note(summary(&made.product));
    let platforms: Vec<String> = made.product.platforms().iter().map(ToString::to_string).collect();
    let platform = platforms.join(",");
    let plain = |name: &str, value: String| (name.to_owned(), Rendered::Plain(value));
    let outputs = vec![
        plain("image-id", made.product.image_id().to_string()),
        plain("platform", platform.clone()),
    ];
    let origins = made.origins.iter();
    // A new image has not been tagged or pushed.
    let handover = Handover {
        built: Some(made.product.manifest().digest.to_string()),
        platform: Some(platform),
        origins: origins.map(|(blob, from)| (blob.to_string(), from.name())).collect(),
        deployed: job.handover.deployed.clone(),
        ..Handover::default()
    };
    Ok(StepOutput { outputs, handover })
}

/// What a build made, and where that which is not in the store can be had.
pub(super) struct Made {
    pub(super) product: Product,
    /// The repository that holds a blob, by digest.
    pub(super) origins: BTreeMap<Digest, Reference>,
}

impl From<Image> for Made {
    fn from(image: Image) -> Self {
        Self { product: image.into(), origins: BTreeMap::new() }
    }
}

/// What was made, in a line.
fn summary(product: &Product) -> String {
    let digest = &product.manifest().digest;
    match product {
        Product::Image(image) => {
            let size: u64 = image.layers.iter().map(|layer| layer.size).sum();
            format!("{digest} with {size} bytes in {} layers", image.layers.len())
        }
        Product::Index(index) => format!("{digest} for {}", platforms(index)),
    }
}

/// What an index holds images for.
fn platforms(index: &Index) -> String {
    let all: Vec<String> = index.images().map(|(platform, _)| platform.to_string()).collect();
    if all.is_empty() { "platforms that it does not name".to_owned() } else { all.join(", ") }
}

/// The platform asked for.
fn platform(text: Option<&Text>, job: &Job) -> Result<Platform, StepError> {
    let asked = plain_or(text, "platform", &job.scope)?;
    asked.map_or_else(|| Ok(Platform::default()), |text| text.parse().map_err(StepError::new))
}

/// Does what blocks on a thread of its own, and tells it to stop when nobody
/// waits for it any more.
pub(super) async fn run_blocking<T, E>(
    work: impl FnOnce(&AtomicBool) -> Result<T, E> + Send + 'static,
) -> Result<T, StepError>
where
    T: Send + 'static,
    E: Retryable,
{
    let stop = Arc::new(AtomicBool::new(false));
    // Dropped with this future when the run is stopped.
    let _guard = StopOnDrop(Arc::clone(&stop));
    let done = tokio::task::spawn_blocking(move || work(&stop)).await;
    let done = done.map_err(|error| StepError::new("build").because(error.to_string()))?;
    done.map_err(|error| StepError::from_error(&error))
}

/// The same, and tells meanwhile how far it is, as far as it counts.
async fn told<T, E>(
    job: &Job,
    verb: Verb,
    work: impl FnOnce(Watch<'_>) -> Result<T, E> + Send + 'static,
) -> Result<T, StepError>
where
    T: Send + 'static,
    E: Retryable,
{
    let (tally, told) = (Tally::default(), ProgressReporter::new(job, verb));
    let counted = tally.clone();
    let work = run_blocking(move |stop| work(Watch { tally: counted, ..Watch::new(stop) }));
    tally.while_doing(work, &|progress| told.tell(progress)).await
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
