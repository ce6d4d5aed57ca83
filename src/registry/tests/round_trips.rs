//! How many times a push waits for its registry, counted by the registry: it
//! answers a flight only when all of its requests are there, and a push of more
//! flights than are named here would leave requests behind in its log.

use super::scene::Scene;
use crate::registry::testing::fake_registry::Fault;
use crate::registry::testing::images::{client_of, noise};
use crate::registry::{Login, Settings};
use crate::secret::Redactor;
use std::time::Duration;

/// Sizes of layers whose bodies go whole, and which are asked for before they
/// are sent.
const LARGE: usize = (1 << 20) + 1;

/// Pushes in exactly these flights.
async fn flies(scene: &Scene, flights: &[usize]) {
    scene.registry.log();
    scene.registry.flights(flights);
    scene.push().await.expect("a push");
    let asked = scene.asked("").len();
    assert_eq!(asked, flights.iter().sum::<usize>());
}

async fn pushed(sizes: &[usize], names: &[&str]) -> Scene {
    let mut scene = Scene::to(sizes, names).await;
    scene.next_process();
    scene.push().await.expect("a push");
    scene.next_process();
    scene.registry.log();
    scene
}

#[tokio::test]
async fn new_image_takes_four_round_trips_for_any_number_of_tags() {
    for (names, flights) in
        [(vec!["web:one"], [4, 3, 3, 1]), (vec!["web:one", "web:two", "web:three"], [6, 3, 3, 3])]
    {
        let mut scene = Scene::to(&[10, LARGE], &names).await;
        scene.next_process();
        flies(&scene, &flights).await;
    }
}

#[tokio::test]
async fn new_image_with_tiny_blobs_takes_four_for_several_repositories() {
    let mut scene = Scene::to(&[10], &["api:one", "web:one"]).await;
    scene.next_process();
    flies(&scene, &[6, 4, 4, 2]).await;
}

#[tokio::test]
async fn large_blob_in_several_repositories_is_sent_once_and_takes_one_more() {
    let mut scene = Scene::to(&[LARGE], &["api:one", "web:one"]).await;
    scene.next_process();
    // The last two: the first's manifest beside the mount, the second's manifest.
    flies(&scene, &[6, 3, 3, 2, 1]).await;
}

#[tokio::test]
async fn nothing_new_is_one_request_per_name_in_a_new_process() {
    let scene = pushed(&[10, LARGE], &["web:one"]).await;
    scene.registry.flights(&[1]);
    let again = scene.push().await.expect("a push");
    assert_eq!(scene.registry.log(), "HEAD /v2/web/manifests/one -> 200");
    assert_eq!(again.bytes_sent, 0);

    let scene = pushed(&[10], &["api:one", "web:one", "web:two"]).await;
    flies(&scene, &[3]).await;
}

#[tokio::test]
async fn nothing_new_is_one_round_trip_without_memory() {
    let mut scene = pushed(&[10, LARGE], &["web:one"]).await;
    std::fs::remove_dir_all(scene.folder.path().join("memory")).expect("a folder");
    scene.next_process();
    flies(&scene, &[4]).await;
}

#[tokio::test]
async fn new_tag_is_one_request_in_a_new_process() {
    let mut scene = pushed(&[10, LARGE], &["web:one"]).await;
    scene.push.targets[0].tag = Some("two".to_owned());
    scene.registry.flights(&[1]);
    scene.push().await.expect("a push");
    assert_eq!(scene.registry.log(), "PUT /v2/web/manifests/two -> 201");

    // And with one that is there, whose place is asked for first.
    scene.next_process();
    let mut three = scene.push.targets[0].clone();
    three.tag = Some("three".to_owned());
    scene.push.targets.push(three);
    flies(&scene, &[1, 1]).await;
}

#[tokio::test]
async fn one_changed_layer_takes_three_where_the_rest_is_remembered() {
    let mut scene = pushed(&[10, LARGE, 20], &["web:one"]).await;
    scene.builds([(7, 11), (2, LARGE), (3, 20)].into_iter(), &["web:two"]);
    scene.registry.flights(&[2, 2, 1]);

    let pushed = scene.push().await.expect("a push");

    // To open an upload asks whether the blob is there.
    assert_eq!(
        scene.registry.sorted_log(),
        "\
POST /v2/web/blobs/uploads/ mount=config from=web -> 202
POST /v2/web/blobs/uploads/ mount=layer0 from=web -> 202
PUT /v2/web/blobs/uploads/* digest=config -> 201
PUT /v2/web/blobs/uploads/* digest=layer0 -> 201
PUT /v2/web/manifests/two -> 201"
    );
    assert_eq!(pushed.bytes_sent, 11 + scene.push.blobs[3].descriptor.size);
}

#[tokio::test]
async fn blobs_pushed_by_others_meanwhile_are_not_sent() {
    let mut scene = pushed(&[10], &["web:one"]).await;
    scene.builds([(7, 11)].into_iter(), &["web:two"]);
    scene.registry.put_blob("web", &noise(11, 7));
    scene.registry.flights(&[2, 1, 1]);

    let pushed = scene.push().await.expect("a push");

    assert_eq!(pushed.bytes_reused, 11);
}

#[tokio::test]
async fn new_large_layer_is_looked_up_unless_the_registry_mounts() {
    let mut scene = pushed(&[10], &["web:one"]).await;
    scene.builds([(7, LARGE)].into_iter(), &["web:two"]);
    flies(&scene, &[2, 2, 2, 1]).await;

    // It mounts: the other repository shows so.
    scene.builds([(7, LARGE)].into_iter(), &["web:two", "api:two"]);
    scene.push().await.expect("a push");
    scene.next_process();
    scene.builds([(8, LARGE)].into_iter(), &["web:three"]);
    flies(&scene, &[2, 2, 1]).await;
}

#[tokio::test]
async fn small_blobs_take_two_where_single_post_works() {
    let mut scene = Scene::to(&[10, 20], &["web:one"]).await;
    scene.registry.takes_single_posts();
    scene.next_process();
    scene.push().await.expect("a push");
    scene.next_process();
    scene.builds([(7, 10), (8, 20)].into_iter(), &["web:two"]);
    scene.registry.log();
    scene.registry.flights(&[3, 1]);

    scene.push().await.expect("a push");

    assert_eq!(
        scene.registry.sorted_log(),
        "\
POST /v2/web/blobs/uploads/ digest=config -> 201
POST /v2/web/blobs/uploads/ digest=layer0 -> 201
POST /v2/web/blobs/uploads/ digest=layer1 -> 201
PUT /v2/web/manifests/two -> 201"
    );
}

#[tokio::test]
async fn single_post_is_tried_once_where_it_opens_an_upload() {
    let mut scene = pushed(&[10, 20], &["web:one"]).await;
    scene.builds([(7, 10)].into_iter(), &["api:one"]);

    scene.push().await.expect("a push");

    let log = scene.registry.log();
    assert!(!log.contains("POST /v2/api/blobs/uploads/ digest="), "{log}");
}

#[tokio::test]
async fn refused_single_post_falls_back() {
    let mut scene = Scene::to(&[10], &["web:one"]).await;
    scene.next_process();
    scene.registry.put_blob("web", &scene.config());
    scene.registry.fault("POST", Fault::Answer(405, &[], String::new()));

    scene.push().await.expect("a push");

    assert_eq!(
        scene.asked("POST"),
        ["POST /v2/web/blobs/uploads/ digest=layer0 -> 405", "POST /v2/web/blobs/uploads/ -> 202"]
    );
}

#[tokio::test]
async fn moved_tag_is_moved_back_in_two() {
    let scene = pushed(&[10, LARGE], &["web:one"]).await;
    scene.registry.put_manifest("web", "one", ("application/json", b"{}"));
    flies(&scene, &[1, 1]).await;
}

#[tokio::test]
async fn lost_registry_content_takes_four_for_small_blobs() {
    let scene = pushed(&[10, 20], &["web:one"]).await;
    scene.registry.wipe();
    flies(&scene, &[1, 3, 3, 1]).await;
    assert!(scene.registry.has_manifest("web", "one"));
}

#[tokio::test]
async fn lost_blobs_named_by_the_registry_are_sent() {
    let mut scene = pushed(&[10, LARGE], &["web:one"]).await;
    for blob in &scene.push.blobs {
        scene.registry.remove_blob("web", &blob.descriptor.digest);
    }
    scene.push.targets[0].tag = Some("two".to_owned());

    flies(&scene, &[1, 3, 3, 1]).await;

    assert!(scene.registry.has_manifest("web", "two"));
}

#[tokio::test]
async fn lost_blobs_named_badly_are_looked_up() {
    let mut scene = pushed(&[10, 20], &["web:one"]).await;
    for blob in &scene.push.blobs {
        scene.registry.remove_blob("web", &blob.descriptor.digest);
    }
    scene.push.targets[0].tag = Some("two".to_owned());
    // One of them only.
    let named = format!(
        r#"{{"errors":[{{"code":"BLOB_UNKNOWN","message":"{}"}}]}}"#,
        scene.push.blobs[0].descriptor.digest
    );
    scene.registry.fault("PUT /v2/web/manifests/", Fault::Answer(404, &[], named.clone()));
    scene.registry.fault("PUT /v2/web/manifests/", Fault::Answer(404, &[], named));

    let pushed = scene.push().await.expect("a push");

    let size = scene.push.blobs.iter().map(|blob| blob.descriptor.size).sum();
    assert_eq!((pushed.bytes_sent, pushed.bytes_reused), (size, 0));

    assert!(scene.registry.has_manifest("web", "two"));
}

#[tokio::test]
async fn torn_memory_is_ignored() {
    let mut scene = pushed(&[10], &["web:one"]).await;
    let memory = scene.folder.path().join("memory");
    let files: Vec<_> = std::fs::read_dir(&memory).expect("a folder").flatten().collect();
    let file =
        files.iter().map(std::fs::DirEntry::path).find(|path| path.is_file()).expect("a file");
    let text = std::fs::read(&file).expect("a file");
    std::fs::write(&file, &text[..text.len() - 9]).expect("a file");
    scene.next_process();
    flies(&scene, &[3]).await;
}

#[tokio::test]
async fn fresh_answers_are_reused() {
    let scene = pushed(&[10], &["web:one", "web:two"]).await;
    let check =
        async || scene.client.check_push(&scene.registry.host(), "web", &scene.push.targets).await;
    // An answer is one for a second, which a busy machine may let pass.
    let mut asked = String::from("not yet");
    for _ in 0..5 {
        check().await.expect("signed in");
        assert_eq!(
            scene.registry.sorted_log(),
            "HEAD /v2/web/manifests/one -> 200\nHEAD /v2/web/manifests/two -> 200"
        );
        let again = scene.push().await.expect("a push");
        assert_eq!(again.bytes_sent, 0);
        asked = scene.registry.log();
        if asked.is_empty() {
            break;
        }
    }
    assert_eq!(asked, "");

    // Another has pushed something else there, which is seen and asked again.
    scene.registry.put_manifest("web", "two", ("application/json", b"{}"));
    check().await.expect("signed in");
    scene.registry.log();
    scene.push().await.expect("a push");
    assert_eq!(
        scene.registry.sorted_log(),
        "\
HEAD /v2/web/manifests/one -> 200
HEAD /v2/web/manifests/two -> 200
PUT /v2/web/manifests/two -> 201"
    );
}

/// So many requests, of which some come by themselves.
async fn many_asked(scene: &Scene, count: usize) -> Vec<String> {
    let mut asked = scene.asked("");
    let all = async {
        while asked.len() < count {
            tokio::task::yield_now().await;
            asked.extend(scene.asked(""));
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all).await.expect("asked within a minute");
    asked
}

#[tokio::test]
async fn check_push_skips_names_never_pushed() {
    let scene = pushed(&[10], &["web:one"]).await;
    let host = scene.registry.host();
    let names = [format!("{host}/web:one"), format!("{host}/web:new")];
    let names = names.map(|name| name.parse().expect("a reference"));
    scene.client.check_push(&host, "web", &names).await.expect("signed in");
    // One signs in, the others open the connections that the push goes over.
    assert_eq!(many_asked(&scene, 8).await, ["GET /v2/ -> 200"; 8]);

    let names = &names[..1];
    scene.registry.fault("HEAD /v2/web/manifests/one", Fault::Status(405));
    scene.client.check_push(&host, "web", names).await.expect("signed in");
    assert_eq!(scene.registry.log(), "HEAD /v2/web/manifests/one -> 405\nGET /v2/ -> 200");

    // Who may look without a login has not shown that the login is good.
    let redactor = Redactor::default();
    let password = redactor.adopt("a password", "open sesame".to_owned());
    let login = Login::Basic { username: "me".to_owned(), password };
    let memory = Some(scene.folder.path().join("memory"));
    let client = client_of(&host, login, &redactor, Settings { memory, ..Settings::default() });
    client.check_push(&host, "web", names).await.expect("signed in");
    let asked = many_asked(&scene, 9).await;
    assert_eq!(asked[0], "HEAD /v2/web/manifests/one -> 200");
    assert_eq!(asked[1..], ["GET /v2/ -> 200"; 8]);
}
