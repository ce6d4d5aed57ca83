//! The requests of a push, and registries that are slow, wrong or peculiar.

use super::scene::Scene;
use crate::http::{Retry, Retryable as _};
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{client, client_timed, client_with, image, noise, silent};
use crate::registry::{BlobSource, Login, Push, RegistryTiming};
use crate::secret::Redactor;
use std::time::Duration;

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

#[tokio::test]
async fn missing_push_permission_is_explained() {
    let scene = Scene::new(&[10]).await;
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#;
    for _ in 0..2 {
        scene.registry.fault("POST", Fault::Answer(403, &[], denied.to_owned()));
    }

    let (error, retry, help) = scene.error().await;

    assert!(error.starts_with("cannot upload "), "{error}");
    assert!(
        error.ends_with(
            "POST http://HOST/v2/web/blobs/uploads/: 403: DENIED: requested access is denied"
        ),
        "{error}"
    );
    assert_eq!(retry, Retry::Never);
    assert_eq!(
        help,
        "ask the operator of `HOST` for the right to push, or sign in as a user who has it"
    );
}

#[tokio::test]
async fn firewall_refusal_is_explained() {
    let scene = Scene::new(&[10]).await;
    let denied = r#"{"errors":[{"code":"DENIED","message":"client with IP '1.2.3.4' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}"#;
    for _ in 0..2 {
        scene.registry.fault("POST", Fault::Answer(403, &[], denied.to_owned()));
    }

    let (_, retry, help) = scene.error().await;

    assert_eq!(retry, Retry::Never);
    assert_eq!(
        help,
        "the firewall of `HOST` keeps this machine out; allow its address, or run inside the network"
    );
}

#[tokio::test]
async fn host_without_a_registry_is_explained() {
    let scene = Scene::new(&[10]).await;
    for _ in 0..2 {
        scene.registry.fault("POST", Fault::Answer(404, &[], "not here".to_owned()));
    }

    let (error, retry, help) = scene.error().await;

    assert!(error.ends_with("POST http://HOST/v2/web/blobs/uploads/: 404: not here"), "{error}");
    assert_eq!(
        (retry, help.as_str()),
        (Retry::Never, "is `HOST` a registry, and is the name spelled right?")
    );
}

#[tokio::test]
async fn refused_connection_is_explained() {
    let scene = Scene::new(&[10]).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let mut push = scene.push.clone();
    push.targets[0].host.clone_from(&host);

    let error =
        client(&host, Login::Anonymous).push(push, &silent).await.expect_err("a closed port");

    assert_eq!(error.to_string(), format!("cannot check what `{host}/web` holds"));
    assert_eq!(error.retry(), Retry::Backoff);
    let help = format!("nothing listens there: does `{host}` run, and is the port right?");
    assert_eq!(error.help(), Some(help));
}

#[tokio::test]
async fn stalled_upload_is_given_up() {
    let mut scene = Scene::new(&[40 * MIB]).await;
    let timing = RegistryTiming {
        stall: Duration::from_secs(1),
        pauses: Vec::new(),
        ..RegistryTiming::default()
    };
    let (host, redactor) = (scene.registry.host(), Redactor::default());
    scene.client = client_timed(&host, Login::Anonymous, &redactor, timing);
    scene.registry.put_blob("web", &scene.config());
    scene.registry.fault("PUT /v2/web/blobs/uploads/", Fault::Hang(100));

    let (error, retry, help) = scene.error().await;

    assert_eq!(
        error,
        "cannot upload BLOB (41943040 bytes) to `HOST/web`\n\
         http://HOST/v2/web/blobs/uploads/1: nothing has moved for 1 s"
    );
    assert_eq!(retry, Retry::Backoff);
    assert_eq!(help, "the connection to `HOST` hangs; try again");
}

#[tokio::test]
async fn file_that_shrank_is_refused() {
    let scene = Scene::new(&[100_000]).await;
    let BlobSource::File(path) = &scene.push.blobs[0].source else { panic!("a file") };
    std::fs::write(path, b"short").expect("a file");

    let (error, retry, help) = scene.error().await;

    assert_eq!(
        error,
        "cannot upload BLOB (100000 bytes) to `HOST/web`\n\
         cannot read the content to upload\n\
         it ends 99995 bytes too early"
    );
    assert_eq!((retry, help.as_str()), (Retry::Never, "build the image again"));
}

#[tokio::test]
async fn wrong_digest_in_a_response_is_refused() {
    let scene = Scene::new(&[10]).await;
    let other = scene.push.blobs[0].descriptor.digest.to_string();
    let wrong = Fault::Header("docker-content-digest", other);
    scene.registry.fault("PUT /v2/web/manifests/", wrong);

    let (error, _, help) = scene.error().await;

    assert_eq!(
        error,
        "cannot push `HOST/web:one`\nthe registry has BLOB where MANIFEST was asked for"
    );
    assert_eq!(help, "something between here and the registry changes what it carries");
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
