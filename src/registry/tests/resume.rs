//! A push continues an interrupted upload, in the same process or in the next.

use super::scene::Scene;
use crate::registry::testing::fake_registry::Fault;
use crate::registry::testing::images::noise;

const UPLOADS: &str = "/v2/web/blobs/uploads/";

/// A push whose process ends when 50 kB of 100 kB have arrived, 10 kB of them
/// in a part that is not whole. The configuration is there.
async fn broken_off() -> Scene {
    let mut scene = Scene::new(&[100_000]).await;
    scene.registry.put_blob("web", &scene.config());
    scene.next_process_in_parts(0);
    scene.registry.fault("PATCH", Fault::Status(202));
    scene.registry.fault("PATCH", Fault::BreakAfter(10_000));

    scene.push().await.expect_err("the connection broke");

    scene.registry.log();
    scene.next_process_in_parts(2);
    scene
}

#[tokio::test]
async fn large_blob_is_sent_in_parts() {
    let mut scene = Scene::new(&[100_000]).await;
    scene.registry.put_blob("web", &scene.config());
    scene.next_process_in_parts(2);

    scene.push().await.expect("a push");

    assert_eq!(
        scene.asked(UPLOADS),
        [
            "POST /v2/web/blobs/uploads/ -> 202",
            "PATCH /v2/web/blobs/uploads/* 0-39999 -> 202",
            "PATCH /v2/web/blobs/uploads/* 40000-79999 -> 202",
            "PATCH /v2/web/blobs/uploads/* 80000-99999 -> 202",
            "PUT /v2/web/blobs/uploads/* digest=layer0 -> 201",
        ]
    );
}

#[tokio::test]
async fn parts_sent_by_an_earlier_process_are_kept() {
    let scene = broken_off().await;

    let pushed = scene.push().await.expect("a push");

    assert_eq!(
        scene.asked(UPLOADS),
        [
            "GET /v2/web/blobs/uploads/* -> 204",
            "PATCH /v2/web/blobs/uploads/* 50000-89999 -> 202",
            "PATCH /v2/web/blobs/uploads/* 90000-99999 -> 202",
            "PUT /v2/web/blobs/uploads/* digest=layer0 -> 201",
        ]
    );
    let config = scene.config().len() as u64;
    assert_eq!((pushed.bytes_sent, pushed.bytes_reused), (50_000, 50_000 + config));
    assert!(scene.registry.has_manifest("web", "one"));
    // Nothing is left of it.
    let uploads = scene.folder.path().join("memory/uploads");
    assert_eq!(std::fs::read_dir(uploads).expect("a folder").count(), 0);
}

#[tokio::test]
async fn forgotten_upload_starts_over() {
    // The second is what docker-registry 2.8 makes of a part that is not whole.
    for code in ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"] {
        let scene = broken_off().await;
        let gone = format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#);
        scene.registry.fault("GET /v2/web/blobs/uploads/", Fault::Answer(404, &[], gone));

        let pushed = scene.push().await.expect("a push");

        assert_eq!(pushed.bytes_sent, 100_000);
        let asked = scene.asked(UPLOADS);
        assert!(asked[1].starts_with("POST /v2/web/blobs/uploads/ "), "{asked:?}");
        assert_eq!(asked[2], "PATCH /v2/web/blobs/uploads/* 0-39999 -> 202");
    }
}

#[tokio::test]
async fn upload_with_other_content_starts_over() {
    let scene = broken_off().await;
    // Something was added that is not of this blob.
    scene.registry.spoil_uploads();

    scene.push().await.expect("a push");

    let ends: Vec<String> =
        scene.asked("PUT /v2/web/blobs/").into_iter().filter(|it| it.contains("layer0")).collect();
    assert_eq!(
        ends,
        [
            "PUT /v2/web/blobs/uploads/* digest=layer0 -> 400",
            "PUT /v2/web/blobs/uploads/* digest=layer0 -> 201",
        ]
    );
}

#[tokio::test]
async fn complete_upload_is_only_closed() {
    let mut scene = Scene::new(&[100_000]).await;
    scene.registry.put_blob("web", &scene.config());
    scene.next_process_in_parts(0);
    scene.registry.fault("PUT /v2/web/blobs/uploads/", Fault::ResetAfter(0));
    scene.push().await.expect_err("the connection broke");
    scene.registry.log();
    scene.next_process_in_parts(0);

    let pushed = scene.push().await.expect("a push");

    assert_eq!(
        scene.asked(UPLOADS),
        ["GET /v2/web/blobs/uploads/* -> 204", "PUT /v2/web/blobs/uploads/* digest=layer0 -> 201",]
    );
    assert_eq!(pushed.bytes_sent, 0);
}

#[tokio::test]
async fn broken_part_is_resumed() {
    let mut scene = Scene::new(&[100_000]).await;
    scene.registry.put_blob("web", &scene.config());
    scene.next_process_in_parts(2);
    scene.registry.fault("PATCH", Fault::BreakAfter(7_000));

    scene.push().await.expect("a push");

    let asked = scene.asked("PATCH");
    assert_eq!(asked[1], "PATCH /v2/web/blobs/uploads/* 7000-46999 -> 202");
}

#[tokio::test]
async fn upload_is_kept_while_the_registry_is_down() {
    let mut scene = Scene::new(&[100_000]).await;
    scene.registry.put_blob("web", &scene.config());
    scene.next_process_in_parts(2);
    scene.registry.fault("PATCH", Fault::BreakAfter(7_000));
    for _ in 0..3 {
        scene.registry.fault("GET /v2/web/blobs/uploads/", Fault::Status(503));
    }

    scene.push().await.expect("a push");

    let asked = scene.asked(UPLOADS);
    let opened = asked.iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(opened, 1, "{asked:?}");
    assert!(
        asked.contains(&"PATCH /v2/web/blobs/uploads/* 7000-46999 -> 202".to_owned()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn upload_location_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = broken_off().await;
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
    };

    let memory = scene.folder.path().join("memory");
    let uploads = memory.join("uploads");
    let record = std::fs::read_dir(&uploads).expect("a folder").flatten().next().expect("a file");

    assert_eq!([mode(&memory), mode(&uploads), mode(&record.path())], [0o700, 0o700, 0o600]);
    // Another registry, which happens to have the same blob to be sent, does
    // not get to see it.
    let mut scene = Scene {
        registry: crate::registry::testing::fake_registry::FakeRegistry::start().await,
        ..scene
    };
    scene.builds([(1, 100_000)].into_iter(), &["web:one"]);
    scene.next_process_in_parts(0);
    scene.registry.put_blob("web", &noise(1, 1));
    scene.push().await.expect("a push");
    assert!(scene.asked("GET").is_empty());
}
