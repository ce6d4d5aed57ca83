//! `tag`: names the service's image. Nothing is sent yet.

use super::performer::Job;
use super::references::references;
use crate::event::{OutputName, Outputs};
use crate::journal::Handover;
use crate::plan::expr::Rendered;
use crate::plan::schema::Tag;
use crate::run::outcome::{AttemptError, StepOutput};

pub fn perform(tag: &Tag, job: &Job) -> Result<StepOutput, AttemptError> {
    let references = references(tag, &job.scope)?;
    let names: Vec<String> = references.iter().map(ToString::to_string).collect();
    job.note(names.join(", "));
    let outputs = Outputs::from([(OutputName::References, Rendered::Plain(names.join("\n")))]);
    let (pushed, images) = (None, Vec::new());
    let handover = Handover { references, pushed, images, ..job.handover.clone() };
    Ok(StepOutput { outputs, handover })
}
