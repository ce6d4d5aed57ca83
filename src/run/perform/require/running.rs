//! What a `verify` requires of the images that run.

use super::image::RequiredImage;
use super::requirement::Requirement;
use crate::oci::Reference;
use crate::plan::schema::{Action, Deploy, Verify};
use crate::run::outcome::StepError;
use crate::run::perform::deploy;
use crate::run::perform::names::name;
use crate::run::perform::performer::{Job, Performer};

/// Checks the images of what the service has deployed, or else what it pushed.
pub async fn check_running(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
) -> Result<(), StepError> {
    let Some(require) = &verify.require else { return Ok(()) };
    let files = performer.plan.key_files(job.service);
    let requirement = Requirement::new(require, &files, &job.scope)?;
    for image in images(performer, job).await? {
        for note in requirement.check(performer, &image).await? {
            job.note(note);
        }
    }
    Ok(())
}

async fn images(performer: &Performer, job: &Job) -> Result<Vec<RequiredImage>, StepError> {
    let Some(deployed) = &job.handover.deployed else {
        let pushed = job.handover.pushed.clone().ok_or_else(|| {
            StepError::new("there is no image of which something could be required")
                .help("push or deploy one in an earlier step of the service")
        })?;
        return Ok(vec![RequiredImage { image: pushed, named: Vec::new() }]);
    };
    let named = named_images(performer, job);
    let mut images: Vec<RequiredImage> = Vec::new();
    for text in deploy::live_images(performer, &deployed.target).await? {
        let image: Reference = text.parse()?;
        if image.digest.is_none() {
            let error = StepError::new(format!("`{text}` runs by its tag, not by a digest"));
            return Err(error
                .because("the image that was pulled for it is not known")
                .help("give Shipway a login that may read it, so that `deploy` names its digest"));
        }
        let named = named.iter().filter(|named| named.name() == image.name()).cloned().collect();
        let required = RequiredImage { image, named };
        if !images.contains(&required) {
            images.push(required);
        }
    }
    Ok(images)
}

/// What the service pushed, and what its deploys name: each may be an index.
fn named_images(performer: &Performer, job: &Job) -> Vec<Reference> {
    let steps = performer.plan.service(job.service).steps.iter();
    let deploys = steps.filter_map(|step| match &step.action {
        Action::Deploy(deploy) => Some(deploy),
        _ => None,
    });
    let texts = deploys.flat_map(Deploy::images).flatten();
    let named = texts.filter_map(|text| name(text, "image", &job.scope).ok()?.parse().ok());
    job.handover.pushed.iter().cloned().chain(named).collect()
}
