//! `--save-images`: each built image as an OCI layout, which a later job takes.

use crate::image::{Product, write_layout};
use crate::run::outcome::StepError;
use crate::run::perform::blocking::run_blocking;
use crate::run::perform::performer::{Job, Performer};

/// Saves what the service has built, if the run is to save images.
pub async fn save(performer: &Performer, product: &Product, job: &Job) -> Result<(), StepError> {
    let Some(folder) = &performer.facts.save_images else { return Ok(()) };
    let service = performer.plan.service_name(job.service);
    let (store, product) = (performer.services.images.clone(), product.clone());
    let (folders, name) = (folder.clone(), service.clone());
    run_blocking(move |_| write_layout(&store, &product, &folders, &name))
        .await
        .map_err(|error| error.while_doing(format!("cannot save the image of `{service}`")))?;
    job.note(format!("saved in `{}`", folder.join(&service).display()));
    Ok(())
}
