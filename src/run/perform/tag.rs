//! `tag`: names the service's image. Nothing is sent yet.

use super::performer::Job;
use super::references::references;
use crate::journal::Handover;
use crate::plan::expr::Rendered;
use crate::plan::schema::Tag;
use crate::run::outcome::{AttemptError, StepOutput};
use std::collections::BTreeMap;

pub fn perform(tag: &Tag, job: &Job) -> Result<StepOutput, AttemptError> {
    let references: Vec<String> =
        references(tag, &job.scope)?.iter().map(ToString::to_string).collect();
    job.note(references.join(", "));
    let outputs = vec![("references".into(), Rendered::Plain(references.join("\n")))];
    let (pushed, images) = (None, BTreeMap::new());
    let handover = Handover { references, pushed, images, ..job.handover.clone() };
    Ok(StepOutput { outputs, handover })
}
