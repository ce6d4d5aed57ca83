//! Revisions without requests, and requests that move between revisions.

use super::document::shown_change;
use super::{APP, HOST, client, desired, id, live};
use crate::azure::container_apps::{
    App, AppPart, AppTarget, DesiredApp, PreviousApp, TagChange, difference, is_as_deployed,
};
use crate::azure::fake::{FakeAzure, Reply};
use crate::value::{Applied, OutsideChanges};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

pub fn tags(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The next version, as the revision `web--r2`.
pub fn next() -> DesiredApp {
    let mut next = desired();
    next.image = "demo.azurecr.io/web@sha256:2".to_owned();
    next.revision_suffix = "r2".to_owned();
    next.add_fingerprint();
    next
}

/// A revision that runs what a desired app describes.
pub fn revision(desired: &DesiredApp, name: &str, active: bool) -> Value {
    json!({ "name": name, "properties": {
        "active": active, "createdTime": "2026-11-20T10:00:00Z",
        "provisioningState": "Provisioned",
        "healthState": if active { "Healthy" } else { "None" },
        "runningState": if active { "Running" } else { "Stopped" },
        "fqdn": format!("{name}.happy-1234.westeurope.azurecontainerapps.io"),
        "template": desired.body()["properties"]["template"],
    } })
}

/// The app whose newest revision is that of `newest`, and whose requests go to `web--r1`.
fn pinned(newest: &DesiredApp) -> Value {
    let mut document = live(newest);
    document["properties"]["latestRevisionName"] = "web--r2".into();
    document["properties"]["latestReadyRevisionName"] = "web--r2".into();
    let configuration = &mut document["properties"]["configuration"];
    configuration["activeRevisionsMode"] = "Multiple".into();
    configuration["ingress"]["traffic"] = json!([{ "revisionName": "web--r1", "weight": 100 }]);
    document
}

pub fn body_of(fake: &FakeAzure, method: &str) -> Value {
    let all = fake.requests();
    let sent = all.iter().rfind(|request| request.method == method).expect("a request");
    serde_json::from_str(&sent.body).expect("JSON")
}

/// The requests, without the host and the path of the app.
pub fn asked(fake: &FakeAzure) -> Vec<String> {
    let all = fake.requests().into_iter().map(|request| {
        let of_app = request.to.strip_prefix(&format!("{HOST}{APP}")).unwrap_or(&request.to);
        format!("{} {of_app}", request.method)
    });
    all.filter(|it| !it.contains("/oauth2/")).collect()
}

#[tokio::test]
async fn app_is_read_as_the_revision_that_gets_its_requests() {
    let mut old = desired();
    let document = {
        old.add_fingerprint();
        let mut document = pinned(&next());
        document["tags"] = json!(old.tags);
        document
    };
    let (_, apps) = client(vec![
        (&format!("GET {APP}"), vec![Reply::json(200, &document)]),
        (
            &format!("GET {APP}/revisions/web--r1"),
            vec![Reply::json(200, &revision(&old, "web--r1", true))],
        ),
    ])
    .await;

    let app = apps.find(&id()).await.expect("read").expect("an app");

    assert_eq!(app.images().collect::<Vec<_>>(), ["demo.azurecr.io/web@sha256:1"]);
    assert_eq!((app.revision(), app.latest_revision()), ("web--r1", "web--r2"));
    assert_eq!(is_as_deployed(&app), Some(true), "as after a rollback of Shipway");
    // As who goes back in the portal leaves an app: the tags are those of the newest.
    let mut changed = app.clone();
    changed.document["tags"] = json!(next().tags);
    let found = difference(Some(&changed), &next());
    assert_eq!(found.outside, OutsideChanges::Located);
    assert_eq!(
        found.changes.iter().map(shown_change).collect::<Vec<_>>(),
        ["image: demo.azurecr.io/web@sha256:1 -> \
             Some(Plain(String(\"demo.azurecr.io/web@sha256:2\")))"]
    );
}

#[tokio::test]
async fn part_of_an_app_has_its_own_address() {
    let (_, apps) = client(vec![
        (&format!("GET {APP}"), vec![Reply::json(200, &pinned(&next()))]),
        (
            &format!("GET {APP}/revisions/web--r2"),
            vec![Reply::json(200, &revision(&next(), "web--r2", true))],
        ),
        (&format!("GET {APP}/revisions/web--r3"), vec![Reply::new(404, "{}")]),
    ])
    .await;
    let part = |name: &str| AppTarget { app: id(), part: AppPart::Revision(name.to_owned()) };

    let app = apps.find_part(&part("web--r2")).await.expect("read").expect("a revision");

    assert_eq!(app.id(), format!("{APP}/revisions/web--r2"));
    assert_eq!(
        app.url().as_deref(),
        Some("https://web--r2.happy-1234.westeurope.azurecontainerapps.io")
    );
    assert!(apps.find_part(&part("web--r3")).await.expect("read").is_none());
}

#[tokio::test]
async fn version_is_held_beside_the_one_that_gets_the_requests() {
    let mut document = live(&desired());
    let container = &mut document["properties"]["template"]["containers"][0];
    container["env"].as_array_mut().expect("a list").extend([
        json!({ "name": "OLD", "secretRef": "old" }),
        json!({ "name": "VAULT", "secretRef": "vault" }),
    ]);
    let vault = json!({ "name": "vault", "keyVaultUrl": "https://v.vault.azure.net/secrets/x",
                        "identity": "system" });
    let configuration = &mut document["properties"]["configuration"];
    configuration["secrets"] =
        json!([{ "name": "api-token" }, { "name": "old" }, vault, { "name": "unused" }]);
    configuration["registries"] = json!([{ "server": "old.azurecr.io", "identity": "/ids/old" }]);
    document["identity"] = json!({ "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { "/ids/old": {} } });
    let app = App::of(document);
    let secrets =
        json!({ "value": [{ "name": "old", "value": "0ld" }, { "name": "unused", "value": "x" }] });
    let (fake, apps) = client(vec![
        (&format!("POST {APP}/listSecrets"), vec![Reply::json(200, &secrets)]),
        (&format!("PUT {APP}"), vec![Reply::new(200, "{}")]),
    ])
    .await;
    let (before, after) = (tags(&[("team", "web")]), tags(&[("lease", "a"), ("team", "web")]));
    let change = TagChange { before: &before, after: &after };

    let held = apps.hold(&next(), &app, change, &|_| {}).await.expect("held");

    assert_eq!(held, Applied::Accepted);
    assert_eq!(asked(&fake), ["POST /listSecrets", "PUT "]);
    let body = body_of(&fake, "PUT");
    assert_eq!(body["tags"], json!({ "lease": "a", "team": "web" }));
    assert_eq!(
        body["properties"]["configuration"],
        json!({
            "activeRevisionsMode": "Multiple",
            "ingress": {
                "external": true, "targetPort": 80, "transport": "auto", "allowInsecure": false,
                "traffic": [{ "revisionName": "web--r1", "weight": 100 }],
            },
            "secrets": [
                { "name": "api-token", "value": "t0ken-value" },
                { "name": "old", "value": "0ld" },
                vault,
            ],
            "registries": [
                { "server": "demo.azurecr.io", "identity": "/ids/pull" },
                { "server": "old.azurecr.io", "identity": "/ids/old" },
            ],
        })
    );
    assert_eq!(body["properties"]["template"]["revisionSuffix"], "r2");
    assert_eq!(
        body["identity"],
        json!({ "type": "SystemAssigned,UserAssigned",
                "userAssignedIdentities": { "/ids/pull": {}, "/ids/old": {} } })
    );
}

#[tokio::test]
async fn held_version_gets_the_requests_with_its_tags_and_identities() {
    let mut document = pinned(&next());
    document["tags"] = json!({ "lease": "a", "old": "x" });
    document["identity"] = json!({ "type": "UserAssigned",
        "userAssignedIdentities": { "/ids/old": {}, "/ids/pull": {} } });
    let app = App::of(document);
    let (fake, apps) = client(vec![(&format!("PATCH {APP}"), vec![Reply::new(202, "")])]).await;
    let said = Mutex::new(Vec::new());
    let events =
        |event: super::super::AppEvent| said.lock().expect("no panic").push(event.to_string());
    let mut next = next();
    assert!(next.is_held_in(&app));
    next.tags = tags(&[("team", "shop")]);

    apps.apply(&next, Some(&app), &events).await.expect("moved");

    assert_eq!(
        body_of(&fake, "PATCH"),
        json!({
            "tags": { "lease": null, "old": null, "team": "shop" },
            "identity": { "type": "UserAssigned",
                          "userAssignedIdentities": { "/ids/pull": {}, "/ids/old": null } },
            "properties": { "configuration": {
                "activeRevisionsMode": "Single",
                "ingress": {
                    "external": true, "targetPort": 80, "transport": "auto",
                    "allowInsecure": false,
                    "traffic": [{ "latestRevision": true, "weight": 100 }],
                },
                "registries": [{ "server": "demo.azurecr.io", "identity": "/ids/pull" }],
            } },
        })
    );
    assert_eq!(
        *said.lock().expect("no panic"),
        ["giving the requests to revision `web--r2`", "Azure accepted the app"]
    );
}

#[tokio::test]
async fn version_that_is_withdrawn_leaves_the_app_as_it_was() {
    let before = App::of(live(&desired()));
    let mut document = pinned(&next());
    document["properties"]["configuration"]["registries"] = json!([]);
    document["identity"] = json!({ "type": "UserAssigned",
        "userAssignedIdentities": { "/ids/next": {}, "/ids/pull": {} } });
    let now = App::of(document);
    // The service answers with a bare JSON string.
    let (fake, apps) = client(vec![
        (
            &format!("POST {APP}/revisions/web--r2/deactivate"),
            vec![Reply::new(200, "\"Deactivate succeeded\"")],
        ),
        (&format!("PATCH {APP}"), vec![Reply::new(202, "")]),
    ])
    .await;
    let (tagged, bare) = (tags(&[("lease", "a"), ("team", "web")]), tags(&[("team", "web")]));
    let change = TagChange { before: &tagged, after: &bare };

    apps.withdraw(&id(), "web--r2", change, Some((&before, &now))).await.expect("withdrawn");

    assert_eq!(asked(&fake), ["POST /revisions/web--r2/deactivate", "PATCH "]);
    assert_eq!(
        body_of(&fake, "PATCH"),
        json!({
            "tags": { "lease": null, "team": "web" },
            "properties": { "configuration": {
                "registries": [{ "server": "demo.azurecr.io", "identity": "/ids/pull" }],
            } },
            "identity": { "type": "UserAssigned",
                          "userAssignedIdentities": { "/ids/pull": {}, "/ids/next": null } },
        })
    );
}

#[tokio::test]
async fn requests_return_to_a_revision_that_is_activated_first() {
    let previous = PreviousApp::of(&App::of(live(&desired())), |_| false);
    assert_eq!(previous.revision(), "web--r1");
    let mut single = live(&next());
    single["properties"]["latestRevisionName"] = "web--r2".into();
    single["properties"]["latestReadyRevisionName"] = "web--r2".into();
    let (old, bad) = (desired(), next());
    let (fake, apps) = client(vec![
        (
            &format!("GET {APP}/revisions/web--r1"),
            vec![
                Reply::json(200, &revision(&old, "web--r1", false)),
                Reply::json(200, &revision(&old, "web--r1", false)),
                Reply::json(200, &revision(&old, "web--r1", true)),
            ],
        ),
        (&format!("PATCH {APP}"), vec![Reply::new(202, "")]),
        (
            &format!("POST {APP}/revisions/web--r1/activate"),
            vec![Reply::new(200, "\"Activate succeeded\"")],
        ),
        (&format!("GET {APP}"), vec![Reply::json(200, &pinned(&bad))]),
        (
            &format!("GET {APP}/revisions"),
            vec![Reply::json(
                200,
                &json!({ "value": [
                revision(&old, "web--r1", true), revision(&bad, "web--r2", true) ] }),
            )],
        ),
        (
            &format!("POST {APP}/revisions/web--r2/deactivate"),
            vec![Reply::new(200, "\"Deactivate succeeded\"")],
        ),
    ])
    .await;

    let app = apps.return_requests(&id(), &previous, &App::of(single), &|_| {}).await;

    let app = app.expect("put back").expect("the revision is there");
    assert_eq!(app.images().collect::<Vec<_>>(), ["demo.azurecr.io/web@sha256:1"]);
    assert_eq!(
        asked(&fake),
        [
            "GET /revisions/web--r1",
            "PATCH ",
            "GET /revisions/web--r1",
            "POST /revisions/web--r1/activate",
            "GET /revisions/web--r1",
            "GET ",
            "PATCH ",
            "GET ",
            "GET /revisions/web--r1",
            "GET /revisions/web--r1",
            "GET /revisions",
            "POST /revisions/web--r2/deactivate",
        ]
    );
    let patches: Vec<Value> = fake
        .requests()
        .iter()
        .filter(|request| request.method == "PATCH")
        .map(|request| serde_json::from_str(&request.body).expect("JSON"))
        .collect();
    assert_eq!(
        patches[0],
        json!({ "properties": { "configuration": {
            "activeRevisionsMode": "Multiple",
            "ingress": { "traffic": [{ "revisionName": "web--r2", "weight": 100 }] },
        } } })
    );
    let ingress = &patches[1]["properties"]["configuration"]["ingress"];
    assert_eq!(ingress["traffic"], json!([{ "revisionName": "web--r1", "weight": 100 }]));
    assert_eq!(patches[1]["tags"], json!(desired().tags));
}

#[tokio::test]
async fn requests_do_not_return_to_what_cannot_run() {
    let previous = PreviousApp::of(&App::of(live(&desired())), |_| false);
    let mut document = live(&next());
    document["properties"]["configuration"]["secrets"] = json!([]);
    let without_secret = App::of(document);
    let script = || vec![Reply::json(200, &revision(&desired(), "web--r1", false))];
    let (fake, apps) = client(vec![(&format!("GET {APP}/revisions/web--r1"), script())]).await;
    let returned = apps.return_requests(&id(), &previous, &without_secret, &|_| {}).await;
    assert!(returned.expect("read").is_none(), "its secret is gone");
    assert_eq!(asked(&fake), ["GET /revisions/web--r1"]);

    let gone = vec![Reply::new(404, "{}")];
    let (_, apps) = client(vec![(&format!("GET {APP}/revisions/web--r1"), gone)]).await;
    let returned = apps.return_requests(&id(), &previous, &App::of(live(&next())), &|_| {}).await;
    assert!(returned.expect("read").is_none(), "it is gone");
}

#[tokio::test]
async fn revision_that_runs_a_version_is_found() {
    let old = desired();
    let mut failed = revision(&old, "web--r0", false);
    failed["properties"]["provisioningState"] = "Failed".into();
    let all = json!({ "value": [
        failed, revision(&old, "web--r1", false), revision(&next(), "web--r2", true) ] });
    let (_, apps) =
        client(vec![(&format!("GET {APP}/revisions"), vec![Reply::json(200, &all)])]).await;
    let mut document = live(&next());
    document["properties"]["latestRevisionName"] = "web--r2".into();
    document["properties"]["latestReadyRevisionName"] = "web--r2".into();
    let app = App::of(document);
    let found = |desired: DesiredApp| {
        let (apps, app) = (apps.clone(), app.clone());
        async move { apps.revision_of(&desired, &app).await.expect("read") }
    };
    assert_eq!(found(desired()).await.as_deref(), Some("web--r1"));
    // It gets the requests already.
    assert_eq!(found(next()).await, None);
    let mut other = desired();
    other.cpu = 1.0;
    assert_eq!(found(other).await, None);
}
