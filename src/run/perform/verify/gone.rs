//! What was deployed and is not there any more.

use crate::run::outcome::StepError;
use crate::run::perform::deploy::name_of_live;
use crate::run::perform::performer::{Job, Performer};

/// The error of a check of what was removed in the meantime. `None` while it is there, or where
/// that is not known.
pub async fn removed(performer: &Performer, job: &Job) -> Option<StepError> {
    let target = &job.handover.deployed.as_ref()?.target;
    match performer.services.clients.azure.deployed.find(target).await {
        Ok(None) => {
            let what = format!("{} is not there any more", name_of_live(target));
            let why = "it was removed since it was deployed";
            Some(StepError::new(what).because(why).help("`shipway run` deploys it"))
        }
        Ok(Some(_)) | Err(_) => None,
    }
}
