//! Pulls from registries that answer correctly and incorrectly.

use crate::http::{Retry, Retryable as _};
use crate::oci::{Digest, Platform, Reference, media_type};
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{chain, client, client_with, noise, reference, silent};
use crate::registry::{Client, Login, PullError};
use crate::secret::Redactor;
use serde_json::json;

/// A registry with an image of one layer, `web:one`.
struct Scene {
    registry: FakeRegistry,
    client: Client,
    layer: Digest,
    manifest: Digest,
    wanted: Reference,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn new(layer: &[u8]) -> Self {
        let registry = FakeRegistry::start().await;
        let host = registry.host();
        let config = registry.put_blob("web", b"{}");
        let digest = registry.put_blob("web", layer);
        let text = json!({
            "schemaVersion": 2, "mediaType": media_type::MANIFEST,
            "config": { "mediaType": media_type::CONFIG, "digest": config, "size": 2 },
            "layers": [{ "mediaType": media_type::LAYER, "digest": digest, "size": layer.len() }],
        });
        let of = (media_type::MANIFEST, text.to_string());
        let manifest = registry.put_manifest("web", "one", (of.0, of.1.as_bytes()));
        registry.call(&config, "config");
        registry.call(&digest, "layer");
        registry.call(&manifest, "manifest");
        let client = client(&host, Login::Anonymous);
        let wanted = reference(&format!("{host}/web:one"));
        let folder = tempfile::tempdir().expect("a folder");
        Self { registry, client, layer: digest, manifest, wanted, folder }
    }

    fn index(&self, entries: &serde_json::Value) {
        let text = json!({ "schemaVersion": 2, "manifests": entries }).to_string();
        let digest =
            self.registry.put_manifest("web", "many", (media_type::INDEX, text.as_bytes()));
        self.registry.call(&digest, "index");
    }

    fn answers(&self, text: &str) {
        let headers = &[("content-type", "application/vnd.oci.image.manifest.v1+json")];
        self.registry.fault("GET /v2/web/manifests/", Fault::Answer(200, headers, text.to_owned()));
    }

    async fn error(&self) -> (String, Retry) {
        let platform = Platform::default();
        let pulled = self.client.pull(&self.wanted, &platform, self.folder.path(), &silent).await;
        let error = pulled.expect_err("it goes wrong");
        (self.plain(&error), error.retry())
    }

    fn plain(&self, error: &PullError) -> String {
        let text = chain(error).replace(&self.registry.host(), "HOST");
        text.replace(self.layer.as_str(), "LAYER").replace(self.manifest.as_str(), "MANIFEST")
    }

    fn files(&self) -> usize {
        let folder = self.folder.path().join("blobs/sha256");
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

#[tokio::test]
async fn pull_selects_the_platform_from_an_index() {
    let scene = Scene::new(b"layer").await;
    scene.index(&json!([
        { "mediaType": media_type::MANIFEST, "digest": Digest::of(b"x"), "size": 1,
          "platform": { "os": "unknown", "architecture": "unknown" } },
        { "mediaType": media_type::MANIFEST, "digest": Digest::of(b"y"), "size": 1,
          "platform": { "os": "linux", "architecture": "arm64", "variant": "v8" } },
        { "mediaType": media_type::MANIFEST, "digest": scene.manifest, "size": 1,
          "platform": { "os": "linux", "architecture": "amd64" } },
    ]));
    let many = scene.wanted.with_tag("many");

    let resolved = scene.client.resolve(&many, Some(&Platform::default())).await.expect("found");
    assert_eq!(resolved.descriptor.digest, scene.manifest);
    assert_eq!(resolved.media_type, media_type::MANIFEST);
    assert_eq!(
        scene.registry.log(),
        "GET /v2/web/manifests/many -> 200\nGET /v2/web/manifests/manifest -> 200"
    );

    let whole = scene.client.resolve(&many, None).await.expect("found");
    assert_eq!(whole.media_type, media_type::INDEX);

    let windows = "windows/amd64".parse().expect("a platform");
    let error = scene.client.resolve(&many, Some(&windows)).await.expect_err("not there");
    assert_eq!(
        scene.plain(&error),
        "`HOST/web:many` is not there for windows/amd64, only for linux/amd64, linux/arm64/v8"
    );
    assert_eq!(error.help().as_deref(), Some("name one of them as `platform`, or another image"));
}

#[tokio::test]
async fn pull_rejects_deeply_nested_indexes() {
    let scene = Scene::new(b"layer").await;
    let inner = json!({ "schemaVersion": 2, "manifests": [] }).to_string();
    let mut digest =
        scene.registry.put_manifest("web", "i0", (media_type::INDEX, inner.as_bytes()));
    for name in ["i1", "i2", "one"] {
        let text = json!({ "schemaVersion": 2, "manifests": [
            { "mediaType": media_type::INDEX, "digest": digest, "size": 1 }] });
        let text = text.to_string();
        digest = scene.registry.put_manifest("web", name, (media_type::INDEX, text.as_bytes()));
    }

    assert_eq!(
        scene.error().await,
        (
            "cannot read the manifest of `HOST/web:one`\n\
             unexpected response: an index refers to an index, 3 times over"
                .to_owned(),
            Retry::Never
        )
    );
}

#[tokio::test]
async fn pull_reports_a_missing_manifest() {
    let scene = Scene::new(b"layer").await;
    let wanted = scene.wanted.with_tag("none");

    let error = scene.client.resolve(&wanted, None).await.expect_err("not there");

    assert_eq!(
        scene.plain(&error),
        "cannot find `HOST/web:none`\n\
         GET http://HOST/v2/web/manifests/none: 404: MANIFEST_UNKNOWN: manifest unknown"
    );
    assert_eq!(error.retry(), Retry::Never);
    let help = format!(
        "check repository and tag; `shipway images` shows what `{}` holds",
        scene.registry.host()
    );
    assert_eq!(error.help(), Some(help));
    assert!(scene.client.head_manifest(&wanted).await.expect("an answer").is_none());
}

#[tokio::test]
async fn pull_rejects_an_invalid_manifest() {
    let scene = Scene::new(b"layer").await;
    let head = "cannot read the manifest of `HOST/web:one`\nunexpected response: ";

    for (text, reason) in [
        ("<html>", "the manifest cannot be read: expected value at line 1 column 1"),
        ("{}", "the manifest is neither an image nor an index"),
        (r#"{"schemaVersion":1}"#, "the manifest is of Docker's first kind, which has no digests"),
    ] {
        scene.answers(text);
        assert_eq!(scene.error().await, (format!("{head}{reason}"), Retry::Never));
    }
}

#[tokio::test]
async fn pull_rejects_a_manifest_that_is_too_large() {
    let scene = Scene::new(b"layer").await;
    scene.answers(&"x".repeat(5 << 20));

    assert_eq!(
        scene.error().await,
        (
            "cannot read the manifest of `HOST/web:one`\n\
             GET http://HOST/v2/web/manifests/one: the answer cannot be read: \
             it has more than 4194304 bytes"
                .to_owned(),
            Retry::Never
        )
    );
}

#[tokio::test]
async fn pull_rejects_a_manifest_with_another_digest() {
    let scene = Scene::new(b"layer").await;
    scene.answers("{}");
    let wanted = scene.wanted.with_digest(scene.manifest.clone());

    let error = scene.client.resolve(&wanted, None).await.expect_err("it is another");

    let found = Digest::of(b"{}");
    assert_eq!(
        scene.plain(&error),
        format!(
            "cannot read the manifest of `HOST/web@MANIFEST`\n\
             the registry has {found} where MANIFEST was asked for"
        )
    );
}

#[tokio::test]
async fn pull_resumes_a_truncated_blob() {
    let layer = noise(1 << 20, 1);
    let scene = Scene::new(&layer).await;
    scene.registry.fault("GET /v2/web/blobs/sha256", Fault::CutAfter(100_000));
    scene.registry.fault("GET /v2/web/blobs/sha256", Fault::CutAfter(100_000));

    let platform = Platform::default();
    let pulled = scene.client.pull(&scene.wanted, &platform, scene.folder.path(), &silent).await;

    assert_eq!(pulled.expect("a pull").bytes_received, (1 << 20) + 2);
    let log = scene.registry.log();
    assert!(log.contains("GET /v2/web/blobs/layer bytes="), "{log}");
    assert_eq!(scene.files(), 3);
}

#[tokio::test]
async fn pull_discards_a_blob_with_another_digest() {
    let scene = Scene::new(b"layer").await;
    let path = format!("GET /v2/web/blobs/{}", scene.layer);
    scene.registry.fault(&path, Fault::Answer(200, &[], "other".to_owned()));
    let found = Digest::of(b"other");

    let (error, retry) = scene.error().await;

    assert_eq!(
        error,
        format!(
            "cannot fetch LAYER of `HOST/web:one`\nthe registry has {found} where LAYER was asked for"
        )
    );
    assert_eq!(retry, Retry::Backoff);
    assert_eq!(scene.files(), 1, "the configuration alone");
}

#[tokio::test]
async fn pull_discards_a_blob_longer_than_its_descriptor() {
    let scene = Scene::new(b"layer").await;
    let path = format!("GET /v2/web/blobs/{}", scene.layer);
    scene.registry.fault(&path, Fault::Answer(200, &[], "x".repeat(1 << 20)));

    let (error, _) = scene.error().await;

    assert_eq!(
        error,
        "cannot fetch LAYER of `HOST/web:one`\n\
         unexpected response: a blob of 5 bytes has more than that"
    );
}

#[tokio::test]
async fn redirect_to_storage_carries_no_login() {
    let scene = Scene::new(b"layer").await;
    let storage = FakeRegistry::start().await;
    storage.fault("GET /blob", Fault::Answer(200, &[], "layer".to_owned()));
    let place: &'static str = Box::leak(format!("http://{}/blob", storage.host()).into());
    let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", place)]));
    let path = format!("GET /v2/web/blobs/{}", scene.layer);
    scene.registry.fault(&path, Fault::Answer(307, headers, String::new()));
    scene.registry.asks(Asks::Basic("Y2k6cmlnaHQ="));
    let redactor = Redactor::default();
    let password = redactor.adopt("secrets.acr-password", "right".to_owned());
    let login = Login::Basic { username: "ci".to_owned(), password };
    let client = client_with(&scene.registry.host(), login, &redactor);

    let platform = Platform::default();
    client.pull(&scene.wanted, &platform, scene.folder.path(), &silent).await.expect("a pull");

    assert_eq!(storage.log(), "GET /blob -> 200");
}

#[tokio::test]
async fn redirect_loop_ends() {
    let scene = Scene::new(b"layer").await;
    for _ in 0..9 {
        let again = Fault::Answer(307, &[("location", "/v2/web/manifests/one")], String::new());
        scene.registry.fault("GET /v2/web/manifests/one", again);
    }

    assert_eq!(
        scene.error().await.0,
        "cannot read the manifest of `HOST/web:one`\n\
         `HOST` redirects the request too often, \
         last to `http://HOST/v2/web/manifests/one`"
    );
}

#[tokio::test]
async fn tags_are_read_page_by_page() {
    let scene = Scene::new(b"layer").await;
    let page =
        |link, tags: &str| Fault::Answer(200, link, format!(r#"{{"name":"web","tags":{tags}}}"#));
    let link = &[("link", "</v2/web/tags/list?n=2&last=b>; rel=\"next\"")];
    scene.registry.fault("GET /v2/web/tags/", page(link, r#"["c","a"]"#));
    scene.registry.fault("GET /v2/web/tags/", page(&[], r#"["b"]"#));

    let tags = scene.client.tags(&scene.registry.host(), "web").await.expect("tags");

    assert_eq!(tags, ["a", "b", "c"]);
    // Distribution says null where the last tag was removed.
    scene.registry.fault("GET /v2/web/tags/", page(&[], "null"));
    assert!(scene.client.tags(&scene.registry.host(), "web").await.expect("tags").is_empty());
    assert!(scene.client.tags(&scene.registry.host(), "none").await.expect("tags").is_empty());
}

#[tokio::test]
async fn tag_pages_that_loop_or_leave_the_registry_are_refused() {
    let scene = Scene::new(b"layer").await;
    let host = scene.registry.host();
    let circle = &[("link", "</v2/_catalog?n=1000>; rel=next")];
    scene.registry.fault("GET /v2/_catalog", Fault::Answer(200, circle, "{}".to_owned()));
    let error = scene.client.catalog(&host).await.expect_err("a circle");
    assert_eq!(
        scene.plain(&error),
        "cannot list the repositories of `HOST`\nunexpected response: the list has no end"
    );

    let elsewhere = &[("link", "<https://example.com/v2/_catalog?last=x>; rel=next")];
    scene.registry.fault("GET /v2/_catalog", Fault::Answer(200, elsewhere, "{}".to_owned()));
    let error = scene.client.catalog(&host).await.expect_err("elsewhere");
    assert_eq!(
        scene.plain(&error),
        "cannot list the repositories of `HOST`\n\
         `HOST` redirects the request to `https://example.com/v2/_catalog`, which is not allowed"
    );

    scene.registry.fault("GET /v2/_catalog", Fault::Answer(200, &[], "[7]".to_owned()));
    let error = scene.client.catalog(&host).await.expect_err("no list");
    assert_eq!(
        scene.plain(&error),
        "cannot list the repositories of `HOST`\n\
         unexpected response: the list cannot be read: invalid type: integer `7`, \
         expected a sequence at line 1 column 2"
    );
}

#[tokio::test]
async fn delete_of_a_missing_manifest_succeeds() {
    let scene = Scene::new(b"layer").await;

    scene.client.delete_manifest(&scene.wanted).await.expect("removed");
    scene.client.delete_manifest(&scene.wanted).await.expect("not there");

    assert_eq!(
        scene.registry.log(),
        "DELETE /v2/web/manifests/one -> 202\nDELETE /v2/web/manifests/one -> 404"
    );
}
