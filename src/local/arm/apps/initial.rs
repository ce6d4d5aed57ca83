//! The environments and apps of the initial state.

use super::super::path::ResourceId;
use super::super::store::{App, AppEnvironment, AppRevision, Resources};
use super::environments;
use super::records::{KIND, key};
use crate::local::initial_state::{EarlierApp, InitialState};
use serde_json::json;

/// The end of the name of the revision that an app had before.
const REVISION_SUFFIX: &str = "before";

/// Adds the environments and the apps of the initial state.
pub fn add_initial(content: &mut Resources, initial: &InitialState, subscription: &str) {
    environments::add_initial(content, initial, subscription);
    for app in &initial.apps {
        let environment = key(&app.environment_group, &app.environment);
        let Some(environment) = content.app_environments.get(&environment).cloned() else {
            continue;
        };
        let key = key(&app.resource_group, &app.name);
        let made = || made(subscription, app, &environment);
        content.apps.entry(key).or_insert_with(made);
    }
}

/// The app with one revision, which gets the requests and runs nothing.
fn made(subscription: &str, app: &EarlierApp, of: &AppEnvironment) -> App {
    let EarlierApp { name, resource_group, target_port, .. } = app;
    let template = json!({
        "revisionSuffix": REVISION_SUFFIX,
        "containers": [{ "name": name, "image": "scratch" }],
    });
    let revision = format!("{name}--{REVISION_SUFFIX}");
    let body = json!({
        "location": of.location,
        "tags": {},
        "properties": {
            "environmentId": of.id,
            "configuration": {
                "activeRevisionsMode": "Single",
                "ingress": { "external": true, "targetPort": target_port, "transport": "auto" },
            },
            "template": template,
        },
    });
    App {
        id: ResourceId { subscription, resource_group, kind: KIND, name }.to_string(),
        name: name.clone(),
        resource_group: resource_group.clone(),
        location: of.location.clone(),
        environment: of.id.clone(),
        domain: of.domain.clone(),
        body,
        revisions: vec![AppRevision {
            name: revision.clone(),
            created: jiff::Timestamp::now().to_string(),
            template,
            active: false,
            ready: true,
        }],
        ready: Some(revision),
        stopped: false,
    }
}
