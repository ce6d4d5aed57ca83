//! What a local registry fetches from one outside: once, checked, without any
//! login, and listed.

use crate::support::cloud::{LocalCloud, state};
use crate::support::fake_registry::{Asks, FakeRegistry, Fault};
use crate::support::images::noise;
use crate::support::peer_registry::PeerRegistry;
use crate::support::{busybox, peers};
use futures::future::join_all;
use serde_json::{Value, json};
use shipway::testing::local::fetched;
use shipway::testing::oci::{Digest, media_type};
use tempfile::TempDir;

/// A local cloud before a registry outside.
struct Behind {
    cloud: LocalCloud,
    client: reqwest::Client,
    host: String,
    folder: TempDir,
}

impl Behind {
    fn new(host: &str) -> Self {
        Self::with(host, json!({"allow-hosts": [host]}))
    }

    fn with(host: &str, world: Value) -> Self {
        let folder = state();
        let cloud = LocalCloud::start(folder.path(), world);
        let client = cloud.client();
        Self { cloud, client, host: host.to_owned(), folder }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let url = format!("http://{}/v2/{path}", self.host);
        self.client.get(url).send().await.expect("an answer")
    }

    /// The status, and what the error says.
    async fn refused(&self, path: &str) -> (u16, String) {
        let answer = self.get(path).await;
        let status = answer.status().as_u16();
        let error: Value = answer.json().await.expect("JSON");
        let said = error["errors"][0]["message"].as_str().expect("a message");
        (status, said.replace(&self.host, "HOST"))
    }

    /// What is noted to have come, with short digests.
    fn listed(&self) -> Vec<String> {
        let list = fetched(self.folder.path());
        let short = |text: &str| text.replace("sha256:", "").chars().take(8).collect::<String>();
        let line = |it: &shipway::testing::local::Fetched| {
            let name = if it.blob { "blob".to_owned() } else { it.name.clone() };
            format!("{}/{} {name} {} {}", it.host, it.repository, short(&it.digest), it.bytes)
        };
        list.iter().map(|it| line(it).replace(&self.host, "HOST")).collect()
    }

    /// Whether content of that name lies anywhere in the state folder.
    fn keeps(&self, digest: &Digest) -> bool {
        let content = self.folder.path().join("registry/content/sha256");
        content.join(digest.hex()).exists()
    }

    /// What uploads and fetches left half-done.
    fn left_over(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("registry/uploads")).expect("a folder").count()
    }
}

/// An image of one layer in a registry outside; its manifest and its layer.
fn put_image(outside: &FakeRegistry, layer: &[u8]) -> (Digest, Digest) {
    let config = outside.put_blob("base", b"{}");
    let digest = outside.put_blob("base", layer);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": {"mediaType": media_type::CONFIG, "digest": config, "size": 2},
        "layers": [{"mediaType": media_type::LAYER, "digest": digest, "size": layer.len()}],
    });
    let bytes = manifest.to_string();
    let manifest = outside.put_manifest("base", "1", (media_type::MANIFEST, bytes.as_bytes()));
    outside.call(&manifest, "MANIFEST");
    outside.call(&config, "CONFIG");
    outside.call(&digest, "LAYER");
    (manifest, digest)
}

#[test]
fn an_image_of_docker_registry_is_here_from_then_on() {
    let outside = PeerRegistry::open();
    let work = state();
    let digest = busybox::layout(&work.path().join("layout"), &json!({}));
    let layout = format!("oci:{}", work.path().join("layout").display());
    let base = format!("docker://{}/library/base:1", outside.host());
    peers::run("skopeo", &["copy", "--dest-tls-verify=false", &layout, &base]);
    let behind = Behind::new(&outside.host());
    let down = |name: &str| format!("oci:{}", work.path().join(name).display());
    // Go's programs go to loopback without the proxy, so they ask the port that
    // is printed.
    let near = behind.cloud.file.direct_registry.clone();
    let from = format!("docker://{near}/library/base:1");
    let copy = |name: &str| {
        behind.cloud.run("skopeo", &["copy", "--src-tls-verify=false", &from, &down(name)]);
    };

    copy("first");
    drop(outside);
    copy("second");

    for name in ["first", "second"] {
        let inspect = ["inspect", "--format", "{{.Digest}}", &down(name)];
        assert_eq!(peers::run("skopeo", &inspect).trim(), digest.as_str());
    }
    let listed = behind.listed();
    assert_eq!(listed.len(), 3, "{listed:#?}");
    let manifest = format!("HOST/library/base 1 {}", digest.short().get(..8).expect("text"));
    assert!(listed[0].starts_with(&manifest), "{listed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_host_outside_stays_here() {
    let outside = FakeRegistry::start().await;
    let behind = Behind::new(&outside.host());
    let base = format!("http://{}/v2/own", behind.host);
    let send = async |request: reqwest::RequestBuilder| {
        request.send().await.expect("an answer").status().as_u16()
    };
    let layer = Digest::of(b"a layer");

    assert_eq!(send(behind.client.head(format!("{base}/manifests/1"))).await, 404);
    assert_eq!(send(behind.client.head(format!("{base}/blobs/{layer}"))).await, 404);
    let upload = format!("{base}/blobs/uploads/?digest={layer}");
    assert_eq!(send(behind.client.post(upload).body("a layer")).await, 201);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": {"mediaType": media_type::CONFIG, "digest": layer, "size": 7}, "layers": [],
    });
    let put = behind.client.put(format!("{base}/manifests/1"));
    let put = put.header("content-type", media_type::MANIFEST).body(manifest.to_string());
    assert_eq!(send(put).await, 201);
    assert_eq!(send(behind.client.head(format!("{base}/manifests/1"))).await, 200);
    assert_eq!(send(behind.client.delete(format!("{base}/blobs/{layer}"))).await, 202);

    // Whether there is such a manifest outside is all that was asked.
    assert_eq!(outside.log(), "GET /v2/own/manifests/1 -> 404");
    assert_eq!(behind.listed(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_s_token_is_asked_for_and_nobody_s_login_sent() {
    let outside = FakeRegistry::start().await;
    outside.asks(Asks::Token(""));
    let (_, layer) = put_image(&outside, b"a layer");
    let behind = Behind::new(&outside.host());

    // A login of the local cloud goes no further than that.
    let url = format!("http://{}/v2/base/manifests/1", behind.host);
    let answer = behind.client.get(url).basic_auth("ci", Some("secret")).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
    assert_eq!(behind.get(&format!("base/blobs/{layer}")).await.status(), 200);

    assert_eq!(
        outside.log(),
        "GET /v2/base/manifests/1 -> 401
GET /token scope=repository:base:pull -> 200
+GET /v2/base/manifests/1 -> 200
+GET /v2/base/blobs/LAYER -> 200"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_one_blob_fetch_it_once() {
    let outside = FakeRegistry::start().await;
    let bytes = noise(3_000_000, 1);
    let (_, layer) = put_image(&outside, &bytes);
    let behind = Behind::new(&outside.host());
    let manifests = join_all((0..8).map(|_| behind.get("base/manifests/1"))).await;
    assert!(manifests.iter().all(|answer| answer.status() == 200));
    let path = format!("base/blobs/{layer}");
    let url = format!("http://{}/v2/{path}", behind.host);
    let looked = behind.client.head(&url).send().await.expect("an answer");
    assert_eq!(looked.headers()["content-length"], "3000000");

    let got = join_all((0..16).map(|_| async {
        let answer = behind.get(&path).await;
        assert_eq!(answer.headers()["docker-content-digest"], layer.as_str());
        answer.bytes().await.expect("bytes")
    }));
    for body in got.await {
        assert_eq!(body, bytes);
    }
    let part = behind.client.get(&url).header("range", "bytes=2999998-").send().await;
    assert_eq!(part.expect("an answer").bytes().await.expect("bytes"), bytes[2_999_998..]);

    assert_eq!(outside.log(), "GET /v2/base/manifests/1 -> 200\nGET /v2/base/blobs/LAYER -> 200");
    let (manifest, size) = (fetched(behind.folder.path())[0].digest.clone(), 3_000_000);
    let short = |digest: &str| digest[7..15].to_owned();
    assert_eq!(
        behind.listed(),
        [
            format!("HOST/base 1 {} {}", short(&manifest), fetched(behind.folder.path())[0].bytes),
            format!("HOST/base blob {} {size}", short(layer.as_str())),
        ]
    );
    assert_eq!(behind.left_over(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_breaks_off_goes_on_where_it_was() {
    let outside = FakeRegistry::start().await;
    let bytes = noise(3_000_000, 2);
    let (_, layer) = put_image(&outside, &bytes);
    let behind = Behind::new(&outside.host());
    behind.get("base/manifests/1").await;
    outside.fault("GET /v2/base/blobs/", Fault::CutAfter(1_500_000));

    let got = behind.get(&format!("base/blobs/{layer}")).await;

    assert_eq!(got.bytes().await.expect("bytes"), bytes);
    let log = outside.log();
    let asked: Vec<&str> = log.lines().skip(1).collect();
    assert_eq!(asked[0], "GET /v2/base/blobs/LAYER -> 200");
    assert!(asked[1].starts_with("GET /v2/base/blobs/LAYER bytes="), "{asked:?}");
    assert!(asked[1].ends_with("- -> 206") && asked.len() == 2, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_its_digest_says_is_not_kept() {
    let outside = FakeRegistry::start().await;
    let bytes = noise(3_000_000, 3);
    let (manifest, layer) = put_image(&outside, &bytes);
    let small = put_image(&outside, b"a layer").1;
    let behind = Behind::new(&outside.host());
    let wrong =
        |body: &[u8]| Fault::Answer(200, &[], String::from_utf8(body.to_vec()).expect("text"));

    outside.fault("GET /v2/base/manifests/", wrong(br#"{"schemaVersion":2}"#));
    assert_eq!(
        behind.refused(&format!("base/manifests/{manifest}")).await,
        (
            424,
            format!(
                "what `HOST` has as {manifest} is {}, and was thrown away",
                Digest::of(br#"{"schemaVersion":2}"#)
            )
        )
    );
    let said = Fault::Header("docker-content-digest", manifest.to_string());
    outside.fault("GET /v2/base/manifests/1", said);
    assert_eq!(behind.get("base/manifests/1").await.status(), 424);
    assert_eq!(behind.get("base/manifests/1").await.status(), 200);
    assert_eq!(behind.get(&format!("base/manifests/{manifest}")).await.status(), 200);

    outside.fault("GET /v2/base/blobs/", wrong(b"another"));
    assert_eq!(
        behind.refused(&format!("base/blobs/{small}")).await,
        (
            424,
            format!(
                "what `HOST` has as {small} is {}, and was thrown away",
                Digest::of(b"another")
            )
        )
    );
    // Of a long one so much has been passed on already that it can only end
    // before its last byte.
    outside.fault("GET /v2/base/blobs/", wrong(&vec![b'x'; 3_000_000]));
    let cut = behind.get(&format!("base/blobs/{layer}")).await;
    assert_eq!(cut.status(), 200);
    cut.bytes().await.expect_err("it ends early");

    assert!(!behind.keeps(&small) && !behind.keeps(&layer));
    assert_eq!(behind.left_over(), 0);
    // The next time it is right.
    let got = behind.get(&format!("base/blobs/{layer}")).await;
    assert_eq!(got.bytes().await.expect("bytes"), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_outside_that_does_not_help_is_named() {
    let outside = FakeRegistry::start().await;
    let behind = Behind::new(&outside.host());

    assert_eq!(
        behind.refused("base/manifests/2").await,
        (404, "`HOST` has no `2` either".to_owned())
    );
    outside.asks(Asks::Basic("bm9ib2R5"));
    assert_eq!(
        behind.refused("base/manifests/2").await,
        (
            424,
            "`HOST` answers 401 Unauthorized to who has no login, and none goes there from here: \
             give the image with `--seed-image HOST/base:2=oci:FOLDER`"
                .to_owned()
        )
    );
    outside.asks(Asks::Nothing);
    let busy = Fault::Answer(429, &[("retry-after", "7")], String::new());
    outside.fault("GET /v2/base/manifests/2", busy);
    let answer = behind.get("base/manifests/2").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"7".parse().expect("a value"))
    );
    outside.log();
    for _ in 0..3 {
        outside.fault("GET /v2/base/manifests/2", Fault::Status(503));
    }
    assert_eq!(
        behind.refused("base/manifests/2").await,
        (424, "`HOST` answers 503 Service Unavailable where `2` was asked for".to_owned())
    );
    assert_eq!(outside.log().lines().count(), 3);
    // Nobody listens on a port that was just given back.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("bound").to_string();
    drop(nobody);
    let behind = Behind::new(&address);
    let (status, said) = behind.refused("base/manifests/2").await;
    assert_eq!(status, 424);
    assert!(said.starts_with("fetch `2` from `HOST`: "), "{said}");
    assert!(said.ends_with("Connection refused (os error 111)"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_means_that_nobody_is_asked() {
    let outside = FakeRegistry::start().await;
    put_image(&outside, b"a layer");
    let world = json!({"allow-hosts": [outside.host()], "offline": true});
    let behind = Behind::with(&outside.host(), world);

    assert_eq!(
        behind.refused("base/manifests/1").await,
        (
            424,
            "`HOST/base:1` is not here, and `--offline` fetches nothing: give it with \
             `--seed-image HOST/base:1=oci:FOLDER`"
                .to_owned()
        )
    );
    assert_eq!(outside.log(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_allowed_is_asked_for() {
    let outside = FakeRegistry::start().await;
    put_image(&outside, b"a layer");
    let world = json!({"allow-hosts": [format!("{}/base", outside.host())]});
    let behind = Behind::with(&outside.host(), world);

    assert_eq!(behind.get("other/manifests/1").await.status(), 404);
    // No manifest from outside names it.
    assert_eq!(behind.get(&format!("base/blobs/{}", Digest::of(b"x"))).await.status(), 404);
    assert_eq!(outside.log(), "");
    assert_eq!(behind.get("base/manifests/1").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_and_a_push_bring_what_they_name() {
    let outside = FakeRegistry::start().await;
    let (_, layer) = put_image(&outside, b"a layer");
    let behind = Behind::new(&outside.host());
    let manifest = behind.get("base/manifests/1").await.text().await.expect("text");
    let base = format!("http://{}/v2", behind.host);

    let mount = format!("{base}/web/blobs/uploads/?mount={layer}&from=base");
    let mounted = behind.client.post(mount).send().await.expect("an answer");
    assert_eq!(mounted.status(), 201);
    assert_eq!(
        behind.get(&format!("web/blobs/{layer}")).await.text().await.expect("text"),
        "a layer"
    );
    let tagged = behind.client.put(format!("{base}/base/manifests/own"));
    let tagged = tagged.header("content-type", media_type::MANIFEST).body(manifest);
    assert_eq!(tagged.send().await.expect("an answer").status(), 201);

    assert_eq!(
        outside.log(),
        "GET /v2/base/manifests/1 -> 200
GET /v2/base/blobs/LAYER -> 200
GET /v2/base/blobs/CONFIG -> 200"
    );
}
