//! `shipway images REFERENCE --referrers`: lists what is attached to an image.

use super::json;
use crate::cli::columns::{age, columns};
use crate::oci::{Descriptor, Reference};
use crate::registry::{Client, ListedManifest};
use crate::report::{Output, bytes, short_digest};
use crate::run::outcome::StepError;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The list as a table or as JSON.
pub async fn list(
    name: &str,
    artifact_type: Option<&str>,
    output: Output,
    registry: &Client,
) -> Result<String, StepError> {
    let reference: Reference = name.parse()?;
    let subject = subject(registry, &reference).await?;
    let found = registry.referrers(&subject, artifact_type).await;
    let entries = found.map_err(|error| StepError::from_error(&error))?.entries;
    let names: Vec<Reference> =
        entries.iter().map(|entry| subject.with_digest(entry.digest.clone())).collect();
    let held = registry.inspect(&subject, &names).await;
    let held = held.map_err(|error| StepError::from_error(&error))?;
    let mut rows: Vec<(&Descriptor, &ListedManifest)> = entries.iter().zip(&held).collect();
    // A registry may list them by their digests, which say nothing to a person.
    rows.sort_by(|(one, _), (other, _)| one.artifact_type().cmp(&other.artifact_type()));
    Ok(match output {
        Output::Json => json::text(&Value::Array(
            rows.iter().map(|(entry, listed)| object(&subject, entry, listed)).collect(),
        )),
        Output::Human => human(&rows, Timestamp::now()),
    })
}

/// The image by its digest.
async fn subject(registry: &Client, reference: &Reference) -> Result<Reference, StepError> {
    if reference.digest.is_some() {
        return Ok(reference.clone());
    }
    let resolved = registry.resolve(reference, None).await;
    let digest = resolved.map_err(|error| StepError::from_error(&error))?.descriptor.digest;
    Ok(reference.with_digest(digest))
}

fn human(rows: &[(&Descriptor, &ListedManifest)], now: Timestamp) -> String {
    if rows.is_empty() {
        return "nothing is attached".to_owned();
    }
    let cells = |(entry, listed): &(&Descriptor, &ListedManifest)| {
        vec![
            entry.artifact_type().unwrap_or("-").to_owned(),
            short_digest(entry.digest.as_str()),
            listed.size.map_or_else(|| "-".to_owned(), bytes),
            age(listed.created, now),
        ]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    columns(&["TYPE", "DIGEST", "SIZE", "AGE"], &rows)
}

fn object(subject: &Reference, entry: &Descriptor, listed: &ListedManifest) -> Value {
    json!({
        "reference": subject.with_digest(entry.digest.clone()).to_string(),
        "digest": entry.digest,
        "media-type": entry.media_type,
        "artifact-type": entry.artifact_type(),
        "size": listed.size,
        "created": listed.created.map(|time| time.to_string()),
        "annotations": entry.annotations,
    })
}
