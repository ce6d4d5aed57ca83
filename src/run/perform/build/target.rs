//! Whether the image that was built can run where the service deploys it.

use crate::image::Product;
use crate::plan::schema::Action;
use crate::run::outcome::StepError;
use crate::run::perform::deploy;
use crate::run::perform::performer::{Job, Performer};

/// Fails before anything is pushed. The platform of an image that is taken as it is,
/// and of one that a Dockerfile makes from any base, is only known now.
pub fn check(performer: &Performer, job: &Job, product: &Product) -> Result<(), StepError> {
    for (chosen, step) in performer.plan.later_steps(job.service, job.place) {
        match &step.action {
            // What is deployed later is another image.
            Action::Build(_) => return Ok(()),
            Action::Deploy(deploy) if chosen && deploy.images().contains(&None) => {
                deploy::check_platforms(deploy, &product.platforms())?;
            }
            _ => {}
        }
    }
    Ok(())
}
