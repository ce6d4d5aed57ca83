//! The lists for programs. Their keys are documented in the reference and stay.

use super::deployed::Running;
use super::survey::{Row, Shelf, Survey};
use crate::registry::ListedKind;
use serde_json::{Value, json};

/// A list, one object a row.
pub(super) fn list(survey: &Survey) -> String {
    let rows = survey
        .shelves
        .iter()
        .flat_map(|shelf| shelf.rows.iter().map(move |one| row(shelf, one, &survey.running)));
    text(&Value::Array(rows.collect()))
}

/// JSON as people can read it too.
pub(super) fn text(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn row(shelf: &Shelf, row: &Row, running: &Running) -> Value {
    let held = &row.held;
    let platforms: Vec<Value> = held
        .platforms
        .iter()
        .map(|one| json!({ "platform": one.platform, "digest": one.digest, "size": one.size }))
        .collect();
    let known = running.unknown().is_none() || !row.groups.is_empty();
    let groups = known.then_some(&row.groups);
    json!({
        "reference": shelf.name(row),
        "registry": shelf.host,
        "repository": shelf.repository,
        "tag": held.tag,
        "digest": held.digest,
        "kind": kind(&held.kind),
        "media-type": held.media_type,
        "artifact-type": artifact_type(&held.kind),
        "size": held.size,
        "platforms": platforms,
        "created": held.created.map(|time| time.to_string()),
        "updated": held.updated.map(|time| time.to_string()),
        "deployed": groups,
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
