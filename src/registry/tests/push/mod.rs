//! The requests of a push, and registries that are slow, wrong or peculiar.

mod errors;
mod faults;

use crate::http::Retryable as _;
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{client, client_with, image, noise, silent};
use crate::registry::tests::scene::Scene;
use crate::registry::{BlobSource, Login, Push};
use crate::secret::Redactor;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn push_takes_four_round_trips() {
    let scene = Scene::to(&[10, 20, 30], &["web:one", "web:two"]).await;
    // Two names and four blobs; four uploads; four bodies; two manifests.
    scene.registry.flights(&[6, 4, 4, 2]);

    let pushed = scene.push().await.expect("a push");

    assert_eq!(pushed.bytes_reused, 0);
    assert_eq!(
        scene.registry.sorted_log(),
        "\
HEAD /v2/web/blobs/config -> 404
HEAD /v2/web/blobs/layer0 -> 404
HEAD /v2/web/blobs/layer1 -> 404
HEAD /v2/web/blobs/layer2 -> 404
HEAD /v2/web/manifests/one -> 404
HEAD /v2/web/manifests/two -> 404
POST /v2/web/blobs/uploads/ -> 202
POST /v2/web/blobs/uploads/ -> 202
POST /v2/web/blobs/uploads/ -> 202
POST /v2/web/blobs/uploads/ digest=layer0 -> 202
PUT /v2/web/blobs/uploads/* digest=config -> 201
PUT /v2/web/blobs/uploads/* digest=layer0 -> 201
PUT /v2/web/blobs/uploads/* digest=layer1 -> 201
PUT /v2/web/blobs/uploads/* digest=layer2 -> 201
PUT /v2/web/manifests/one -> 201
PUT /v2/web/manifests/two -> 201"
    );
}

#[tokio::test]
async fn nothing_new_is_one_request() {
    let scene = Scene::new(&[10, 20]).await;
    scene.push().await.expect("a push");
    scene.registry.log();

    let again = scene.push().await.expect("a push");

    assert_eq!(scene.registry.log(), "HEAD /v2/web/manifests/one -> 200");
    assert_eq!(again.bytes_sent, 0);
}

#[tokio::test]
async fn push_of_nothing_new_without_memory_is_one_round_trip() {
    let scene = Scene::new(&[10, 20]).await;
    scene.push().await.expect("a push");
    scene.registry.log();
    scene.registry.flights(&[4]);

    let fresh = client(&scene.registry.host(), Login::Anonymous);
    let again = fresh.push(scene.push.clone(), &silent).await.expect("a push");

    assert!(scene.registry.log().lines().all(|line| line.starts_with("HEAD ")));
    assert_eq!(again.bytes_sent, 0);
}

#[tokio::test]
async fn changed_layer_is_the_only_upload() {
    let scene = Scene::new(&[10, 20]).await;
    scene.registry.put_blob("web", &noise(10, 1));

    let pushed = scene.push().await.expect("a push");

    assert_eq!(pushed.bytes_reused, 10);
    assert!(!scene.registry.log().contains("digest=layer0"));
}

#[tokio::test]
async fn second_repository_mounts_from_the_first() {
    let scene = Scene::to(&[100_000, 200_000], &["api:one", "web:one"]).await;
    scene.registry.put_blob("web", &noise(100_000, 1));
    // What is tiny goes to both, which is done sooner than to wait for the other.
    scene.registry.flights(&[8, 4, 3, 2, 1]);

    let pushed = scene.push().await.expect("a push");

    assert_eq!(
        scene
            .registry
            .sorted_log()
            .lines()
            .filter(|it| !it.starts_with("HEAD"))
            .collect::<Vec<_>>(),
        [
            "POST /v2/api/blobs/uploads/ -> 202",
            "POST /v2/api/blobs/uploads/ digest=config -> 202",
            "POST /v2/api/blobs/uploads/ mount=layer0 from=web -> 201",
            "POST /v2/web/blobs/uploads/ digest=config -> 202",
            "POST /v2/web/blobs/uploads/ mount=layer1 from=api -> 201",
            "PUT /v2/api/blobs/uploads/* digest=config -> 201",
            "PUT /v2/api/blobs/uploads/* digest=layer1 -> 201",
            "PUT /v2/api/manifests/one -> 201",
            "PUT /v2/web/blobs/uploads/* digest=config -> 201",
            "PUT /v2/web/manifests/one -> 201",
        ]
    );
    let config = scene.push.blobs[2].descriptor.size;
    assert_eq!(pushed.bytes_sent, 200_000 + 2 * config);
}

#[tokio::test]
async fn blob_is_uploaded_where_mounting_is_not_supported() {
    for status in [404, 400, 403] {
        let scene = Scene::to(&[10], &["api:one", "web:one"]).await;
        for blob in &scene.push.blobs {
            let bytes = match &blob.source {
                BlobSource::Bytes(bytes) => bytes.to_vec(),
                BlobSource::File(path) => std::fs::read(path).expect("a file"),
                BlobSource::Remote(_) => unreachable!("all blobs are here"),
            };
            scene.registry.put_blob("web", &bytes);
        }
        for _ in 0..2 {
            scene.registry.fault("POST /v2/api/", Fault::Answer(status, &[], String::new()));
        }

        // Both blobs ask to be mounted at once, before either asks for more.
        scene.registry.flights(&[6, 2]);
        scene.push().await.expect("a push");

        assert!(scene.registry.has_manifest("api", "one"));
    }
}

#[tokio::test]
async fn upload_opened_by_a_failed_mount_is_used() {
    let scene = Scene::to(&[10], &["api:one", "web:one"]).await;
    scene.registry.put_blob("web", &noise(10, 1));
    scene.registry.put_blob("web", &scene.config());
    // It says that it has the blobs and does not find them when asked to mount.
    scene.registry.flights(&[6]);
    let location = "/v2/api/blobs/uploads/7?_state=a%2Bb%3D=";
    for _ in 0..2 {
        let opened = Fault::Answer(202, &[("location", "/upload")], location.to_owned());
        scene.registry.fault("POST /v2/api/", opened);
        scene.registry.fault("PUT /upload", Fault::Answer(201, &[], String::new()));
    }
    scene.registry.fault("PUT /v2/api/manifests/", Fault::Answer(201, &[], String::new()));
    let manifest = String::from_utf8(scene.push.manifest.bytes.to_vec()).expect("JSON");
    scene.registry.fault("GET /v2/api/manifests/", Fault::Answer(200, &[], manifest));

    scene.push().await.expect("a push");

    let log = scene.registry.sorted_log();
    assert_eq!(log.matches("POST").count(), 2, "{log}");
    assert_eq!(log.matches("PUT /upload").count(), 2, "{log}");
}

#[tokio::test]
async fn refused_head_is_ignored() {
    for status in [403, 405] {
        let scene = Scene::new(&[10]).await;
        for _ in 0..3 {
            scene.registry.fault("HEAD", Fault::Answer(status, &[], String::new()));
        }

        scene.push().await.expect("a push");

        assert!(scene.registry.has_manifest("web", "one"));
    }
}

#[tokio::test]
async fn manifest_response_without_location_is_accepted() {
    let scene = Scene::new(&[10]).await;
    scene.registry.fault("PUT /v2/web/manifests/", Fault::Header("location", String::new()));

    scene.push().await.expect("a push");
}

#[tokio::test]
async fn expired_token_is_replaced_once() {
    let mut scene = Scene::new(&[10]).await;
    // `ci:right`.
    scene.registry.asks(Asks::Token("Y2k6cmlnaHQ="));
    let redactor = Redactor::default();
    let password = redactor.adopt("secrets.acr-password", "right".to_owned());
    let login = Login::Basic { username: "ci".to_owned(), password };
    scene.client = client_with(&scene.registry.host(), login, &redactor);
    scene.push().await.expect("a push");
    scene.registry.forget_tokens();
    scene.registry.log();
    let mut push = scene.push.clone();
    push.targets[0].tag = Some("two".to_owned());

    scene.client.push(push, &silent).await.expect("a push");

    assert_eq!(
        scene.registry.log(),
        "\
+PUT /v2/web/manifests/two -> 401
+GET /token scope=repository:web:pull,push -> 200
+PUT /v2/web/manifests/two -> 201"
    );
}

#[tokio::test]
async fn token_is_sent_to_its_registry_only() {
    let mut scene = Scene::new(&[10]).await;
    let storage = FakeRegistry::start().await;
    scene.registry.asks(Asks::Basic("Y2k6cmlnaHQ="));
    let redactor = Redactor::default();
    let password = redactor.adopt("secrets.acr-password", "right".to_owned());
    let login = Login::Basic { username: "ci".to_owned(), password };
    scene.client = client_with(&scene.registry.host(), login, &redactor);
    scene.registry.put_blob("web", &scene.config());
    let elsewhere = format!("http://{}/upload/1?sig=x", storage.host());
    scene.registry.fault("POST", Fault::Header("location", elsewhere));
    storage.fault("PUT /upload/1", Fault::Answer(201, &[], String::new()));
    scene.registry.put_blob("web", &noise(10, 1));
    let mut push = scene.push.clone();
    push.blobs[0] = image(&[noise(11, 9)], scene.folder.path(), &[]).blobs.remove(0);

    // The fake does not know what went to its storage; the push may fail later.
    drop(scene.client.push(push, &silent).await);

    let log = storage.log();
    assert!(log.starts_with("PUT /upload/1 digest=sha256:"), "{log}");
}

#[tokio::test]
async fn several_registries_are_pushed_to_in_parallel() {
    let (one, two) = (FakeRegistry::start().await, FakeRegistry::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let targets = [&one, &two].map(|registry| format!("{}/web:one", registry.host()));
    let push = image(&[noise(10, 1)], folder.path(), &targets);
    let client = client(&one.host(), Login::Anonymous);

    let pushed = client.push(push.clone(), &silent).await.expect("a push");

    assert_eq!(pushed.references, push.targets);
    assert!(one.has_manifest("web", "one") && two.has_manifest("web", "one"));
}

#[tokio::test]
async fn push_without_a_target_does_nothing() {
    let scene = Scene::new(&[10]).await;
    let push = Push { targets: Vec::new(), ..scene.push.clone() };

    let error = scene.client.push(push, &silent).await.expect_err("nothing to do");

    assert_eq!(error.to_string(), "cannot push: no image reference is given");
    assert_eq!(error.help().as_deref(), Some("name the image in a `tag` step"));
}
