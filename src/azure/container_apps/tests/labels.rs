//! Labelled revisions of an app.

use super::staged::{asked, body_of, next, revision, tags};
use super::{APP, client, desired, id, live};
use crate::azure::container_apps::{App, AppPart, AppTarget, DesiredApp, PreviousApp, difference};
use crate::azure::fake::Reply;
use crate::value::{Applied, Verdict};
use serde_json::{Value, json};

const FQDN: &str = "web---pr-7.happy-1234.westeurope.azurecontainerapps.io";

/// The preview of pull request 7, as the revision `web--r2`.
fn preview() -> DesiredApp {
    let mut preview = next();
    preview.label = Some("pr-7".to_owned());
    preview.tags = tags(&[
        ("shipway-plan", "shop"),
        ("shipway-service", "web"),
        ("shipway-run", "01k"),
        ("shipway-pull-request", "7"),
        ("shipway-lease", "01k until 2026-11-20T10:00:00Z"),
        ("shipway-digest", "sha256:2"),
    ]);
    preview
}

/// The app of which the preview is a revision.
fn app() -> Value {
    let mut document = live(&desired());
    document["tags"] = json!({ "shipway-plan": "shop", "shipway-service": "web", "team": "web" });
    document
}

/// The same once the preview is deployed.
fn with_preview() -> Value {
    let mut document = app();
    document["tags"]["shipway-label-pr-7"] = "pull-request=7 run=01k".into();
    document["properties"]["latestRevisionName"] = "web--r2".into();
    document["properties"]["latestReadyRevisionName"] = "web--r2".into();
    document["properties"]["template"] = preview().body()["properties"]["template"].clone();
    let configuration = &mut document["properties"]["configuration"];
    configuration["activeRevisionsMode"] = "Multiple".into();
    configuration["ingress"]["traffic"] = json!([
        { "revisionName": "web--r1", "weight": 100 },
        { "revisionName": "web--r2", "weight": 0, "label": "pr-7" },
    ]);
    configuration["secrets"] = json!([{ "name": "api-token" }, { "name": "api-token-pr-7" }]);
    document
}

fn secrets() -> Value {
    json!({ "value": [
        { "name": "api-token", "value": "t0ken-of-the-app" },
        { "name": "api-token-pr-7", "value": "t0ken-value" },
    ] })
}

#[tokio::test]
async fn preview_is_deployed_beside_what_gets_the_requests() {
    let (fake, apps) = client(vec![
        (&format!("POST {APP}/listSecrets"), vec![Reply::json(200, &secrets())]),
        (&format!("PATCH {APP}"), vec![Reply::new(202, "")]),
    ])
    .await;

    let applied = apps.apply_label(&preview(), &App::of(app()), "pr-7", &|_| {}).await;

    assert_eq!(applied.expect("deployed"), Applied::Accepted);
    assert_eq!(asked(&fake), ["POST /listSecrets", "PATCH "]);
    let mut body = body_of(&fake, "PATCH");
    let template = body["properties"]["template"].take();
    assert_eq!(template["revisionSuffix"], "r2");
    assert_eq!(template["scale"]["rules"], Value::Null);
    let variables = &template["containers"][0]["env"];
    assert_eq!(variables[1], json!({ "name": "API_TOKEN", "secretRef": "api-token-pr-7" }));
    assert_eq!(
        body,
        json!({
            "tags": {
                "shipway-label-pr-7": "pull-request=7 run=01k",
                "shipway-lease-pr-7": "01k until 2026-11-20T10:00:00Z",
            },
            "properties": {
                "configuration": {
                    "activeRevisionsMode": "Multiple",
                    "ingress": { "traffic": [
                        { "revisionName": "web--r1", "weight": 100 },
                        { "revisionName": "web--r2", "weight": 0, "label": "pr-7" },
                    ] },
                    "secrets": [
                        { "name": "api-token", "value": "t0ken-of-the-app" },
                        { "name": "api-token-pr-7", "value": "t0ken-value" },
                    ],
                },
                "template": null,
            },
            "identity": { "type": "UserAssigned", "userAssignedIdentities": { "/ids/pull": {} } },
        })
    );
    // A second attempt finds it.
    let applied = apps.apply_label(&preview(), &App::of(with_preview()), "pr-7", &|_| {}).await;
    assert_eq!(applied.expect("deployed"), Applied::Accepted);
    assert_eq!(asked(&fake).len(), 2);
}

#[tokio::test]
async fn preview_is_read_as_an_app_of_its_own() {
    let all = json!({ "value": [
        revision(&desired(), "web--r1", true), revision(&preview(), "web--r2", true) ] });
    let path = "/subscriptions/s/resourceGroups/demo/providers/Microsoft.App/containerApps";
    let (_, apps) = client(vec![
        (&format!("GET {path}"), vec![Reply::json(200, &json!({ "value": [with_preview()] }))]),
        (&format!("GET {APP}/revisions"), vec![Reply::json(200, &all)]),
        (
            &format!("GET {APP}/revisions/web--r1"),
            vec![Reply::json(200, &revision(&desired(), "web--r1", true))],
        ),
    ])
    .await;

    let listed = apps.list("s", Some("demo")).await.expect("listed");

    let shown =
        |app: &App| format!("{} {} {}", app.id(), app.revision(), app.url().unwrap_or_default());
    let label = format!("{APP}/labels/pr-7 web--r2 https://{FQDN}");
    let whole = "web--r1 https://web.happy-1234.westeurope.azurecontainerapps.io";
    assert_eq!(listed.iter().map(shown).collect::<Vec<_>>(), [label, format!("{APP} {whole}")]);
    assert_eq!(
        listed[0].tags(),
        tags(&[
            ("shipway-plan", "shop"),
            ("shipway-service", "web"),
            ("shipway-run", "01k"),
            ("shipway-pull-request", "7"),
        ])
    );
    let own = tags(&[("shipway-plan", "shop"), ("shipway-service", "web"), ("team", "web")]);
    assert_eq!(listed[1].tags(), own);
    // What is the app's is nothing that a preview differs in.
    let found = difference(Some(&listed[0]), &preview());
    assert_eq!((found.changes, found.verdict), (Vec::new(), Verdict::Resend));
}

/// What is asked for the removal of the label, and the last body that changes the app.
async fn removed(app: &Value) -> (Vec<String>, Value) {
    let (fake, apps) = client(vec![
        (&format!("GET {APP}"), vec![Reply::json(200, app)]),
        (&format!("PATCH {APP}"), vec![Reply::new(202, "")]),
        (
            &format!("GET {APP}/revisions/web--r2"),
            vec![Reply::json(200, &revision(&preview(), "web--r2", true))],
        ),
        (
            &format!("POST {APP}/revisions/web--r2/deactivate"),
            vec![Reply::new(200, "\"Deactivate succeeded\"")],
        ),
        (&format!("POST {APP}/listSecrets"), vec![Reply::json(200, &secrets())]),
    ])
    .await;
    assert!(apps.remove_label(&id(), "pr-7").await.expect("removed"));
    let (asked, body) = (asked(&fake), body_of(&fake, "PATCH"));
    assert!(!apps.remove_label(&id(), "pr-8").await.expect("there is none"));
    (asked, body)
}

#[tokio::test]
async fn removal_of_a_label_ends_its_revision_and_its_secrets() {
    let mut app = with_preview();
    app["properties"]["template"] = desired().body()["properties"]["template"].clone();

    let (asked, body) = removed(&app).await;

    assert_eq!(
        asked,
        [
            "GET ",
            "PATCH ",
            "GET /revisions/web--r2",
            "POST /revisions/web--r2/deactivate",
            "POST /listSecrets",
            "PATCH ",
        ]
    );
    let tags = json!({ "shipway-label-pr-7": null, "shipway-lease-pr-7": null });
    let secrets = json!([{ "name": "api-token", "value": "t0ken-of-the-app" }]);
    assert_eq!(
        body,
        json!({ "tags": tags, "properties": { "configuration": { "secrets": secrets } } })
    );

    // Azure does not remove a secret that the newest revision needs.
    let (_, body) = removed(&with_preview()).await;
    assert_eq!(body, json!({ "tags": tags }));
}

#[tokio::test]
async fn label_returns_to_the_revision_before() {
    let before = App::of(with_preview()).shown_as("web--r0", &Value::Null);
    let previous = PreviousApp::of(&before, |_| false);
    let old = || Reply::json(200, &revision(&preview(), "web--r0", true));
    let (fake, apps) = client(vec![
        (&format!("GET {APP}"), vec![Reply::json(200, &with_preview())]),
        (&format!("GET {APP}/revisions/web--r0"), vec![old()]),
        (&format!("GET {APP}/revisions/web--r2"), vec![old()]),
        (&format!("PATCH {APP}"), vec![Reply::new(202, "")]),
        (
            &format!("POST {APP}/revisions/web--r2/deactivate"),
            vec![Reply::new(200, "\"Deactivate succeeded\"")],
        ),
    ])
    .await;

    let returned = apps.return_label(&id(), "pr-7", &previous, &|_| {}).await.expect("returned");

    assert!(returned.is_some());
    let body = body_of(&fake, "PATCH");
    assert_eq!(
        body["properties"]["configuration"]["ingress"]["traffic"],
        json!([
            { "revisionName": "web--r1", "weight": 100 },
            { "revisionName": "web--r0", "weight": 0, "label": "pr-7" },
        ])
    );
    assert!(asked(&fake).contains(&"POST /revisions/web--r2/deactivate".to_owned()));
}

#[tokio::test]
async fn app_keeps_its_labels_when_it_is_deployed() {
    let (fake, apps) = client(vec![
        (&format!("POST {APP}/listSecrets"), vec![Reply::json(200, &secrets())]),
        (&format!("PUT {APP}"), vec![Reply::new(200, "{}")]),
    ])
    .await;
    let mut third = next();
    third.revision_suffix = "r3".to_owned();

    apps.apply(&third, Some(&App::of(with_preview())), &|_| {}).await.expect("deployed");

    let body = body_of(&fake, "PUT");
    assert_eq!(body["tags"]["shipway-label-pr-7"], "pull-request=7 run=01k");
    let configuration = &body["properties"]["configuration"];
    assert_eq!(configuration["activeRevisionsMode"], "Multiple");
    assert_eq!(
        configuration["ingress"]["traffic"],
        json!([
            { "latestRevision": true, "weight": 100 },
            { "revisionName": "web--r2", "weight": 0, "label": "pr-7" },
        ])
    );
    assert_eq!(
        configuration["secrets"],
        json!([
            { "name": "api-token", "value": "t0ken-value" },
            { "name": "api-token-pr-7", "value": "t0ken-value" },
        ])
    );
    let part = AppTarget { app: id(), part: AppPart::Label("pr-7".to_owned()) };
    assert_eq!(part.to_string(), format!("{APP}/labels/pr-7"));
}
