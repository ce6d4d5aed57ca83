//! The tags under which a registry has built an image.
//!
//! A build in a registry needs a tag there. It is of no use once the image has the tags of
//! the plan, and goes with the push that sets them.

use super::performer::{Job, Performer};
use crate::http::Retryable as _;
use crate::oci::Reference;

/// Removes the tags whose image has another one now, and returns those that stay because
/// it has none. A tag that cannot be removed fails no push: it is named, and forgotten.
pub async fn remove(
    performer: &Performer,
    tags: &[Reference],
    targets: &[Reference],
    job: &Job,
) -> Vec<Reference> {
    let mut left = Vec::new();
    for tag in tags {
        let is_same =
            |target: &Reference| target.host == tag.host && target.repository == tag.repository;
        if !targets.iter().any(is_same) {
            left.push(tag.clone());
            continue;
        }
        if let Err(error) = performer.services.clients.registry.untag(tag).await {
            let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
            job.note(format!("the tag `{tag}` of the build stays: {error}{help}"));
        }
    }
    left
}
