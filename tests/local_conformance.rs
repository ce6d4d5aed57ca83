//! The checks of the OCI distribution specification, row by row, against the
//! local registry and, where it has the feature, Debian's docker-registry: a
//! check that a registry of the field fails would be a check of our own making.

use crate::support::cloud::{LocalCloud, state};
use crate::support::images::noise;
use crate::support::peer_registry::PeerRegistry;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use shipway::registry::{Digest, media_type};

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Registry {
    client: Client,
    base: String,
}

impl Registry {
    async fn send(&self, method: &str, path: &str, body: &[u8]) -> Response {
        self.with(method, path, body, &[]).await
    }

    async fn with(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Response {
        let url = match path.split_once("://") {
            Some(_) => path.to_owned(),
            None => format!("{}{path}", self.base),
        };
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, url).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    async fn status(&self, method: &str, path: &str) -> u16 {
        self.send(method, path, b"").await.status().as_u16()
    }

    async fn json(&self, path: &str) -> Value {
        self.send("GET", path, b"").await.json().await.expect("JSON")
    }

    /// A new session.
    async fn session(&self, repository: &str) -> String {
        let opened = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), b"").await;
        assert_eq!(opened.status(), 202);
        header(&opened, "location")
    }

    async fn push(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let session = self.session(repository).await;
        let closed = self.send("PUT", &and(&session, &format!("digest={digest}")), bytes).await;
        assert_eq!(closed.status(), 201);
        digest
    }

    /// An image of one layer, and its digest.
    async fn image(&self, repository: &str, reference: &str, extra: Value) -> Digest {
        let config = self.push(repository, b"{}").await;
        let layer = self.push(repository, b"a layer").await;
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::MANIFEST,
            "config": {"mediaType": media_type::CONFIG, "digest": config, "size": 2},
            "layers": [{"mediaType": media_type::LAYER, "digest": layer, "size": 7}],
        });
        for (name, value) in extra.as_object().into_iter().flatten() {
            manifest[name] = value.clone();
        }
        let bytes = manifest.to_string().into_bytes();
        let put = self.put(repository, reference, media_type::MANIFEST, &bytes).await;
        assert_eq!(put.status(), 201, "{:?}", put.text().await);
        Digest::of(&bytes)
    }

    async fn put(&self, repository: &str, reference: &str, kind: &str, bytes: &[u8]) -> Response {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.with("PUT", &path, bytes, &[("content-type", kind)]).await
    }

    async fn has_blob(&self, repository: &str, bytes: &[u8]) -> bool {
        let path = format!("/v2/{repository}/blobs/{}", Digest::of(bytes));
        self.status("HEAD", &path).await == 200
    }
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text")).to_owned()
}

/// A location with one more parameter.
fn and(location: &str, parameter: &str) -> String {
    format!("{location}{}{parameter}", if location.contains('?') { "&" } else { "?" })
}

/// Rows 1 to 3, 5 to 7, 9, 11, 14 and 15: what every registry does.
async fn blobs(registry: &Registry) {
    assert_eq!(registry.status("GET", "/v2/").await, 200);
    assert_eq!(registry.status("GET", "/v2/none/tags/list").await, 404);
    let (first, second) = (noise(3_000, 1), noise(2_000, 2));
    let whole = [first.clone(), second.clone()].concat();
    let missing = format!("/v2/blobs/blobs/{}", Digest::of(&whole));
    for method in ["GET", "HEAD"] {
        assert_eq!(registry.status(method, &missing).await, 404);
    }
    // In one PUT, and found again by the location that it answers.
    let session = registry.session("blobs").await;
    let digest = Digest::of(&whole);
    let put = registry.send("PUT", &and(&session, &format!("digest={digest}")), &whole).await;
    assert_eq!(put.status(), 201);
    let got = registry.send("GET", &header(&put, "location"), b"").await;
    assert_eq!(header(&got, "content-length"), "5000");
    assert_eq!(header(&got, "docker-content-digest"), digest.as_str());
    assert_eq!(got.bytes().await.expect("bytes"), whole);
    // In chunks, the last of them in the PUT.
    let session = registry.session("chunks").await;
    let range = [("content-range", "0-2999")];
    let sent = registry.with("PATCH", &session, &first, &range).await;
    assert_eq!((sent.status().as_u16(), header(&sent, "range")), (202, "0-2999".into()));
    let session = header(&sent, "location");
    let asked = registry.send("GET", &session, b"").await;
    assert_eq!((asked.status().as_u16(), header(&asked, "range")), (204, "0-2999".into()));
    let session = Some(header(&asked, "location")).filter(|to| !to.is_empty()).unwrap_or(session);
    let close = and(&session, &format!("digest={digest}"));
    let range = [("content-range", "3000-4999")];
    assert_eq!(registry.with("PUT", &close, &second, &range).await.status(), 201);
    assert!(registry.has_blob("chunks", &whole).await);
    // As a stream.
    let session = registry.session("stream").await;
    let sent = registry.send("PATCH", &session, &whole).await;
    let close = and(&header(&sent, "location"), &format!("digest={digest}"));
    assert_eq!(registry.send("PUT", &close, b"").await.status(), 201);
    // Nothing at all.
    assert_eq!(registry.push("nothing", b"").await.as_str(), EMPTY);
    assert!(registry.has_blob("nothing", b"").await);
    // Under a wrong name.
    let session = registry.session("wrong").await;
    let close = and(&session, &format!("digest={EMPTY}"));
    assert_eq!(registry.send("PUT", &close, &first).await.status(), 400);
    assert!(!registry.has_blob("wrong", b"").await && !registry.has_blob("wrong", &first).await);
    // Given up.
    let session = registry.session("given-up").await;
    assert_eq!(registry.status("DELETE", &session).await, 204);
    assert_eq!(registry.status("GET", &session).await, 404);
}

/// Rows 4 and 13: pushing with as few requests as can be.
async fn shortcuts(registry: &Registry) {
    let bytes = noise(1_000, 3);
    let digest = Digest::of(&bytes);
    let path = format!("/v2/single/blobs/uploads/?digest={digest}");
    let octets = [("content-type", "application/octet-stream")];
    let posted = registry.with("POST", &path, &bytes, &octets).await;
    match posted.status().as_u16() {
        201 => {}
        202 => {
            let close = and(&header(&posted, "location"), &format!("digest={digest}"));
            assert_eq!(registry.send("PUT", &close, &bytes).await.status(), 201);
        }
        other => panic!("{other}"),
    }
    assert!(registry.has_blob("single", &bytes).await);
    let mount = |to: &str, from: &str| format!("/v2/{to}/blobs/uploads/?mount={digest}{from}");
    let mounted = registry.send("POST", &mount("mounted", "&from=single"), b"").await;
    assert_eq!(mounted.status(), 201);
    assert!(registry.has_blob("mounted", &bytes).await);
    let absent = registry.send("POST", &mount("absent", "&from=nobody"), b"").await;
    assert_eq!(absent.status(), 202);
    assert!(!header(&absent, "location").is_empty());
    let anonymous = registry.send("POST", &mount("anonymous", ""), b"").await.status().as_u16();
    assert!([201, 202].contains(&anonymous), "{anonymous}");
}

/// Row 16: parts of blobs.
async fn ranges(registry: &Registry) {
    let bytes = noise(4_000, 4);
    let digest = registry.push("ranges", &bytes).await;
    let path = format!("/v2/ranges/blobs/{digest}");
    for (range, expected, answered) in [
        ("bytes=500-1499", &bytes[500..1_500], "bytes 500-1499/4000"),
        ("bytes=500-", &bytes[500..], "bytes 500-3999/4000"),
        ("bytes=-500", &bytes[3_500..], "bytes 3500-3999/4000"),
        ("bytes=2000-5000", &bytes[2_000..], "bytes 2000-3999/4000"),
    ] {
        let got = registry.with("GET", &path, b"", &[("range", range)]).await;
        assert_eq!((got.status().as_u16(), header(&got, "content-range")), (206, answered.into()));
        assert_eq!(got.bytes().await.expect("bytes"), expected, "{range}");
    }
    for range in ["bytes=500-0", "bytes=5000-10000"] {
        let got = registry.with("GET", &path, b"", &[("range", range)]).await;
        assert_eq!(got.status(), 416, "{range}");
    }
}

/// Rows 17 to 19, 21, 22 and 24: manifests, tags, and their end.
async fn manifests(registry: &Registry) {
    let extra = json!({"org.example.custom": {"any": ["thing"]}});
    let digest = registry.image("team/web", "v1", extra).await;
    for reference in ["v1", digest.as_str()] {
        let path = format!("/v2/team/web/manifests/{reference}");
        for method in ["GET", "HEAD"] {
            let got = registry.with(method, &path, b"", &[("accept", media_type::MANIFEST)]).await;
            assert_eq!(got.status(), 200);
            assert_eq!(header(&got, "content-type"), media_type::MANIFEST);
            assert_eq!(header(&got, "docker-content-digest"), digest.as_str());
            if method == "GET" {
                assert_eq!(Digest::of(&got.bytes().await.expect("bytes")), digest);
            }
        }
    }
    for method in ["GET", "HEAD"] {
        assert_eq!(registry.status(method, "/v2/team/web/manifests/none").await, 404);
        let path = format!("/v2/team/web/manifests/{EMPTY}");
        assert_eq!(registry.status(method, &path).await, 404);
    }
    // Wrong in one way or the other.
    let wrong = registry.put("team/web", EMPTY, media_type::MANIFEST, b"{}").await;
    assert_eq!(wrong.status(), 400);
    let incomplete = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": {"mediaType": media_type::CONFIG, "digest": EMPTY, "size": 0},
        "layers": [],
    });
    let incomplete = incomplete.to_string().into_bytes();
    let refused = registry.put("fresh", "v1", media_type::MANIFEST, &incomplete).await;
    assert!(refused.status().is_client_error());
    let error: Value = refused.json().await.expect("JSON");
    assert!(error["errors"][0]["code"].is_string(), "{error}");
    // An index, and one in it.
    let index = json!({
        "schemaVersion": 2, "mediaType": media_type::INDEX,
        "manifests": [{"mediaType": media_type::MANIFEST, "digest": digest, "size": 1}],
    });
    let index = index.to_string().into_bytes();
    let put = registry.put("team/web", "all", media_type::INDEX, &index).await;
    assert_eq!(put.status(), 201);
    // Tags, all of them; docker-registry 2.8 has them in any order.
    for tag in ["b", "a", "c"] {
        registry.image("tags", tag, json!({"annotations": {"tag": tag}})).await;
    }
    let listed = registry.json("/v2/tags/tags/list").await["tags"].clone();
    let mut tags: Vec<String> = serde_json::from_value(listed).expect("a list");
    tags.sort();
    assert_eq!(tags, ["a", "b", "c"]);
    assert_eq!(registry.json("/v2/tags/tags/list").await["name"], "tags");
    // Deleted by digest: its tag goes with it, or leads nowhere.
    assert_eq!(registry.status("DELETE", &format!("/v2/team/web/manifests/{digest}")).await, 202);
    assert_eq!(registry.status("GET", "/v2/team/web/manifests/v1").await, 404);
    let blob = format!("/v2/team/web/blobs/{}", Digest::of(b"a layer"));
    assert_eq!(registry.status("DELETE", &blob).await, 202);
    assert_eq!(registry.status("GET", &blob).await, 404);
}

/// Row 8: chunks out of order. docker-registry 2.8 takes any.
async fn order(registry: &Registry) {
    let (first, second) = (noise(3_000, 5), noise(2_000, 6));
    let whole = [first.clone(), second.clone()].concat();
    let session = registry.session("order").await;
    let patch = async |session: &str, bytes: &[u8], range: &str| {
        let answer = registry.with("PATCH", session, bytes, &[("content-range", range)]).await;
        (answer.status().as_u16(), header(&answer, "location"))
    };
    assert_eq!(patch(&session, &second, "3000-4999").await.0, 416);
    let (status, session) = patch(&session, &first, "0-2999").await;
    assert_eq!(status, 202);
    assert_eq!(patch(&session, &first, "0-2999").await.0, 416);
    assert_eq!(patch(&session, &second, "3001-5000").await.0, 416);
    let close = and(&session, &format!("digest={}", Digest::of(&whole)));
    let again = registry.with("PUT", &close, &first, &[("content-range", "0-2999")]).await;
    assert_eq!(again.status(), 416);
    let last = registry.with("PUT", &close, &second, &[("content-range", "3000-4999")]).await;
    assert_eq!(last.status(), 201);
    assert!(registry.has_blob("order", &whole).await);
}

/// Rows 2, 20, 23, part of 15 and 22: what came with version 1.1.
async fn version_1_1(registry: &Registry) {
    let referrers = |digest: &str| format!("/v2/refs/referrers/{digest}");
    let none = registry.json(&referrers(EMPTY)).await;
    assert_eq!((&none["mediaType"], &none["manifests"]), (&json!(media_type::INDEX), &json!([])));
    // A subject that is there, and one that is not.
    let subject = registry.image("refs", "v1", json!({})).await;
    let about = |digest: &str, kind: &str| {
        json!({
            "artifactType": kind, "annotations": {"about": kind},
            "subject": {"mediaType": media_type::MANIFEST, "digest": digest, "size": 1},
        })
    };
    let sbom = registry.image("refs", "sbom", about(subject.as_str(), "x/sbom")).await;
    registry.image("refs", "signature", about(subject.as_str(), "x/signature")).await;
    registry.image("refs", "early", about(EMPTY, "x/sbom")).await;
    let all = registry.json(&referrers(subject.as_str())).await;
    assert_eq!(all["manifests"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        registry.json(&referrers(EMPTY)).await["manifests"].as_array().map(Vec::len),
        Some(1)
    );
    let path = format!("{}?artifactType=x/sbom", referrers(subject.as_str()));
    let filtered = registry.send("GET", &path, b"").await;
    assert_eq!(header(&filtered, "oci-filters-applied"), "artifactType");
    assert_eq!(header(&filtered, "content-type"), media_type::INDEX);
    let filtered: Value = filtered.json().await.expect("JSON");
    assert_eq!(filtered["manifests"][0]["digest"], json!(sbom));
    assert_eq!(filtered["manifests"][0]["artifactType"], "x/sbom");
    assert_eq!(filtered["manifests"][0]["annotations"]["about"], "x/sbom");
    let deleted = registry.status("DELETE", &format!("/v2/refs/manifests/{sbom}")).await;
    assert_eq!(deleted, 202);
    let left = registry.json(&referrers(subject.as_str())).await;
    assert_eq!(left["manifests"].as_array().map(Vec::len), Some(1));
    // Several tags at once.
    let bytes = br#"{"schemaVersion":2,"manifests":[]}"#;
    let reference = format!("{}?tag=x&tag=y", Digest::of(bytes));
    let put = registry.put("many", &reference, media_type::INDEX, bytes).await;
    assert_eq!(put.status(), 201);
    let tags: Vec<_> = put.headers().get_all("oci-tag").iter().collect();
    assert_eq!(tags, ["x", "y"]);
    assert_eq!(registry.json("/v2/many/tags/list").await["tags"], json!(["x", "y"]));
    // Pages of tags; docker-registry 2.8 has none.
    for tag in ["b", "a", "c"] {
        registry.image("pages", tag, json!({})).await;
    }
    let page = registry.send("GET", "/v2/pages/tags/list?n=2", b"").await;
    assert_eq!(header(&page, "link"), "</v2/pages/tags/list?last=b&n=2>; rel=\"next\"");
    assert_eq!(page.json::<Value>().await.expect("JSON")["tags"], json!(["a", "b"]));
    let rest = registry.json("/v2/pages/tags/list?last=b&n=2").await;
    assert_eq!(rest["tags"], json!(["c"]));
    assert_eq!(registry.json("/v2/pages/tags/list?n=0").await["tags"], json!([]));
    assert_eq!(registry.status("DELETE", "/v2/pages/manifests/a").await, 202);
    assert_eq!(registry.json("/v2/pages/tags/list").await["tags"], json!(["b", "c"]));
}

/// Row 15: another hash. docker-registry 2.8 counts in SHA-256 alone.
async fn another_hash(registry: &Registry) {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    let bytes = noise(1_000, 7);
    let hex = sha2::Sha512::digest(&bytes).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text");
        hex
    });
    let opened =
        registry.send("POST", "/v2/other/blobs/uploads/?digest-algorithm=sha512", b"").await;
    let close = and(&header(&opened, "location"), &format!("digest=sha512:{hex}"));
    assert_eq!(registry.send("PUT", &close, &bytes).await.status(), 201);
    let got = registry.send("GET", &format!("/v2/other/blobs/sha512:{hex}"), b"").await;
    assert_eq!(got.bytes().await.expect("bytes"), bytes);
}

/// Row 17: as large as manifests get.
async fn large(registry: &Registry) {
    let fill = |size: usize| {
        let empty = json!({"schemaVersion": 2, "manifests": [], "annotations": {"fill": ""}});
        let padding = "x".repeat(size - empty.to_string().len());
        json!({"schemaVersion": 2, "manifests": [], "annotations": {"fill": padding}}).to_string()
    };
    let most = 4 * 1024 * 1024;
    let taken = registry.put("large", "v1", media_type::INDEX, fill(most).as_bytes()).await;
    assert_eq!(taken.status(), 201);
    let refused = registry.put("large", "v2", media_type::INDEX, fill(most + 1).as_bytes()).await;
    assert_eq!(refused.status(), 413);
}

#[tokio::test]
async fn the_local_registry_does_what_the_specification_asks() {
    let state = state();
    let world = json!({"other-registries": [{"host": "127.0.0.1:5000"}]});
    let cloud = LocalCloud::start(state.path(), world);
    let registry = Registry { client: cloud.client(), base: "http://127.0.0.1:5000".into() };
    // Locations are relative: the client's base stands before them.
    blobs(&registry).await;
    shortcuts(&registry).await;
    ranges(&registry).await;
    manifests(&registry).await;
    order(&registry).await;
    version_1_1(&registry).await;
    another_hash(&registry).await;
    large(&registry).await;
}

#[tokio::test]
async fn the_checks_are_fair() {
    let peer = PeerRegistry::open();
    // The first to install wins.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = Client::builder().no_proxy().build().expect("a client");
    let registry = Registry { client, base: format!("http://{}", peer.host()) };

    blobs(&registry).await;
    shortcuts(&registry).await;
    ranges(&registry).await;
    manifests(&registry).await;
}
