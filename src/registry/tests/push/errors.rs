//! Pushes that cannot be done, and why.

use super::MIB;
use crate::http::{Retry, Retryable as _};
use crate::registry::testing::fake_registry::Fault;
use crate::registry::testing::images::{client, client_timed, silent};
use crate::registry::tests::scene::Scene;
use crate::registry::{BlobSource, Login, RegistryTiming};
use crate::secret::Redactor;
use std::time::Duration;

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
async fn manifest_without_its_digest_is_asked_for_again() {
    let scene = Scene::new(&[10]).await;
    let page = Fault::Answer(201, &[("content-type", "text/html")], "<html>done</html>".into());
    scene.registry.fault("PUT /v2/web/manifests/", page);

    let (error, _, help) = scene.error().await;

    assert_eq!(
        error,
        "cannot push `HOST/web:one`\n\
         the registry answered 201 as if it had stored it, and does not return it: something else \
         may have answered, such as a proxy or a login page"
    );
    assert_eq!(help, "is `HOST` a registry, and the one that you mean?");
}
