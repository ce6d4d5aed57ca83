//! `build`: makes an image, whatever it is made from, as blobs in the store.

mod dockerfile;
pub(super) mod existing;
mod layers;

use super::names::plain_or;
use super::performer::{Job, Performer};
use crate::http::Fault;
use crate::journal::Handover;
use crate::plan::expr::Rendered;
use crate::plan::schema::{Build, BuildKind, Text};
use crate::registry::Platform;
use crate::run::outcome::{Done, Trouble, Undone};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) async fn perform(
    performer: &Performer,
    build: &Build,
    job: &Job,
) -> Result<Done, Undone> {
    let image = match &build.kind {
        BuildKind::Layers(layers) => layers::build(performer, layers, job).await?,
        BuildKind::Dockerfile(dockerfile) => dockerfile::build(performer, dockerfile, job).await?,
        BuildKind::Image(existing) => existing::fetch(performer, existing, job).await?,
    };
    let size: u64 = image.layers.iter().map(|layer| layer.size).sum();
    job.note(format!(
        "{} with {} bytes in {} layers",
        image.manifest.digest,
        size,
        image.layers.len()
    ));
    let plain = |name: &str, value: String| (name.to_owned(), Rendered::Plain(value));
    let outputs = vec![
        plain("image-id", image.image_id().to_string()),
        plain("platform", image.platform.to_string()),
    ];
    // A new image has not been tagged or pushed.
    let handover = Handover {
        built: Some(image.manifest.digest.to_string()),
        platform: Some(image.platform.to_string()),
        references: Vec::new(),
        pushed: None,
        deployed: job.handover.deployed.clone(),
    };
    Ok(Done { outputs, handover })
}

/// The platform asked for.
fn platform(text: Option<&Text>, job: &Job) -> Result<Platform, Trouble> {
    let asked = plain_or(text, "platform", &job.scope)?;
    asked.map_or_else(|| Ok(Platform::default()), |text| text.parse().map_err(Trouble::new))
}

/// Where nothing else is asked for.
pub(super) fn default_platform() -> Platform {
    Platform::default()
}

/// Does what blocks on a thread of its own, and tells it to stop when nobody
/// waits for it any more.
async fn off_the_loop<T, E>(
    work: impl FnOnce(&AtomicBool) -> Result<T, E> + Send + 'static,
) -> Result<T, Trouble>
where
    T: Send + 'static,
    E: Fault,
{
    let stop = Arc::new(AtomicBool::new(false));
    // Dropped with this future when the run is stopped.
    let _guard = StopOnDrop(Arc::clone(&stop));
    let done = tokio::task::spawn_blocking(move || work(&stop)).await;
    let done = done.map_err(|error| Trouble::new("build").because(error.to_string()))?;
    done.map_err(|error| Trouble::from_fault(&error))
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
