//! Which revision gets a request, where an app has several active ones.

use super::super::response::ArmError;
use super::super::store::App;
use super::group::list;
use serde_json::Value;

/// A part of the requests to an app.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Share {
    revision: String,
    weight: u64,
    label: Option<String>,
}

/// Whether revisions stay active beside the newest.
pub fn is_multiple(app: &App) -> bool {
    app.body["properties"]["configuration"]["activeRevisionsMode"]
        .as_str()
        .is_some_and(|mode| mode.eq_ignore_ascii_case("multiple"))
}

/// As the app says it, or all requests to the revision that is ready.
fn shares(app: &App) -> Vec<Share> {
    let traffic = list(&app.body["properties"]["configuration"]["ingress"]["traffic"]);
    if !is_multiple(app) || traffic.is_empty() {
        let all =
            |revision: &String| Share { revision: revision.clone(), weight: 100, label: None };
        return app.ready.iter().map(all).collect();
    }
    let share = |entry: &Value| {
        let named = entry["revisionName"].as_str().filter(|name| !name.is_empty());
        let revision = named.or(app.ready.as_deref())?.to_owned();
        let label = entry["label"].as_str().filter(|label| !label.is_empty());
        let weight = entry["weight"].as_u64().unwrap_or_default();
        Some(Share { revision, weight, label: label.map(str::to_owned) })
    };
    traffic.iter().filter_map(share).collect()
}

/// How many of a hundred requests a revision gets.
pub fn weight(app: &App, revision: &str) -> u64 {
    let own = shares(app).into_iter().filter(|share| share.revision == revision);
    own.map(|share| share.weight).sum()
}

/// The revision that gets a request to a host, of the app, of a revision or of a label.
/// `turn` is any number; over many of them, the weights hold.
pub fn revision_for(app: &App, host: &str, turn: u64) -> Option<String> {
    let own = app.revisions.iter().find(|it| it.active && app.host_of(&it.name) == host);
    if let Some(own) = own {
        return Some(own.name.clone());
    }
    let shares = shares(app);
    let is_labelled =
        |share: &&Share| share.label.as_ref().is_some_and(|label| app.label_host(label) == host);
    if let Some(labelled) = shares.iter().find(is_labelled) {
        return Some(labelled.revision.clone());
    }
    let total: u64 = shares.iter().map(|share| share.weight).sum();
    let mut left = turn % total.max(1);
    for share in &shares {
        if left < share.weight {
            return Some(share.revision.clone());
        }
        left -= share.weight;
    }
    None
}

/// Checks what a body says of traffic. The codes are invented.
pub fn check(body: &Value, known: &[&str]) -> Result<(), ArmError> {
    let traffic = list(&body["properties"]["configuration"]["ingress"]["traffic"]);
    if traffic.is_empty() {
        return Ok(());
    }
    let total: u64 = traffic.iter().filter_map(|entry| entry["weight"].as_u64()).sum();
    if total != 100 {
        let message = format!("The weights of the traffic are {total} in all, and not 100.");
        return Err(ArmError::bad("ContainerAppInvalidTrafficWeight", message));
    }
    let mut names = traffic.iter().filter_map(|entry| entry["revisionName"].as_str());
    match names.find(|name| !name.is_empty() && !known.contains(name)) {
        Some(name) => {
            let message = format!("The revision '{name}' of the traffic does not exist.");
            Err(ArmError::bad("ContainerAppTrafficRevisionNotFound", message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, revision_for, weight};
    use crate::local::arm::store::App;
    use serde_json::{Value, json};

    fn app(mode: &str, traffic: &Value) -> App {
        let revision =
            |name: &str| json!({ "name": name, "created": "", "template": {}, "active": true });
        let body = json!({ "properties": { "configuration": {
            "activeRevisionsMode": mode, "ingress": { "targetPort": 80, "traffic": traffic },
        }}});
        serde_json::from_value(json!({
            "id": "/a", "name": "a", "resource-group": "g", "location": "l", "environment": "e",
            "domain": "d.io", "body": body, "ready": "a--2",
            "revisions": [revision("a--1"), revision("a--2")],
        }))
        .expect("an app")
    }

    #[test]
    fn requests_are_shared_by_weight_and_labels_name_revisions() {
        let traffic = json!([
            { "latestRevision": true, "weight": 80 },
            { "revisionName": "a--1", "weight": 20, "label": "old" },
        ]);
        let app = app("Multiple", &traffic);
        let of = |host: &str, turn| revision_for(&app, host, turn);
        let old = (0..100).filter(|&turn| of("a.d.io", turn).as_deref() == Some("a--1")).count();
        assert_eq!(old, 20);
        assert_eq!(of("a---old.d.io", 0).as_deref(), Some("a--1"));
        assert_eq!(of("a--1.d.io", 0).as_deref(), Some("a--1"));
        assert_eq!((weight(&app, "a--1"), weight(&app, "a--2")), (20, 80));
        assert!(app.answers_at("a---old.d.io") && !app.answers_at("a---new.d.io"));
    }

    #[test]
    fn single_revision_gets_all_requests() {
        let app = app("Single", &json!([{ "revisionName": "a--1", "weight": 100 }]));
        assert_eq!(revision_for(&app, "a.d.io", 7).as_deref(), Some("a--2"));
        assert_eq!(weight(&app, "a--2"), 100);
    }

    #[test]
    fn weights_and_revisions_are_checked() {
        let message = |traffic: Value| {
            let body =
                json!({ "properties": { "configuration": { "ingress": { "traffic": traffic } } } });
            check(&body, &["a--1"]).map_err(|error| error.message)
        };
        assert_eq!(message(json!([{ "latestRevision": true, "weight": 100 }])), Ok(()));
        assert_eq!(
            message(json!([{ "latestRevision": true, "weight": 60 }])),
            Err("The weights of the traffic are 60 in all, and not 100.".to_owned())
        );
        assert_eq!(
            message(json!([{ "revisionName": "a--3", "weight": 100 }])),
            Err("The revision 'a--3' of the traffic does not exist.".to_owned())
        );
    }
}
