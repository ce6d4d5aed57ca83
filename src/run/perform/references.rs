//! Which references a `tag` step gives the image.

use super::names::{name, optional_name};
use crate::oci::{InvalidReference, Reference};
use crate::plan::expr::Scope;
use crate::plan::schema::{Tag, TagTarget};
use crate::run::outcome::StepError;
use std::collections::BTreeMap;

impl From<InvalidReference> for StepError {
    fn from(error: InvalidReference) -> Self {
        Self::new(error.to_string())
    }
}

/// One reference of each repository.
pub fn repositories(targets: &[Reference]) -> Vec<&Reference> {
    let mut places: BTreeMap<String, &Reference> = BTreeMap::new();
    for target in targets {
        places.entry(target.name()).or_insert(target);
    }
    places.into_values().collect()
}

/// The references of all targets in order, each once.
pub fn references(tag: &Tag, scope: &Scope) -> Result<Vec<Reference>, StepError> {
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

/// The references of one target. Empty tags are left out.
fn references_of(target: &TagTarget, scope: &Scope) -> Result<Vec<Reference>, StepError> {
    let image = name(&target.image, "image's name", scope)?;
    let parse = |text: &str| {
        text.parse::<Reference>().map_err(|error| {
            let mut error = StepError::new(error.to_string());
            error.span = Some(target.image.span.clone());
            error
        })
    };
    let untagged = parse(&image)?;
    if target.tags.is_empty() {
        if untagged.tag.is_none() {
            return Err(StepError::new(format!("`{image}` has no tag"))
                .help(format!("write `{image}:TAG`, or give `tags`; `latest` is never implied")));
        }
        return Ok(vec![untagged]);
    }
    let mut references = Vec::new();
    for tag in &target.tags {
        if let Some(tag) = optional_name(tag, "tag", scope)? {
            references.push(parse(&format!("{}:{tag}", untagged.name()))?);
        }
    }
    if references.is_empty() {
        return Err(StepError::new(format!("every tag of `{image}` is empty"))
            .help("add one that is always there, such as `${{ git.short-sha }}`"));
    }
    Ok(references)
}
