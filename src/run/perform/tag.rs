//! `tag`: names the service's image. Nothing is sent yet.

use super::names::{name, optional_name};
use super::performer::Job;
use crate::journal::Handover;
use crate::oci::Reference;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::{Tag, TagTarget};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use std::collections::BTreeMap;

pub(super) fn perform(tag: &Tag, job: &Job) -> Result<StepOutput, AttemptError> {
    let references: Vec<String> =
        references(tag, &job.scope)?.iter().map(ToString::to_string).collect();
    job.note(references.join(", "));
    let outputs = vec![("references".into(), Rendered::Plain(references.join("\n")))];
    let (pushed, images) = (None, BTreeMap::new());
    let handover = Handover { references, pushed, images, ..job.handover.clone() };
    Ok(StepOutput { outputs, handover })
}

/// The names that it gives, each once.
pub(super) fn references(tag: &Tag, scope: &Scope) -> Result<Vec<Reference>, StepError> {
    let mut references = Vec::new();
    for target in &tag.targets {
        for reference in references_of(target, scope)? {
            if !references.contains(&reference) {
                references.push(reference);
            }
        }
    }
    Ok(references)
}

/// The references of one target, empty tags left out.
fn references_of(target: &TagTarget, scope: &Scope) -> Result<Vec<Reference>, StepError> {
    let image = name(&target.image, "image's name", scope)?;
    let read = |text: &str| {
        text.parse::<Reference>().map_err(|error| {
            let mut trouble = StepError::new(error.to_string());
            trouble.span = Some(target.image.span.clone());
            trouble
        })
    };
    let whole = read(&image)?;
    if target.tags.is_empty() {
        if whole.tag.is_none() {
            return Err(StepError::new(format!("`{image}` has no tag"))
                .help(format!("write `{image}:TAG`, or give `tags`; `latest` is never implied")));
        }
        return Ok(vec![whole]);
    }
    let mut references = Vec::new();
    for tag in &target.tags {
        if let Some(tag) = optional_name(tag, "tag", scope)? {
            references.push(read(&format!("{}:{tag}", whole.name()))?);
        }
    }
    if references.is_empty() {
        return Err(StepError::new(format!("every tag of `{image}` is empty"))
            .help("add one that is always there, such as `${{ git.short-sha }}`"));
    }
    Ok(references)
}
