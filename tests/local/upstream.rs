//! Images that the local registry fetches from outside: once, verified, without a
//! login, and listed.

use crate::support::cloud::LocalCloud;
use crate::support::fake_registry::{Asks, FakeRegistry, Fault};
use crate::support::fetching_cloud::FetchingCloud;
use crate::support::images::noise;
use futures::future::join_all;
use serde_json::json;
use shipway::testing::local::fetched;
use shipway::testing::oci::{Digest, media_type};

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

#[tokio::test(flavor = "multi_thread")]
async fn push_to_an_outside_host_stays_local() {
    let outside = FakeRegistry::start().await;
    let cloud = FetchingCloud::new(&outside.host());
    let base = format!("http://{}/v2/own", cloud.host);
    let send = async |request: reqwest::RequestBuilder| {
        request.send().await.expect("an answer").status().as_u16()
    };
    let layer = Digest::of(b"a layer");

    assert_eq!(send(cloud.client.head(format!("{base}/manifests/1"))).await, 404);
    assert_eq!(send(cloud.client.head(format!("{base}/blobs/{layer}"))).await, 404);
    let upload = format!("{base}/blobs/uploads/?digest={layer}");
    assert_eq!(send(cloud.client.post(upload).body("a layer")).await, 201);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": {"mediaType": media_type::CONFIG, "digest": layer, "size": 7}, "layers": [],
    });
    let put = cloud.client.put(format!("{base}/manifests/1"));
    let put = put.header("content-type", media_type::MANIFEST).body(manifest.to_string());
    assert_eq!(send(put).await, 201);
    assert_eq!(send(cloud.client.head(format!("{base}/manifests/1"))).await, 200);
    assert_eq!(send(cloud.client.delete(format!("{base}/blobs/{layer}"))).await, 202);

    // The only request outside looks for the manifest.
    assert_eq!(outside.log(), "GET /v2/own/manifests/1 -> 404");
    assert_eq!(cloud.listed(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_registry_gets_an_anonymous_token_request_and_no_login() {
    let outside = FakeRegistry::start().await;
    outside.asks(Asks::Token(""));
    let (_, layer) = put_image(&outside, b"a layer");
    let cloud = FetchingCloud::new(&outside.host());

    // A login of the local cloud is not sent outside.
    let url = format!("http://{}/v2/base/manifests/1", cloud.host);
    let answer = cloud.client.get(url).basic_auth("ci", Some("secret")).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
    assert_eq!(cloud.get(&format!("base/blobs/{layer}")).await.status(), 200);

    assert_eq!(
        outside.log(),
        "GET /v2/base/manifests/1 -> 401
GET /token scope=repository:base:pull -> 200
+GET /v2/base/manifests/1 -> 200
+GET /v2/base/blobs/LAYER -> 200"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_fetch_a_blob_once() {
    let outside = FakeRegistry::start().await;
    let bytes = noise(3_000_000, 1);
    let (_, layer) = put_image(&outside, &bytes);
    let cloud = FetchingCloud::new(&outside.host());
    let manifests = join_all((0..8).map(|_| cloud.get("base/manifests/1"))).await;
    assert!(manifests.iter().all(|answer| answer.status() == 200));
    let path = format!("base/blobs/{layer}");
    let url = format!("http://{}/v2/{path}", cloud.host);
    let looked = cloud.client.head(&url).send().await.expect("an answer");
    assert_eq!(looked.headers()["content-length"], "3000000");

    let got = join_all((0..16).map(|_| async {
        let answer = cloud.get(&path).await;
        assert_eq!(answer.headers()["docker-content-digest"], layer.as_str());
        answer.bytes().await.expect("bytes")
    }));
    for body in got.await {
        assert_eq!(body, bytes);
    }
    let part = cloud.client.get(&url).header("range", "bytes=2999998-").send().await;
    assert_eq!(part.expect("an answer").bytes().await.expect("bytes"), bytes[2_999_998..]);

    assert_eq!(outside.log(), "GET /v2/base/manifests/1 -> 200\nGET /v2/base/blobs/LAYER -> 200");
    let (manifest, size) = (fetched(cloud.folder.path())[0].digest.clone(), 3_000_000);
    let short = |digest: &str| digest[7..15].to_owned();
    assert_eq!(
        cloud.listed(),
        [
            format!("HOST/base 1 {} {}", short(&manifest), fetched(cloud.folder.path())[0].bytes),
            format!("HOST/base blob {} {size}", short(layer.as_str())),
        ]
    );
    assert_eq!(cloud.left_over(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_transfer_is_resumed() {
    let outside = FakeRegistry::start().await;
    let bytes = noise(3_000_000, 2);
    let (_, layer) = put_image(&outside, &bytes);
    let cloud = FetchingCloud::new(&outside.host());
    cloud.get("base/manifests/1").await;
    outside.fault("GET /v2/base/blobs/", Fault::CutAfter(1_500_000));

    let got = cloud.get(&format!("base/blobs/{layer}")).await;

    assert_eq!(got.bytes().await.expect("bytes"), bytes);
    let log = outside.log();
    let asked: Vec<&str> = log.lines().skip(1).collect();
    assert_eq!(asked[0], "GET /v2/base/blobs/LAYER -> 200");
    assert!(asked[1].starts_with("GET /v2/base/blobs/LAYER bytes="), "{asked:?}");
    assert!(asked[1].ends_with("- -> 206") && asked.len() == 2, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_with_another_digest_is_discarded() {
    let outside = FakeRegistry::start().await;
    let bytes = noise(3_000_000, 3);
    let (manifest, layer) = put_image(&outside, &bytes);
    let small = put_image(&outside, b"a layer").1;
    let cloud = FetchingCloud::new(&outside.host());
    let wrong =
        |body: &[u8]| Fault::Answer(200, &[], String::from_utf8(body.to_vec()).expect("text"));

    outside.fault("GET /v2/base/manifests/", wrong(br#"{"schemaVersion":2}"#));
    assert_eq!(
        cloud.refused(&format!("base/manifests/{manifest}")).await,
        (
            424,
            format!(
                "`HOST` sent content with the digest {} for {manifest}, which was discarded",
                Digest::of(br#"{"schemaVersion":2}"#)
            )
        )
    );
    let said = Fault::Header("docker-content-digest", manifest.to_string());
    outside.fault("GET /v2/base/manifests/1", said);
    assert_eq!(cloud.get("base/manifests/1").await.status(), 424);
    assert_eq!(cloud.get("base/manifests/1").await.status(), 200);
    assert_eq!(cloud.get(&format!("base/manifests/{manifest}")).await.status(), 200);

    outside.fault("GET /v2/base/blobs/", wrong(b"another"));
    assert_eq!(
        cloud.refused(&format!("base/blobs/{small}")).await,
        (
            424,
            format!(
                "`HOST` sent content with the digest {} for {small}, which was discarded",
                Digest::of(b"another")
            )
        )
    );
    // A long blob has mostly been passed on when its digest shows to be wrong, so
    // all that is left is to cut the response short.
    outside.fault("GET /v2/base/blobs/", wrong(&vec![b'x'; 3_000_000]));
    let cut = cloud.get(&format!("base/blobs/{layer}")).await;
    assert_eq!(cut.status(), 200);
    cut.bytes().await.expect_err("it ends early");

    assert!(!cloud.keeps(&small) && !cloud.keeps(&layer));
    assert_eq!(cloud.left_over(), 0);
    // The next time it is right.
    let got = cloud.get(&format!("base/blobs/{layer}")).await;
    assert_eq!(got.bytes().await.expect("bytes"), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_outside_registry_is_named() {
    let outside = FakeRegistry::start().await;
    let cloud = FetchingCloud::new(&outside.host());

    assert_eq!(
        cloud.refused("base/manifests/2").await,
        (404, "`HOST` has no `2` either".to_owned())
    );
    outside.asks(Asks::Basic("bm9ib2R5"));
    assert_eq!(
        cloud.refused("base/manifests/2").await,
        (
            424,
            "`HOST` asks for a login for `HOST/base:2`, and the local cloud sends none: give the \
             image with `--seed-image HOST/base:2=oci:FOLDER`"
                .to_owned()
        )
    );
    outside.asks(Asks::Nothing);
    let busy = Fault::Answer(429, &[("retry-after", "7")], String::new());
    outside.fault("GET /v2/base/manifests/2", busy);
    let answer = cloud.get("base/manifests/2").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"7".parse().expect("a value"))
    );
    outside.log();
    for _ in 0..3 {
        outside.fault("GET /v2/base/manifests/2", Fault::Status(503));
    }
    assert_eq!(
        cloud.refused("base/manifests/2").await,
        (424, "`HOST` answered 503 Service Unavailable for `2`".to_owned())
    );
    assert_eq!(outside.log().lines().count(), 3);
    // The port was just closed, so a connection to it is refused.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("bound").to_string();
    drop(closed);
    let cloud = FetchingCloud::new(&address);
    let (status, said) = cloud.refused("base/manifests/2").await;
    assert_eq!(status, 424);
    assert!(said.starts_with("cannot fetch `2` from `HOST`: "), "{said}");
    assert!(said.ends_with("Connection refused (os error 111)"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_asks_no_registry() {
    let outside = FakeRegistry::start().await;
    put_image(&outside, b"a layer");
    let world = json!({"allow-hosts": [outside.host()], "offline": true});
    let cloud = FetchingCloud::with(&outside.host(), world);

    assert_eq!(
        cloud.refused("base/manifests/1").await,
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
async fn tag_that_moved_outside_is_seen_later() {
    let outside = FakeRegistry::start().await;
    let first = put_image(&outside, b"a layer").0;
    let cloud = FetchingCloud::new(&outside.host());
    let tag = async |cloud: &LocalCloud| {
        let url = format!("http://{}/v2/base/manifests/1", outside.host());
        let answer = cloud.client().get(url).send().await.expect("an answer");
        answer.headers()["docker-content-digest"].to_str().expect("text").to_owned()
    };
    assert_eq!(tag(&cloud.cloud).await, first.as_str());
    let second = put_image(&outside, b"another layer").0;
    // The requests of one pull see the same image.
    assert_eq!(tag(&cloud.cloud).await, first.as_str());
    let FetchingCloud { cloud, folder, .. } = cloud;
    drop(cloud);

    let again = |offline: bool| {
        let world = json!({"allow-hosts": [outside.host()], "offline": offline});
        LocalCloud::start(folder.path(), world)
    };
    assert_eq!(tag(&again(true)).await, first.as_str());
    assert_eq!(tag(&again(false)).await, second.as_str());
    // What cannot be looked up again stays.
    put_image(&outside, b"a third layer");
    for _ in 0..3 {
        outside.fault("GET /v2/base/manifests/1", Fault::Status(503));
    }
    assert_eq!(tag(&again(false)).await, second.as_str());
    let tags = fetched(folder.path()).into_iter().filter(|it| !it.blob).map(|it| it.digest);
    assert_eq!(tags.collect::<Vec<_>>(), [first.to_string(), second.to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_repositories_are_asked() {
    let outside = FakeRegistry::start().await;
    put_image(&outside, b"a layer");
    let world = json!({"allow-hosts": [format!("{}/base", outside.host())]});
    let cloud = FetchingCloud::with(&outside.host(), world);

    assert_eq!(cloud.get("other/manifests/1").await.status(), 404);
    // No manifest from outside names it.
    assert_eq!(cloud.get(&format!("base/blobs/{}", Digest::of(b"x"))).await.status(), 404);
    assert_eq!(outside.log(), "");
    assert_eq!(cloud.get("base/manifests/1").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn mount_and_push_fetch_what_they_name() {
    let outside = FakeRegistry::start().await;
    let (_, layer) = put_image(&outside, b"a layer");
    let cloud = FetchingCloud::new(&outside.host());
    let manifest = cloud.get("base/manifests/1").await.text().await.expect("text");
    let base = format!("http://{}/v2", cloud.host);

    let mount = format!("{base}/web/blobs/uploads/?mount={layer}&from=base");
    let mounted = cloud.client.post(mount).send().await.expect("an answer");
    assert_eq!(mounted.status(), 201);
    assert_eq!(
        cloud.get(&format!("web/blobs/{layer}")).await.text().await.expect("text"),
        "a layer"
    );
    let tagged = cloud.client.put(format!("{base}/base/manifests/own"));
    let tagged = tagged.header("content-type", media_type::MANIFEST).body(manifest);
    assert_eq!(tagged.send().await.expect("an answer").status(), 201);

    assert_eq!(
        outside.log(),
        "GET /v2/base/manifests/1 -> 200
GET /v2/base/blobs/LAYER -> 200
GET /v2/base/blobs/CONFIG -> 200"
    );
}
