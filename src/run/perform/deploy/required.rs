//! What a `deploy` requires of its images, checked before anything is changed.

use super::image::{image_of, known_pin};
use crate::oci::Reference;
use crate::plan::schema::{Deploy, Text};
use crate::run::outcome::StepError;
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::pinned_images::PinnedImage;
use crate::run::perform::require::{RequiredImage, Requirement};

/// Fails unless each image of the step has what is required of it. What is checked is what
/// is deployed: the digest of an image that the plan names is kept for the deploy.
pub async fn check(performer: &Performer, deploy: &Deploy, job: &Job) -> Result<(), StepError> {
    let Some(require) = &deploy.require else { return Ok(()) };
    let files = performer.plan.key_files(job.service);
    let requirement = Requirement::new(require, &files, &job.scope)?;
    let mut checked = Vec::new();
    for named in deploy.images() {
        let image = required_image(performer, deploy, named, job).await?;
        if checked.contains(&image) {
            continue;
        }
        for note in requirement.check(performer, &image).await? {
            job.note(note);
        }
        checked.push(image);
    }
    Ok(())
}

/// The image of a container, by its digest.
async fn required_image(
    performer: &Performer,
    deploy: &Deploy,
    named: Option<&Text>,
    job: &Job,
) -> Result<RequiredImage, StepError> {
    let reference: Reference = image_of(named, deploy.runs_on(), job)?.parse()?;
    if named.is_none() {
        let named = job.handover.pushed.iter().cloned().collect();
        return Ok(RequiredImage { image: reference, named });
    }
    let settings = AzureSettings { performer, scope: &job.scope };
    let pin = known_pin(settings, &reference).await?;
    performer.services.pinned_images.insert(&reference, pin.clone());
    pinned(&reference, pin)
}

/// An image of the plan, whose digest is known.
pub fn pinned(reference: &Reference, pin: PinnedImage) -> Result<RequiredImage, StepError> {
    match pin {
        PinnedImage::Digest(image) => Ok(RequiredImage { image, named: vec![reference.clone()] }),
        PinnedImage::Unreadable { why } => {
            let message = format!("cannot check what `{reference}` has to have");
            Err(StepError::new(message)
                .because(why)
                .help("give Shipway a login that may read it, by `login` under `registries`"))
        }
    }
}
