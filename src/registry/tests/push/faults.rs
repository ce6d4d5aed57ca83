//! Uploads that break, are refused as too large, or are asked to wait.

use super::MIB;
use crate::http::Retry;
use crate::registry::testing::fake_registry::Fault;
use crate::registry::testing::images::silent;
use crate::registry::tests::scene::Scene;
use std::time::Duration;

#[tokio::test]
async fn lost_blob_is_sent_again() {
    let scene = Scene::new(&[10, 20]).await;
    scene.push().await.expect("a push");
    scene.registry.remove_blob("web", &scene.push.blobs[0].descriptor.digest);
    scene.registry.log();
    let mut push = scene.push.clone();
    push.targets[0].tag = Some("two".to_owned());

    scene.client.push(push, &silent).await.expect("a push");

    assert_eq!(
        scene.registry.log(),
        "\
PUT /v2/web/manifests/two -> 404
POST /v2/web/blobs/uploads/ -> 202
PUT /v2/web/blobs/uploads/* digest=layer0 -> 201
PUT /v2/web/manifests/two -> 201"
    );
}

#[tokio::test]
async fn body_limit_switches_to_ranges() {
    let scene = Scene::new(&[17 * MIB]).await;
    scene.registry.limit("PUT", 16 * MIB, 413);
    // As Amazon's registry answers.
    scene.registry.fault("PATCH", Fault::Status(201));

    scene.push().await.expect("a push");

    let log = scene.registry.log();
    let layer: Vec<&str> = log.lines().filter(|it| !it.contains("config")).skip(3).collect();
    assert_eq!(
        layer,
        [
            "PUT /v2/web/blobs/uploads/* digest=layer0 -> 413",
            "GET /v2/web/blobs/uploads/* -> 204",
            "PATCH /v2/web/blobs/uploads/* 0-16777215 -> 201",
            "PATCH /v2/web/blobs/uploads/* 16777216-17825791 -> 202",
            "PUT /v2/web/blobs/uploads/* digest=layer0 -> 201",
            "PUT /v2/web/manifests/one -> 201",
        ]
    );

    scene.registry.remove_blob("web", &scene.push.blobs[0].descriptor.digest);
    let mut push = scene.push.clone();
    push.targets[0].tag = Some("two".to_owned());
    scene.client.push(push, &silent).await.expect("a push");
    assert!(!scene.registry.log().contains("413"));
}

#[tokio::test]
async fn range_limit_makes_ranges_smaller() {
    let scene = Scene::new(&[9 * MIB]).await;
    scene.registry.limit("PUT", MIB, 413);
    scene.registry.limit("PATCH", 4 * MIB, 416);

    scene.push().await.expect("a push");

    let log = scene.registry.log();
    let ranges: Vec<&str> = log.lines().filter(|it| it.starts_with("PATCH")).collect();
    assert_eq!(
        ranges,
        [
            "PATCH /v2/web/blobs/uploads/* 0-9437183 -> 416",
            "PATCH /v2/web/blobs/uploads/* 0-4194303 -> 202",
            "PATCH /v2/web/blobs/uploads/* 4194304-8388607 -> 202",
            "PATCH /v2/web/blobs/uploads/* 8388608-9437183 -> 202",
        ]
    );
}

#[tokio::test]
async fn minimum_range_of_a_registry_is_respected() {
    let scene = Scene::new(&[21 * MIB]).await;
    scene.registry.limit("PUT", 16 * MIB, 413);
    for _ in 0..2 {
        let least = Fault::Header("oci-chunk-min-length", (20 * MIB).to_string());
        scene.registry.fault("POST", least);
    }

    scene.push().await.expect("a push");

    let log = scene.registry.log();
    assert!(log.contains("PATCH /v2/web/blobs/uploads/* 20971520-22020095 -> 202"), "{log}");
}

#[tokio::test]
async fn broken_range_is_resumed() {
    let scene = Scene::new(&[33 * MIB]).await;
    scene.registry.limit("PUT", 16 * MIB, 413);
    scene.registry.fault("PATCH", Fault::Status(202));
    scene.registry.fault("PATCH", Fault::ResetAfter(1_000));

    scene.push().await.expect("a push");

    let log = scene.registry.log();
    let steps: Vec<&str> = log
        .lines()
        .filter(|it| it.starts_with("PATCH") || it.starts_with("GET") || it.contains("layer0"))
        .skip(2)
        .collect();
    assert_eq!(
        steps,
        [
            "GET /v2/web/blobs/uploads/* -> 204",
            "PATCH /v2/web/blobs/uploads/* 0-16777215 -> 202",
            "PATCH /v2/web/blobs/uploads/* 16777216-33554431 -> reset",
            "HEAD /v2/web/blobs/layer0 -> 404",
            "GET /v2/web/blobs/uploads/* -> 204",
            "PATCH /v2/web/blobs/uploads/* 16777216-33554431 -> 202",
            "PATCH /v2/web/blobs/uploads/* 33554432-34603007 -> 202",
            "PUT /v2/web/blobs/uploads/* digest=layer0 -> 201",
        ]
    );
}

#[tokio::test]
async fn broken_body_is_sent_again_in_a_new_session() {
    let scene = Scene::new(&[100_000]).await;
    scene.registry.fault("PUT /v2/web/blobs/uploads/1", Fault::ResetAfter(500));
    scene.registry.fault("PUT /v2/web/blobs/uploads/2", Fault::ResetAfter(100));

    scene.push().await.expect("a push");

    assert!(scene.registry.has_manifest("web", "one"));
}

#[tokio::test]
async fn broken_large_body_continues_in_ranges() {
    let scene = Scene::new(&[17 * MIB]).await;
    scene.registry.put_blob("web", &scene.config());
    scene.registry.fault("PUT /v2/web/blobs/uploads/", Fault::ResetAfter(5 * MIB));

    scene.push().await.expect("a push");

    let log = scene.registry.log();
    assert!(log.contains("PATCH /v2/web/blobs/uploads/* 0-16777215 -> 202"), "{log}");
}

#[tokio::test]
async fn forgotten_upload_is_opened_again() {
    let scene = Scene::new(&[10]).await;
    let gone = r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"unknown"}]}"#;
    scene.registry.fault("PUT /v2/web/blobs/", Fault::Answer(404, &[], gone.to_owned()));

    scene.push().await.expect("a push");
}

#[tokio::test]
async fn server_errors_are_retried_a_limited_number_of_times() {
    let scene = Scene::new(&[10]).await;
    scene.registry.fault("PUT /v2/web/manifests/", Fault::Answer(503, &[], String::new()));
    scene.registry.fault("POST", Fault::Answer(500, &[], String::new()));
    scene.push().await.expect("a push");

    let scene = Scene::new(&[10]).await;
    for _ in 0..3 {
        scene
            .registry
            .fault("PUT /v2/web/manifests/", Fault::Answer(503, &[], "<b>busy</b>".into()));
    }
    assert_eq!(
        scene.error().await,
        (
            "cannot push `HOST/web:one`\nPUT http://HOST/v2/web/manifests/one: 503: <b>busy</b>"
                .to_owned(),
            Retry::Backoff,
            "`HOST` has a fault of its own; try again later".to_owned(),
        )
    );
}

#[tokio::test]
async fn retry_after_of_a_registry_that_fails_an_upload_is_used() {
    for request in ["POST /v2/web/blobs/", "PUT /v2/web/blobs/"] {
        let scene = Scene::new(&[10]).await;
        let busy = Fault::Answer(503, &[("retry-after", "7")], String::new());
        scene.registry.fault(request, busy);

        let (_, retry, remedy) = scene.error().await;
        let said = "`HOST` has a fault of its own; try again later";
        assert_eq!((retry, &*remedy), (Retry::After(Duration::from_secs(7)), said), "{request}");

        scene.push().await.expect("the next attempt");
    }
}

#[tokio::test]
async fn retry_after_of_a_busy_registry_is_used() {
    let scene = Scene::new(&[10]).await;
    let busy = Fault::Answer(
        429,
        &[("retry-after", "7")],
        r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#.to_owned(),
    );
    scene.registry.fault("PUT /v2/web/manifests/", busy);

    assert_eq!(
        scene.error().await,
        (
            "cannot push `HOST/web:one`\n\
             PUT http://HOST/v2/web/manifests/one: 429: TOOMANYREQUESTS: slow down"
                .to_owned(),
            Retry::After(Duration::from_secs(7)),
            "`HOST` is asked too often; it lets us in again later".to_owned(),
        )
    );
    scene.registry.log();

    // The next attempt sends no byte of a blob twice.
    scene.push().await.expect("a push");
    assert_eq!(scene.registry.log(), "PUT /v2/web/manifests/one -> 201");
}
