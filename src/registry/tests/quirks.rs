//! Deviations of real registries from the specification. More of them are in
//! `push`: refused sizes, mounts and lookups, missing headers.

use super::scene::Scene;
use crate::http::Retry;
use crate::registry::Login;
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::client_with;
use crate::secret::Redactor;

const NO: &str = r#"{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported"}]}"#;

fn refuse(status: u16) -> Fault {
    Fault::Answer(status, &[], NO.to_owned())
}

/// A layer that is sent in three parts; the registry has the configuration.
async fn in_parts() -> Scene {
    let mut scene = Scene::new(&[100_000]).await;
    scene.registry.put_blob("web", &scene.config());
    scene.next_process_in_parts(2);
    scene
}

/// The requests that carried the layer.
fn bodies(scene: &Scene) -> Vec<String> {
    let body = |line: &String| {
        line.starts_with("PATCH") || (line.starts_with("PUT") && line.contains("digest=layer"))
    };
    scene.asked("/uploads/*").into_iter().filter(body).collect()
}

const WHOLE: &str = "PUT /v2/web/blobs/uploads/* digest=layer0 -> 201";

#[tokio::test]
async fn refused_range_switches_to_whole_bodies() {
    // Google's Artifact Registry; GitHub's, for which the part is too large.
    for status in [400, 404, 405, 411, 413, 415, 416, 501] {
        let mut scene = in_parts().await;
        scene.registry.fault("PATCH", refuse(status));

        scene.push().await.expect("a push");

        let refused = format!("PATCH /v2/web/blobs/uploads/* 0-39999 -> {status}");
        assert_eq!(bodies(&scene), [refused, WHOLE.to_owned()]);

        scene.builds([(7, 100_000)].into_iter(), &["web:two"]);
        scene.registry.put_blob("web", &scene.config());
        scene.next_process_in_parts(2);
        scene.push().await.expect("a push");
        assert_eq!(bodies(&scene), [WHOLE], "{status}");
    }
}

#[tokio::test]
async fn created_in_response_to_a_range_is_handled() {
    // Amazon's registry: 201 to each range, and then there is nothing to end.
    let scene = in_parts().await;
    for _ in 0..3 {
        scene.registry.fault("PATCH", Fault::Status(201));
    }
    scene.registry.fault("PUT /v2/web/blobs/", refuse(400));

    scene.push().await.expect("a push");

    let bodies = bodies(&scene);
    assert_eq!(bodies.len(), 5, "{bodies:?}");
    assert_eq!(bodies[4], WHOLE);
}

#[tokio::test]
async fn refused_end_of_an_existing_blob_is_accepted() {
    let scene = in_parts().await;
    for _ in 0..3 {
        scene.registry.fault("PATCH", Fault::Status(201));
    }
    let at_the_end = Fault::Header("docker-content-digest", String::new());
    scene.registry.fault("PUT /v2/web/blobs/", at_the_end);

    scene.push().await.expect("a push");

    assert!(scene.registry.has_manifest("web", "one"));
}

#[tokio::test]
async fn ranges_that_the_registry_drops_are_sent_whole() {
    // Amazon's registry again: the second range is taken, and not kept.
    let scene = in_parts().await;
    scene.registry.fault("PATCH", Fault::Status(201));
    let kept = &[("location", "/v2/web/blobs/uploads/1?_state=a%2Bb%3D="), ("range", "0-39999")];
    scene.registry.fault("PATCH", Fault::Answer(201, kept, String::new()));

    scene.push().await.expect("a push");

    let bodies = bodies(&scene);
    assert_eq!(bodies.len(), 3, "{bodies:?}");
    assert_eq!(bodies[2], WHOLE);
}

#[tokio::test]
async fn minimum_range_applies_to_parts() {
    let scene = in_parts().await;
    let least = Fault::Header("oci-chunk-min-length", "60000".to_owned());
    scene.registry.fault("POST", least);

    scene.push().await.expect("a push");

    assert_eq!(bodies(&scene)[0], "PATCH /v2/web/blobs/uploads/* 0-59999 -> 202");
}

#[tokio::test]
async fn upload_at_another_port_of_the_registry_is_mended() {
    let scene = Scene::new(&[70_000]).await;
    scene.registry.put_blob("web", &scene.config());
    // What a proxy listens on, and not the registry behind it.
    let location = "https://127.0.0.1:1/v2/web/blobs/uploads/1?_state=a%2Bb%3D=";
    scene.registry.fault("POST", Fault::Header("location", location.to_owned()));

    scene.push().await.expect("a push");

    assert_eq!(bodies(&scene), [WHOLE]);
}

#[tokio::test]
async fn upload_at_another_address_names_the_setting_of_the_registry() {
    let scene = Scene::new(&[70_000]).await;
    scene.registry.put_blob("web", &scene.config());
    let location = "ftp://127.0.0.1/upload".to_owned();
    scene.registry.fault("POST", Fault::Header("location", location));

    let (error, retry, help) = scene.error().await;

    assert_eq!(
        error,
        "cannot upload BLOB (70000 bytes) to `HOST/web`\n`HOST` redirects the request to `ftp://127.0.0.1/upload`, which is not allowed"
    );
    assert_eq!(retry, Retry::Never);
    assert_eq!(
        help,
        "if `HOST` is the registry that you mean, it names itself by another address: docker-registry is given the right one in `REGISTRY_HTTP_HOST`, a proxy before it passes `Host` and `X-Forwarded-Proto` on"
    );
}

#[tokio::test]
async fn upload_without_location_is_explained() {
    let scene = Scene::new(&[70_000]).await;
    scene.registry.put_blob("web", &scene.config());
    scene.registry.fault("POST", Fault::Header("location", String::new()));

    let (error, retry, help) = scene.error().await;

    assert_eq!(
        error,
        "cannot upload BLOB (70000 bytes) to `HOST/web`\n\
         unexpected response: an upload was opened and no `Location` given"
    );
    assert_eq!(retry, Retry::Never);
    assert_eq!(help, "is `HOST` a registry, and the one that you mean?");
}

#[tokio::test]
async fn busy_registry_without_retry_after_is_retried() {
    let scene = Scene::new(&[10]).await;
    scene.registry.fault("PUT /v2/web/manifests/", Fault::Answer(429, &[], String::new()));

    let (error, retry, help) = scene.error().await;

    assert_eq!(error, "cannot push `HOST/web:one`\nPUT http://HOST/v2/web/manifests/one: 429");
    assert_eq!(retry, Retry::Backoff);
    assert_eq!(help, "`HOST` is asked too often; it lets us in again later");
}

#[tokio::test]
async fn blob_stored_under_another_digest_is_refused() {
    let scene = Scene::new(&[70_000]).await;
    scene.registry.put_blob("web", &scene.config());
    let wrong = scene.push.manifest.digest.to_string();
    scene.registry.fault("PUT /v2/web/blobs/", Fault::Header("docker-content-digest", wrong));

    let (error, retry, _) = scene.error().await;

    assert_eq!(
        error,
        "cannot upload BLOB (70000 bytes) to `HOST/web`\n\
         the registry has MANIFEST where BLOB was asked for"
    );
    assert_eq!(retry, Retry::Backoff);
}

/// A client that signs in as `ci:right` and gets a token.
async fn with_token(sizes: &[usize]) -> Scene {
    let scene = Scene::new(sizes).await;
    scene.registry.asks(Asks::Token("Y2k6cmlnaHQ="));
    with_the_same_registry(scene)
}

#[tokio::test]
async fn token_that_expires_soon_is_replaced_before_a_body() {
    let scene = with_token(&[70_000]).await;
    scene.registry.put_blob("web", &scene.config());
    let challenge = &[("www-authenticate", "Bearer realm=\"/token\",service=\"fake\"")];
    scene.registry.fault("PUT /v2/web/blobs/", Fault::Answer(401, challenge, String::new()));

    scene.push().await.expect("a push");

    assert_eq!(
        scene.asked("digest=layer0"),
        [
            "+PUT /v2/web/blobs/uploads/* digest=layer0 -> 401",
            "+PUT /v2/web/blobs/uploads/* digest=layer0 -> 201",
        ]
    );
}

#[tokio::test]
async fn token_response_may_use_either_name() {
    for field in ["token", "access_token"] {
        let scene = with_token(&[10]).await;
        scene.registry.takes_token("given");
        let answer = format!(r#"{{"{field}":"given"}}"#);
        scene.registry.fault("GET /token", Fault::Answer(200, &[], answer));

        scene.push().await.expect("a push");

        assert_eq!(scene.asked("/token").len(), 1, "{field}");
    }
}

#[tokio::test]
async fn check_push_leaves_a_token_and_open_connections() {
    let scene = with_token(&[10]).await;
    scene.push().await.expect("a push");
    let mut push = scene.push.clone();
    push.targets[0].tag = Some("two".to_owned());
    let scene = Scene { push, ..with_the_same_registry(scene) };
    scene.client.check_login(&scene.registry.host(), "web", "push").await.expect("signed in");
    let before = scene.registry.connections();
    scene.registry.log();

    scene.push().await.expect("a push");

    let log = scene.registry.log();
    assert!(!log.contains("/token") && !log.contains("401"), "{log}");
    assert!(log.starts_with('+'), "{log}");
    // The question and those beside it; the first of them found one open.
    let asked = log.lines().filter(|line| line.contains("HEAD")).count();
    assert_eq!(scene.registry.connections() as usize, before as usize + asked - 1);
}

/// A new process that has to sign in itself.
fn with_the_same_registry(mut scene: Scene) -> Scene {
    let redactor = Redactor::default();
    let password = redactor.adopt("secrets.acr-password", "right".to_owned());
    let login = Login::Basic { username: "ci".to_owned(), password };
    scene.client = client_with(&scene.registry.host(), login, &redactor);
    scene
}

#[tokio::test]
async fn redirected_body_carries_no_token() {
    let scene = with_token(&[70_000]).await;
    scene.registry.put_blob("web", &scene.config());
    let storage = FakeRegistry::start().await;
    let place = format!("http://{}/store/1?sig=x", storage.host());
    let place: &'static [(&str, &str)] = Box::leak(Box::new([("location", &*place.leak())]));
    scene.registry.fault("PUT /v2/web/blobs/", Fault::Answer(307, place, String::new()));
    storage.fault("PUT /store/1", Fault::Answer(201, &[], String::new()));

    // The fake does not know what its storage was given, and is sent it again.
    scene.push().await.expect("a push");

    let log = storage.log();
    assert_eq!(log.lines().next(), Some("PUT /store/1 -> 201"), "{log}");
}

const LOGIN_PAGE: &[(&str, &str)] = &[("content-type", "text/html")];

#[tokio::test]
async fn login_page_in_response_to_a_manifest_is_no_success() {
    let scene = Scene::new(&[10]).await;
    let page = Fault::Answer(200, LOGIN_PAGE, "<html>please sign in</html>".to_owned());
    scene.registry.fault("PUT /v2/web/manifests/", page);

    let (error, retry, help) = scene.error().await;

    assert_eq!(
        error,
        "cannot push `HOST/web:one`\n\
         the registry answered 200 as if it had stored it, and does not return it: something \
         else may have answered, such as a proxy or a login page"
    );
    assert_eq!(retry, Retry::Never);
    assert_eq!(help, "is `HOST` a registry, and the one that you mean?");
    assert!(!scene.registry.has_manifest("web", "one"));
}

#[tokio::test]
async fn unusual_success_of_a_manifest_is_checked_by_reading_it_back() {
    let scene = Scene::new(&[10]).await;
    let manifest = &scene.push.manifest;
    scene.registry.put_manifest("web", "one", (&manifest.media_type, &manifest.bytes));
    scene.registry.fault("HEAD /v2/web/manifests/", Fault::Answer(404, &[], String::new()));
    scene.registry.fault("PUT /v2/web/manifests/", Fault::Answer(200, &[], String::new()));

    scene.push().await.expect("a push");

    assert_eq!(
        scene.asked("/manifests/"),
        [
            "HEAD /v2/web/manifests/one -> 404",
            "PUT /v2/web/manifests/one -> 200",
            "GET /v2/web/manifests/one -> 200"
        ]
    );
}
