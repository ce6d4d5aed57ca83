//! Copies from registry to registry, with indexes.

use crate::http::{self, Retry, Retryable as _};
use crate::image::{IndexEntry, Store};
use crate::oci::{Digest, Platform, Reference, media_type};
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{chain, noise, reference, silent};
use crate::registry::{
    Client, HostAccess, Login, Push, PushError, PushManifest, Pushed, RegistryTiming, Settings,
};
use crate::secret::Redactor;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

/// A registry with an index of two platforms and an attestation, `web:all`; the
/// layers of the platforms are one and the same.
struct Scene {
    from: FakeRegistry,
    to: FakeRegistry,
    client: Client,
    store: Store,
    layer: Digest,
    index: Digest,
    _folder: TempDir,
}

fn call(registries: [&FakeRegistry; 2], digest: &Digest, name: &str) {
    for registry in registries {
        registry.call(digest, name);
    }
}

/// A client that signs in to each registry as told.
fn client(logins: &[(&FakeRegistry, Login)], redactor: &Redactor) -> Client {
    let hosts = logins.iter().map(|(registry, login)| {
        (registry.host(), HostAccess { login: login.clone(), insecure: false, trusting: None })
    });
    let timing = RegistryTiming { pauses: vec![Duration::ZERO; 2], ..RegistryTiming::default() };
    let http = http::Client::new(http::Settings::default()).expect("a client");
    let settings = Settings { hosts: hosts.collect(), timing, ..Settings::default() };
    Client::new(http, redactor.clone(), settings)
}

fn child(child: &IndexEntry) -> PushManifest {
    PushManifest {
        media_type: child.manifest.media_type.clone(),
        bytes: child.bytes.clone(),
        digest: child.manifest.digest.clone(),
    }
}

impl Scene {
    async fn new(layer: &[u8]) -> Self {
        let (from, to) = (FakeRegistry::start().await, FakeRegistry::start().await);
        let redactor = Redactor::default();
        let client = client(&[(&from, Login::Anonymous), (&to, Login::Anonymous)], &redactor);
        let size = layer.len();
        let layer = from.put_blob("web", layer);
        call([&from, &to], &layer, "layer");
        let image = |name: &str, config: &str| {
            let blob = from.put_blob("web", config.as_bytes());
            call([&from, &to], &blob, &format!("{name}-config"));
            let text = json!({
                "schemaVersion": 2, "mediaType": media_type::MANIFEST,
                "config": { "mediaType": media_type::CONFIG, "digest": blob, "size": config.len() },
                "layers": [{ "mediaType": media_type::LAYER, "digest": layer, "size": size }],
            });
            let text = text.to_string();
            let digest = from.put_manifest("web", name, (media_type::MANIFEST, text.as_bytes()));
            call([&from, &to], &digest, name);
            (digest, text.len())
        };
        let entry = |(digest, size): (Digest, usize), os: &str, architecture: &str| {
            json!({ "mediaType": media_type::MANIFEST, "digest": digest, "size": size,
                    "platform": { "os": os, "architecture": architecture } })
        };
        let entries = [
            entry(image("amd", r#"{"os":"linux","architecture":"amd64"}"#), "linux", "amd64"),
            entry(image("arm", r#"{"os":"linux","architecture":"arm64"}"#), "linux", "arm64"),
            entry(image("seal", r#"{"seal":1}"#), "unknown", "unknown"),
        ];
        let index = Self::put_index(&from, &entries);
        call([&from, &to], &index, "index");
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        Self { from, to, client, store, layer, index, _folder: folder }
    }

    fn put_index(registry: &FakeRegistry, entries: &[Value]) -> Digest {
        // An unknown field and odd spaces, which must survive byte for byte.
        let text = json!({ "schemaVersion": 2, "mediaType": media_type::INDEX,
                           "manifests": entries, "x-of-its-own": true });
        let text = format!("{text:#}\n");
        registry.put_manifest("web", "all", (media_type::INDEX, text.as_bytes()))
    }

    fn source(&self) -> Reference {
        reference(&format!("{}/web:all", self.from.host()))
    }

    /// Resolves `source` and pushes it on, with its blobs read from there.
    async fn copy(&self, platform: Option<&Platform>, to: &str) -> Result<Pushed, PushError> {
        let source = self.source();
        let found = self.client.pull_manifests(&source, platform, self.store.root()).await;
        let product = self.store.product(&found.expect("found").digest).expect("whole");
        let blobs = product.blobs();
        let blobs =
            blobs.iter().map(|blob| self.client.blob_in(&source, blob, None).expect("a blob"));
        let push = Push {
            blobs: blobs.collect(),
            manifest: PushManifest {
                media_type: product.manifest().media_type.clone(),
                bytes: product.manifest_bytes().clone(),
                digest: product.manifest().digest.clone(),
            },
            children: product
                .manifest_levels()
                .into_iter()
                .map(|flight| flight.into_iter().map(child).collect())
                .collect(),
            targets: vec![reference(to)],
        };
        self.client.push(push, &silent).await
    }

    async fn copy_over(&self) -> Result<Pushed, PushError> {
        let to = format!("{}/live:1", self.to.host());
        self.copy(None, &to).await
    }

    async fn error(&self) -> (String, Retry) {
        let error = self.copy_over().await.expect_err("it goes wrong");
        let text = chain(&error).replace(&self.from.host(), "FROM");
        let text = text.replace(&self.to.host(), "TO");
        (text.replace(self.layer.as_str(), "LAYER"), error.retry())
    }
}

#[tokio::test]
async fn copy_between_registries_keeps_the_index() {
    let scene = Scene::new(b"the layer").await;

    let pushed = scene.copy_over().await.expect("copied");

    assert_eq!(pushed.digest, scene.index, "to the last byte");
    assert_eq!(
        scene.from.sorted_log(),
        "GET /v2/web/blobs/amd-config -> 200
GET /v2/web/blobs/arm-config -> 200
GET /v2/web/blobs/layer -> 200
GET /v2/web/blobs/seal-config -> 200
GET /v2/web/manifests/all -> 200
GET /v2/web/manifests/amd -> 200
GET /v2/web/manifests/arm -> 200
GET /v2/web/manifests/seal -> 200"
    );
    let log = scene.to.log();
    let manifests: Vec<&str> = log.lines().filter(|line| line.contains("/manifests/")).collect();
    let (index, children) = (manifests[4], &mut manifests[1..4].to_vec());
    children.sort_unstable();
    assert_eq!(manifests[0], "HEAD /v2/live/manifests/1 -> 404");
    assert_eq!(
        *children,
        [
            "PUT /v2/live/manifests/amd -> 201",
            "PUT /v2/live/manifests/arm -> 201",
            "PUT /v2/live/manifests/seal -> 201"
        ]
    );
    assert_eq!(index, "PUT /v2/live/manifests/1 -> 201", "after what it lists");
}

#[tokio::test]
async fn copy_skips_existing_blobs() {
    let scene = Scene::new(b"the layer").await;
    scene.copy_over().await.expect("copied");
    scene.from.log();
    scene.to.log();

    let pushed = scene.copy_over().await.expect("copied again");

    assert_eq!((pushed.digest.clone(), pushed.bytes_sent), (scene.index.clone(), 0));
    assert_eq!(scene.from.log(), "GET /v2/web/manifests/all -> 200");
    assert_eq!(scene.to.log(), "HEAD /v2/live/manifests/1 -> 200");
}

#[tokio::test]
async fn copy_within_a_registry_mounts_all_blobs() {
    let scene = Scene::new(b"the layer").await;
    let to = format!("{}/live:1", scene.from.host());

    let pushed = scene.copy(None, &to).await.expect("copied");

    assert_eq!((pushed.digest, pushed.bytes_sent), (scene.index.clone(), 0));
    let log = scene.from.sorted_log();
    let blobs: Vec<&str> = log.lines().filter(|line| line.contains("/blobs/")).collect();
    assert_eq!(
        blobs,
        [
            "HEAD /v2/live/blobs/amd-config -> 404",
            "HEAD /v2/live/blobs/arm-config -> 404",
            "HEAD /v2/live/blobs/layer -> 404",
            "HEAD /v2/live/blobs/seal-config -> 404",
            "POST /v2/live/blobs/uploads/ mount=amd-config from=web -> 201",
            "POST /v2/live/blobs/uploads/ mount=arm-config from=web -> 201",
            "POST /v2/live/blobs/uploads/ mount=layer from=web -> 201",
            "POST /v2/live/blobs/uploads/ mount=seal-config from=web -> 201",
        ]
    );
}

#[tokio::test]
async fn copy_of_one_platform_is_one_manifest() {
    let scene = Scene::new(b"the layer").await;
    let arm = "linux/arm64".parse().expect("a platform");
    let to = format!("{}/live:1", scene.to.host());

    scene.copy(Some(&arm), &to).await.expect("copied");

    let log = scene.to.log();
    let put: Vec<&str> = log.lines().filter(|line| line.starts_with("PUT /v2/live/man")).collect();
    assert_eq!(put, ["PUT /v2/live/manifests/1 -> 201"]);
    assert!(scene.to.has_manifest("live", "1"));
}

#[tokio::test]
async fn copy_rejects_a_blob_with_another_digest() {
    let scene = Scene::new(b"the layer").await;
    scene.from.fault(
        &format!("GET /v2/web/blobs/{}", scene.layer),
        Fault::Answer(200, &[], "the LAYER".into()),
    );

    let (text, retry) = scene.error().await;

    let found = Digest::of(b"the LAYER");
    assert_eq!(
        text,
        format!(
            "cannot upload LAYER (9 bytes) to `TO/live`
cannot fetch it from `FROM/web`
the registry has {found} where LAYER was asked for"
        )
    );
    assert_eq!(retry, Retry::Backoff);
    assert!(!scene.to.has_manifest("live", "1"));
    let log = scene.to.log();
    assert!(!log.contains(&format!("digest={}", scene.layer)), "it never came to its end: {log}");
}

#[tokio::test]
async fn copy_refetches_a_truncated_blob() {
    let scene = Scene::new(&noise(100_000, 1)).await;
    scene.from.fault(&format!("GET /v2/web/blobs/{}", scene.layer), Fault::CutAfter(40_000));

    let pushed = scene.copy_over().await.expect("copied");

    assert_eq!(pushed.digest, scene.index);
    let log = scene.from.log();
    let fetched = log.lines().filter(|line| line.starts_with("GET /v2/web/blobs/layer"));
    assert_eq!(fetched.count(), 2, "{log}");
}

#[tokio::test]
async fn copy_reports_a_missing_blob() {
    let scene = Scene::new(b"the layer").await;
    scene.from.remove_blob("web", &scene.layer);

    let (text, retry) = scene.error().await;

    assert_eq!(
        text,
        "cannot upload LAYER (9 bytes) to `TO/live`
cannot fetch it from `FROM/web`
GET http://FROM/v2/web/blobs/LAYER: 404: BLOB_UNKNOWN: blob unknown to registry"
    );
    assert_eq!(retry, Retry::Never);
}

#[tokio::test]
async fn copy_forwards_a_blob_in_ranges() {
    let layer = noise(20 << 20, 7);
    let scene = Scene::new(&layer).await;
    scene.to.limit("PUT", 1 << 20, 413);

    let pushed = scene.copy_over().await.expect("copied");

    assert_eq!(pushed.digest, scene.index);
    let from = scene.from.log();
    assert!(from.contains("GET /v2/web/blobs/layer bytes=16777216- -> 206"), "{from}");
    let to = scene.to.log();
    assert!(to.contains("PATCH /v2/live/blobs/uploads/* 16777216-20971519 -> 202"), "{to}");
}

#[tokio::test]
async fn copy_sends_each_login_to_its_own_registry_only() {
    let scene = Scene::new(b"the layer").await;
    scene.from.asks(Asks::Basic("cmVhZGVyOm9uZS1zZWNyZXQ="));
    scene.to.asks(Asks::Basic("d3JpdGVyOmFub3RoZXItb25l"));
    let storage = FakeRegistry::start().await;
    storage.put_blob("any", b"the layer");
    let place = format!("http://{}/v2/any/blobs/{}", storage.host(), scene.layer);
    let place: &'static str = Box::leak(place.into());
    let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", place)]));
    let request = format!("GET /v2/web/blobs/{}", scene.layer);
    scene.from.fault(&request, Fault::Answer(307, headers, String::new()));
    let redactor = Redactor::default();
    let login = |username: &str, password: &str| Login::Basic {
        username: username.into(),
        password: redactor.adopt("a password", password.into()),
    };
    let (reader, writer) = (login("reader", "one-secret"), login("writer", "another-one"));
    let client = client(&[(&scene.from, reader), (&scene.to, writer)], &redactor);
    let scene = Scene { client, ..scene };

    scene.copy_over().await.expect("copied");

    assert!(scene.from.log().contains("+GET /v2/web/blobs/layer -> 307"));
    assert_eq!(storage.log(), format!("GET /v2/any/blobs/{} -> 200", scene.layer));
    assert!(scene.to.log().contains("+PUT /v2/live/manifests/1 -> 201"));
}
