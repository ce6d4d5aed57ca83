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
async fn all_new_is_four_for_any_number_of_tags() {
    for (names, flights) in
        [(vec!["web:one"], [4, 3, 3, 1]), (vec!["web:one", "web:two", "web:three"], [6, 3, 3, 3])]
    {
        let mut scene = Scene::to(&[10, LARGE], &names).await;
        scene.next_process();
        flies(&scene, &flights).await;
    }
}

#[tokio::test]
async fn all_new_is_four_for_several_repositories_whose_new_blobs_are_tiny() {
    let mut scene = Scene::to(&[10], &["api:one", "web:one"]).await;
    scene.next_process();
    flies(&scene, &[6, 4, 4, 2]).await;
}

#[tokio::test]
async fn a_large_blob_in_several_repositories_goes_up_once_and_takes_one_more() {
    let mut scene = Scene::to(&[LARGE], &["api:one", "web:one"]).await;
    scene.next_process();
    // The last two: the first's manifest beside the mount, the second's manifest.
    flies(&scene, &[6, 3, 3, 2, 1]).await;
}

#[tokio::test]
async fn nothing_new_is_one_request_a_name_from_a_fresh_process() {
    let scene = pushed(&[10, LARGE], &["web:one"]).await;
    scene.registry.flights(&[1]);
    let again = scene.push().await.expect("a push");
    assert_eq!(scene.registry.log(), "HEAD /v2/web/manifests/one -> 200");
    assert_eq!(again.bytes_sent, 0);

    let scene = pushed(&[10], &["api:one", "web:one", "web:two"]).await;
    flies(&scene, &[3]).await;
}

#[tokio::test]
async fn nothing_new_is_one_flight_for_who_knows_nothing() {
    let mut scene = pushed(&[10, LARGE], &["web:one"]).await;
    std::fs::remove_dir_all(scene.folder.path().join("memory")).expect("a folder");
    scene.next_process();
    flies(&scene, &[4]).await;
}

#[tokio::test]
async fn another_tag_is_one_request_from_a_fresh_process() {
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
async fn one_layer_changed_is_three_where_the_rest_is_known() {
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
async fn what_another_pushed_meanwhile_is_not_sent_again() {
    let mut scene = pushed(&[10], &["web:one"]).await;
    scene.builds([(7, 11)].into_iter(), &["web:two"]);
    scene.registry.put_blob("web", &noise(11, 7));
    scene.registry.flights(&[2, 1, 1]);

    let pushed = scene.push().await.expect("a push");

    assert_eq!(pushed.bytes_reused, 11);
}

#[tokio::test]
async fn a_large_layer_that_is_new_is_asked_for_unless_the_registry_mounts() {
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
async fn small_blobs_are_two_where_the_registry_takes_them_with_the_opening() {
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
async fn a_registry_that_opens_an_upload_instead_is_tried_once() {
    let mut scene = pushed(&[10, 20], &["web:one"]).await;
    scene.builds([(7, 10)].into_iter(), &["api:one"]);

    scene.push().await.expect("a push");

    let log = scene.registry.log();
    assert!(!log.contains("POST /v2/api/blobs/uploads/ digest="), "{log}");
}

#[tokio::test]
async fn a_registry_that_refuses_it_is_asked_plainly() {
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
async fn a_tag_that_was_moved_is_moved_back_in_two() {
    let scene = pushed(&[10, LARGE], &["web:one"]).await;
    scene.registry.put_manifest("web", "one", ("application/json", b"{}"));
    flies(&scene, &[1, 1]).await;
}

#[tokio::test]
async fn a_registry_that_lost_everything_is_four_for_small_blobs() {
    let scene = pushed(&[10, 20], &["web:one"]).await;
    scene.registry.wipe();
    flies(&scene, &[1, 3, 3, 1]).await;
    assert!(scene.registry.has_manifest("web", "one"));
}

#[tokio::test]
async fn blobs_that_were_lost_are_named_by_the_registry_and_sent() {
    let mut scene = pushed(&[10, LARGE], &["web:one"]).await;
    for blob in &scene.push.blobs {
        scene.registry.remove_blob("web", &blob.descriptor.digest);
    }
    scene.push.targets[0].tag = Some("two".to_owned());

    flies(&scene, &[1, 3, 3, 1]).await;

    assert!(scene.registry.has_manifest("web", "two"));
}

#[tokio::test]
async fn blobs_that_were_lost_and_are_named_badly_are_asked_for() {
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
async fn a_memory_that_is_torn_is_none() {
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
async fn what_was_asked_just_before_is_not_asked_again() {
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
async fn names_that_were_never_pushed_are_not_asked_for_beforehand() {
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
