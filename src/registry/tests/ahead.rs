//! Blobs that are uploaded before their manifest is known.

use super::scene::Scene;
use crate::registry::testing::fake_registry::{FakeRegistry, Fault};
use crate::registry::testing::images::silent;
use crate::registry::testing::waiting::eventually;
use crate::registry::{EarlyUploads, Pushed};
use std::sync::{Arc, Mutex};
use tokio::sync::SetOnce;

const MIB: usize = 1 << 20;

/// Sends these layers ahead.
fn ahead(scene: &Scene, layers: &[usize]) -> EarlyUploads {
    let ahead =
        scene.client.early_uploads(&scene.push.targets, Arc::new(SetOnce::new_with(Some(()))));
    for layer in layers {
        ahead.send(&scene.push.blobs[*layer]);
        // Once is enough.
        ahead.send(&scene.push.blobs[*layer]);
    }
    ahead
}

async fn push_after(scene: &Scene, ahead: EarlyUploads) -> Pushed {
    let push = scene.push.clone();
    scene.client.push_after(ahead, push, &silent).await.expect("a push")
}

fn size(scene: &Scene) -> u64 {
    scene.push.blobs.iter().map(|blob| blob.descriptor.size).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn early_uploads_are_not_repeated_and_count_as_sent() {
    let scene = Scene::new(&[MIB, 2 * MIB, 10]).await;
    let ahead = ahead(&scene, &[0, 1]);
    let mut asked = Vec::new();
    eventually("both layers are there", || {
        asked.extend(scene.asked(""));
        (asked.len() == 6).then_some(())
    });
    asked.sort();
    assert_eq!(
        asked.join("\n"),
        "\
HEAD /v2/web/blobs/layer0 -> 404
HEAD /v2/web/blobs/layer1 -> 404
POST /v2/web/blobs/uploads/ -> 202
POST /v2/web/blobs/uploads/ -> 202
PUT /v2/web/blobs/uploads/* digest=layer0 -> 201
PUT /v2/web/blobs/uploads/* digest=layer1 -> 201"
    );

    let pushed = push_after(&scene, ahead).await;

    assert_eq!((pushed.bytes_sent, pushed.bytes_reused), (size(&scene), 0));
    assert!(scene.asked("layer0").is_empty());
    assert!(scene.registry.has_manifest("web", "one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn early_uploads_wait_for_the_login_check() {
    let scene = Scene::new(&[MIB]).await;
    let cleared = Arc::new(SetOnce::new());
    let ahead = scene.client.early_uploads(&scene.push.targets, Arc::clone(&cleared));
    ahead.send(&scene.push.blobs[0].clone());
    // Enough round trips for an upload to start, if it were allowed to.
    for _ in 0..20 {
        let asked = scene.client.check_login(&scene.push.targets[0].host, "web", "push").await;
        asked.expect("a login");
    }
    assert_eq!(scene.asked(""), ["GET /v2/ -> 200"; 20]);

    cleared.set(()).expect("set once");

    eventually("the layer is there", || {
        scene.asked("PUT").iter().any(|line| line.ends_with("digest=layer0 -> 201")).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn early_upload_skips_existing_blobs() {
    let mut scene = Scene::new(&[MIB, 10]).await;
    scene.push().await.expect("a push");
    scene.registry.log();
    scene.next_process();

    let pushed = push_after(&scene, ahead(&scene, &[0])).await;

    assert_eq!((pushed.bytes_sent, pushed.bytes_reused), (0, size(&scene)));
    // Lookups beside that of the manifest may be cancelled.
    let asked = scene.asked("");
    assert!(asked.contains(&"HEAD /v2/web/manifests/one -> 200".to_owned()), "{asked:?}");
    assert!(asked.iter().all(|line| line.starts_with("HEAD")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn push_sends_blobs_whose_early_upload_failed() {
    let scene = Scene::new(&[MIB, 10]).await;
    scene.registry.fault("POST /v2/web/blobs/uploads/", Fault::Status(403));

    let ahead = ahead(&scene, &[0]);
    eventually("it is refused", || (scene.asked("403").len() == 1).then_some(()));
    let pushed = push_after(&scene, ahead).await;

    assert_eq!((pushed.bytes_sent, pushed.bytes_reused), (size(&scene), 0));
    assert!(scene.registry.has_manifest("web", "one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn early_upload_refused_by_one_registry_is_repeated_there_only() {
    let other = FakeRegistry::start().await;
    let mut scene = Scene::new(&[MIB, 10]).await;
    let there = format!("{}/web:one", other.host()).parse().expect("a reference");
    scene.push.targets.push(there);
    other.fault("POST /v2/web/blobs/uploads/", Fault::Status(403));

    let ahead = ahead(&scene, &[0]);
    eventually("it is refused", || other.log().contains("403").then_some(()));
    let pushed = push_after(&scene, ahead).await;

    assert_eq!((pushed.bytes_sent, pushed.bytes_reused), (2 * size(&scene), 0));
    assert!(scene.registry.has_manifest("web", "one") && other.has_manifest("web", "one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn early_upload_goes_to_one_repository_and_is_mounted_in_the_others() {
    let scene = Scene::to(&[MIB, 10], &["api:one", "web:one"]).await;

    let pushed = push_after(&scene, ahead(&scene, &[0])).await;

    let blobs: Vec<u64> = scene.push.blobs.iter().map(|blob| blob.descriptor.size).collect();
    // Small blobs are sent twice rather than waited for.
    assert_eq!(pushed.bytes_sent, blobs[0] + 2 * (blobs[1] + blobs[2]));
    assert_eq!(pushed.bytes_reused, blobs[0]);
    assert_eq!(scene.asked("digest=layer0").len(), 1);
    assert!(scene.registry.has_manifest("web", "one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn early_uploads_are_part_of_the_progress() {
    let scene = Scene::new(&[MIB, 10]).await;
    let told = Mutex::new(Vec::new());
    let tell = |progress: crate::progress::Progress| {
        let sizes = progress.parts.iter().map(|part| part.total).collect::<Vec<_>>();
        told.lock().expect("no panic").push((progress.done, sizes));
    };

    let pushed = scene.client.push_after(ahead(&scene, &[0]), scene.push.clone(), &tell).await;

    pushed.expect("a push");
    let told = told.into_inner().expect("no panic");
    let sizes: Vec<u64> = scene.push.blobs.iter().map(|blob| blob.descriptor.size).collect();
    assert!(told.iter().all(|(_, blobs)| *blobs == sizes), "{told:?}");
    assert_eq!(told.last(), Some(&(size(&scene), sizes)));
}

#[tokio::test(flavor = "multi_thread")]
async fn push_runs_beside_an_early_upload_in_flight() {
    let scene = Scene::new(&[MIB, 10]).await;
    // The layer is taken when the push has asked for the other blobs and the
    // manifest, and not before.
    scene.registry.flights(&[1, 1, 4, 2, 2, 1]);
    let ahead = ahead(&scene, &[0]);
    eventually("its upload is open", || (!scene.asked("POST").is_empty()).then_some(()));

    let pushed = push_after(&scene, ahead).await;

    assert_eq!((pushed.bytes_sent, pushed.bytes_reused), (size(&scene), 0));
}
