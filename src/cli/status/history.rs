//! `shipway status --history`: which versions the targets run, and which they ran before.

use super::commits::Titles;
use crate::cli::columns::{UNKNOWN, age, columns};
use crate::cli::revisions::{ListedRevision, Revisions, TargetRevisions};
use crate::cli::targets::Owner;
use crate::oci::Reference;
use crate::report::short_digest;
use jiff::Timestamp;
use serde_json::{Value, json};

const HEADINGS: [&str; 6] = ["SERVICE", "REVISION", "COMMIT", "IMAGE", "AGE", "STATE"];

/// One row for what runs, and one for each version before it.
pub fn table(revisions: &Revisions, titles: &Titles, now: Timestamp) -> String {
    let rows: Vec<Vec<String>> =
        revisions.targets.iter().flat_map(|target| rows(target, titles, now)).collect();
    if rows.is_empty() { "nothing is deployed".to_owned() } else { columns(&HEADINGS, &rows) }
}

fn rows(target: &TargetRevisions, titles: &Titles, now: Timestamp) -> Vec<Vec<String>> {
    let service = &target.target.tags.service;
    let current = target.current.iter().map(|listed| ("now".to_owned(), listed));
    let past = target.past.iter().enumerate();
    let past = past.map(|(place, listed)| ((place + 1).to_string(), listed));
    let mut rows: Vec<Vec<String>> = current
        .chain(past)
        .map(|(name, listed)| {
            let revision = &listed.revision;
            let state = state(listed);
            vec![
                service.clone(),
                if name == "now" { "runs now".to_owned() } else { name },
                titles.cell(revision.commit.as_ref(), revision.dirty),
                image(&revision.image),
                age(revision.deployed_at(), now),
                state,
            ]
        })
        .collect();
    if target.current.is_none() {
        let unknown = || UNKNOWN.to_owned();
        let state = "its image has no digest".to_owned();
        let row =
            vec![service.clone(), "runs now".to_owned(), unknown(), unknown(), unknown(), state];
        rows.insert(0, row);
    }
    rows
}

fn image(image: &Reference) -> String {
    let name = image.repository.rsplit('/').next().unwrap_or_default();
    let tag = image.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = image.digest.as_ref().map_or("", |digest| digest.as_str());
    format!("{name}{tag} {}", short_digest(digest))
}

fn state(listed: &ListedRevision) -> String {
    let revision = &listed.revision;
    let mut words = vec![if revision.verified { "verified" } else { "not verified" }];
    if revision.taken_back {
        words.push("taken back");
    }
    if listed.is_there == Some(false) {
        words.push("image is gone");
    }
    words.join(", ")
}

/// One document. Its keys are documented in `docs/operate.md` and do not change.
pub fn document(revisions: &Revisions, titles: &Titles, owner: &Owner) -> String {
    let services: Vec<Value> = revisions.targets.iter().map(|one| service(one, titles)).collect();
    let document = json!({
        "plan": owner.plan,
        "environment": owner.environment,
        "repository": owner.repository,
        "pull-request": owner.pull_request,
        "services": services,
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn service(target: &TargetRevisions, titles: &Titles) -> Value {
    let current = target.current.iter().map(|listed| revision(None, listed, titles));
    let past = target.past.iter().enumerate();
    let past = past.map(|(place, listed)| revision(Some(place + 1), listed, titles));
    json!({
        "service": target.target.tags.service,
        "target": target.target.id.to_string(),
        "revisions": current.chain(past).collect::<Vec<_>>(),
    })
}

fn revision(number: Option<usize>, listed: &ListedRevision, titles: &Titles) -> Value {
    let revision = &listed.revision;
    json!({
        "revision": number,
        "runs": number.is_none(),
        "commit": revision.commit,
        "commit-title": titles.of(revision.commit.as_ref()),
        "commit-time": revision.commit_time,
        "dirty": revision.dirty,
        "image": Reference { tag: None, ..revision.image.clone() }.to_string(),
        "image-tag": revision.image.tag,
        "digest": revision.digest(),
        "in-registry": listed.is_there,
        "run": revision.run,
        "deployed-at": revision.deployed_at().map(|time| time.to_string()),
        "verified": revision.verified,
        "taken-back": revision.taken_back,
        "secure-variables": revision.secure,
    })
}
