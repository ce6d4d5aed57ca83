//! The document of an app: what is sent, how it differs, and what puts it back.

use super::{desired, live};
use crate::azure::EnvValue;
use crate::azure::container_apps::{App, AppIngress, PreviousApp, difference, is_as_deployed};
use crate::secret::Redactor;
use crate::value::{Change, OutsideChanges, PropertyValue, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn documents_of_any_shape_are_read() {
    for document in [
        json!([]),
        json!("app"),
        json!({ "properties": { "configuration": [], "template": "a" } }),
        json!({ "properties": { "template": { "containers": [1, { "env": ["a"] }] } } }),
    ] {
        let previous = PreviousApp::of(&App::of(document), str::is_empty);
        let body = previous.body(&BTreeMap::new(), "r2");
        assert_eq!(body["properties"]["template"]["revisionSuffix"], "r2");
    }
}

#[test]
fn body_has_secrets_by_reference_and_the_identity_that_pulls() {
    let mut body = desired().body();
    assert!(body["tags"].as_object_mut().expect("tags").remove("shipway-body").is_some());
    assert_eq!(
        body,
        json!({
            "location": "westeurope",
            "tags": { "team": "web" },
            "properties": {
                "environmentId": "/subscriptions/s/resourceGroups/demo/providers/Microsoft.App/managedEnvironments/shop",
                "configuration": {
                    "activeRevisionsMode": "Single",
                    "ingress": {
                        "external": true, "targetPort": 80, "transport": "auto",
                        "allowInsecure": false,
                        "traffic": [{ "latestRevision": true, "weight": 100 }],
                    },
                    "secrets": [{ "name": "api-token", "value": "t0ken-value" }],
                    "registries": [{ "server": "demo.azurecr.io", "identity": "/ids/pull" }],
                },
                "template": {
                    "revisionSuffix": "r1",
                    "containers": [{
                        "name": "web", "image": "demo.azurecr.io/web@sha256:1",
                        "env": [
                            { "name": "LOG", "value": "info" },
                            { "name": "API_TOKEN", "secretRef": "api-token" },
                        ],
                        "resources": { "cpu": 0.5, "memory": "1Gi" },
                    }],
                    "scale": { "minReplicas": 1, "maxReplicas": 3 },
                },
            },
            "identity": { "type": "UserAssigned", "userAssignedIdentities": { "/ids/pull": {} } },
        })
    );
}

#[test]
fn app_that_was_put_does_not_differ_and_its_secrets_are_sent_again() {
    let desired = desired();
    let app = serde_json::from_value(live(&desired)).expect("an app");
    let found = difference(Some(&app), &desired);
    assert_eq!(found.changes, []);
    assert_eq!(found.verdict, Verdict::Resend);
    assert_eq!(found.secure.len(), 1);
    assert_eq!(found.secure[0].path, "env.API_TOKEN");
    assert_eq!(found.secure[0].source.as_deref(), Some("secrets.token"));
    assert_eq!(found.outside, OutsideChanges::None);
    assert_eq!(is_as_deployed(&app), Some(true));
}

pub(super) fn shown_change(change: &Change) -> String {
    let before = change.before.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}: {before} -> {:?}", change.path, change.after)
}

#[test]
fn app_whose_requests_are_shared_is_updated() {
    let desired = desired();
    let mut document = live(&desired);
    let configuration = &mut document["properties"]["configuration"];
    configuration["activeRevisionsMode"] = "Multiple".into();
    configuration["ingress"]["traffic"] = json!([
        { "latestRevision": true, "weight": 20 },
        { "revisionName": "web--old", "weight": 80 },
    ]);
    let app = serde_json::from_value(document).expect("an app");

    let found = difference(Some(&app), &desired);

    assert_eq!(found.verdict, Verdict::Update);
    assert_eq!(found.outside, OutsideChanges::Located);
    assert_eq!(
        found.changes.iter().map(shown_change).collect::<Vec<_>>(),
        ["ingress.traffic: the newest: 20%, web--old: 80% -> None"]
    );
    assert_eq!(is_as_deployed(&app), Some(false));
}

#[test]
fn each_change_has_the_name_of_its_key() {
    let before = desired();
    let app = serde_json::from_value(live(&before)).expect("an app");
    let mut after = desired();
    after.image = "demo.azurecr.io/web@sha256:2".to_owned();
    after.cpu = 1.0;
    after.env[0].1 = EnvValue::Plain("debug".to_owned());
    after.ingress = Some(AppIngress { external: false, target_port: 8080, transport: "http2" });
    after.scale.concurrent_requests = Some(20);
    let found = difference(Some(&app), &after);
    assert_eq!(found.verdict, Verdict::Update);
    let side = |value: &Option<PropertyValue>| {
        value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
    };
    let lines: Vec<String> = found
        .changes
        .iter()
        .map(|it| format!("{}: {} -> {}", it.path, side(&it.before), side(&it.after)))
        .collect();
    assert_eq!(
        lines,
        [
            "cpu: 0.5 -> 1.0",
            "env.LOG: info -> debug",
            "image: demo.azurecr.io/web@sha256:1 -> demo.azurecr.io/web@sha256:2",
            "ingress.external: true -> false",
            "ingress.target-port: 80 -> 8080",
            "ingress.transport: auto -> http2",
            "memory: 1Gi -> 2Gi",
            "scale.concurrent-requests: none -> 20",
        ]
    );
}

#[test]
fn version_is_put_back_with_the_secrets_that_the_plan_has() {
    let desired = desired();
    let mut live = live(&desired);
    live["properties"]["template"]["containers"][0]["env"]
        .as_array_mut()
        .expect("a list")
        .push(json!({ "name": "PLAIN", "value": "s3cret-in-plain" }));
    let found = PreviousApp::of(&App::of(live.clone()), |text| text == "s3cret-in-plain");
    let text = serde_json::to_string(&found).expect("JSON");
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(found.image(), Some("demo.azurecr.io/web@sha256:1"));
    let variables: Vec<String> = found.secure_variables().into_iter().collect();
    assert_eq!(variables, ["API_TOKEN", "PLAIN"]);
    let secret = |text: &str| Redactor::default().adopt("secrets.x", text.to_owned());
    let mut known = BTreeMap::from([("api-token".to_owned(), secret("t0ken-value"))]);
    assert_eq!(found.missing(&known), ["plain"]);
    known.insert("plain".to_owned(), secret("s3cret-in-plain"));
    let body = found.body(&known, "b1");
    assert_eq!(body["properties"]["template"]["revisionSuffix"], "b1");
    assert_eq!(
        body["properties"]["configuration"]["secrets"],
        json!([
            { "name": "api-token", "value": "t0ken-value" },
            { "name": "plain", "value": "s3cret-in-plain" },
        ])
    );
    assert_eq!(body["properties"]["configuration"]["ingress"].get("fqdn"), None);
    // Two reads of the same app give the same version.
    let of = |live: &Value| PreviousApp::of(&App::of(live.clone()), |_| false);
    assert_eq!(of(&live), of(&live));
}
