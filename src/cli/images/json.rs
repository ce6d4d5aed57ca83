//! The lists as JSON. Their keys are documented in the reference and do not change.

use super::deployed::DeployedImages;
use super::survey::{ListingRow, RepositoryListing, Survey};
use crate::registry::ListedKind;
use serde_json::{Value, json};

/// One object for each row.
pub fn list(survey: &Survey) -> String {
    let rows = survey
        .listings
        .iter()
        .flat_map(|listing| listing.rows.iter().map(move |one| row(listing, one, &survey.running)));
    text(&Value::Array(rows.collect()))
}

/// Indented JSON.
pub fn text(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn row(listing: &RepositoryListing, row: &ListingRow, running: &DeployedImages) -> Value {
    let manifest = &row.manifest;
    let platforms: Vec<Value> = manifest
        .platforms
        .iter()
        .map(|one| json!({ "platform": one.platform, "digest": one.digest, "size": one.size }))
        .collect();
    let known = running.incomplete_because().is_none() || !row.run_by.is_empty();
    let run_by = known.then_some(&row.run_by);
    json!({
        "reference": listing.name(row),
        "registry": listing.host,
        "repository": listing.repository,
        "tag": manifest.tag,
        "digest": manifest.digest,
        "kind": kind(&manifest.kind),
        "media-type": manifest.media_type,
        "artifact-type": artifact_type(&manifest.kind),
        "size": manifest.size,
        "platforms": platforms,
        "created": manifest.created.map(|time| time.to_string()),
        "updated": manifest.updated.map(|time| time.to_string()),
        "deployed": run_by,
    })
}

fn kind(kind: &ListedKind) -> &'static str {
    match kind {
        ListedKind::Image => "image",
        ListedKind::Index => "index",
        ListedKind::Artifact(_) => "artifact",
        ListedKind::Unreadable => "unreadable",
        ListedKind::Gone => "gone",
    }
}

fn artifact_type(kind: &ListedKind) -> Option<&str> {
    match kind {
        ListedKind::Artifact(kind) => Some(kind),
        ListedKind::Image | ListedKind::Index | ListedKind::Unreadable | ListedKind::Gone => None,
    }
}
