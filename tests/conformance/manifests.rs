//! Rows 17, 18 and 20: manifests put and got, large ones, ones under another
//! hash, and several tags at once.

use super::registry::{Deviation, EMPTY, Registry, check, header, sha512};
use serde_json::json;
use shipway::testing::oci::{Digest, media_type};

check!(by_tag_and_by_digest);
async fn by_tag_and_by_digest(registry: &Registry) {
    let extra = json!({"org.example.custom": {"any": ["thing"]}, "annotations": {"a": "b"}});
    let digest = registry.image("team/web", "v1", extra).await;
    for reference in ["v1", digest.as_str()] {
        let path = format!("/v2/team/web/manifests/{reference}");
        for method in ["GET", "HEAD"] {
            let got = registry.with(method, &path, b"", &[("accept", media_type::MANIFEST)]).await;
            assert_eq!(got.status(), 200);
            assert_eq!(header(&got, "content-type"), media_type::MANIFEST);
            assert_eq!(header(&got, "docker-content-digest"), digest.as_str());
            let length = header(&got, "content-length");
            let body = got.bytes().await.expect("bytes");
            if method == "GET" {
                assert_eq!(Digest::of(&body), digest);
                assert_eq!(length, body.len().to_string());
            }
        }
    }
    for method in ["GET", "HEAD"] {
        for absent in ["none", EMPTY] {
            let path = format!("/v2/team/web/manifests/{absent}");
            assert_eq!(registry.status(method, &path).await, 404);
        }
    }
    // By its digest, and found by the location that is answered.
    let accept = [("accept", media_type::MANIFEST)];
    let path = format!("/v2/team/web/manifests/{digest}");
    let bytes = registry.with("GET", &path, b"", &accept).await.bytes().await.expect("bytes");
    let put = registry.put("team/web", digest.as_str(), media_type::MANIFEST, &bytes).await;
    assert_eq!(
        (put.status().as_u16(), header(&put, "docker-content-digest")),
        (201, digest.to_string())
    );
    let got = registry.with("GET", &header(&put, "location"), b"", &accept).await;
    assert_eq!(got.bytes().await.expect("bytes"), bytes);
}

check!(a_tag_moves);
async fn a_tag_moves(registry: &Registry) {
    let first = registry.image("moves", "v1", json!({"annotations": {"n": "1"}})).await;
    let second = registry.image("moves", "v1", json!({"annotations": {"n": "2"}})).await;
    let accept = [("accept", media_type::MANIFEST)];
    for (reference, expected) in [("v1", &second), (first.as_str(), &first)] {
        let path = format!("/v2/moves/manifests/{reference}");
        let got = registry.with("HEAD", &path, b"", &accept).await;
        assert_eq!(header(&got, "docker-content-digest"), expected.as_str());
    }
    assert_eq!(registry.tags("moves").await, ["v1"]);
}

check!(large);
async fn large(registry: &Registry) {
    let config = registry.blob("large", media_type::CONFIG, b"{}").await;
    let fill = |size: usize| {
        let of = |padding: &str| {
            json!({
                "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config,
                "layers": [], "annotations": {"fill": padding},
            })
            .to_string()
        };
        of(&"x".repeat(size - of("").len())).into_bytes()
    };
    let most = fill(4 * 1024 * 1024);
    let taken = registry.put("large", "v1", media_type::MANIFEST, &most).await;
    assert_eq!(taken.status(), 201);
    let path = format!("/v2/large/manifests/{}", Digest::of(&most));
    let got = registry.with("GET", &path, b"", &[("accept", media_type::MANIFEST)]).await;
    assert!(got.bytes().await.expect("bytes") == most);
    let more = fill(4 * 1024 * 1024 + 1);
    let refused = registry.put("large", "v2", media_type::MANIFEST, &more).await.status();
    let expected = if registry.deviates(Deviation::TooLongIsInvalid) { 400 } else { 413 };
    assert_eq!(refused.as_u16(), expected);
    assert_eq!(registry.tags("large").await, ["v1"]);
}

check!(under_another_hash);
async fn under_another_hash(registry: &Registry) {
    let config = registry.blob("hash", media_type::CONFIG, b"{}").await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": [],
    });
    let bytes = manifest.to_string().into_bytes();
    let digest = sha512(&bytes);
    let put = registry.put("hash", &digest, media_type::MANIFEST, &bytes).await;
    if registry.deviates(Deviation::OneHash) {
        assert_eq!(put.status(), 400);
        return;
    }
    assert_eq!(
        (put.status().as_u16(), header(&put, "docker-content-digest")),
        (201, digest.clone())
    );
    for method in ["GET", "HEAD"] {
        let got = registry.send(method, &format!("/v2/hash/manifests/{digest}"), b"").await;
        assert_eq!(
            (got.status().as_u16(), header(&got, "docker-content-digest")),
            (200, digest.clone())
        );
    }
    let wrong = sha512(b"something else");
    let refused = registry.put("hash", &wrong, media_type::MANIFEST, &bytes).await;
    assert_eq!(refused.status(), 400);
    let tagged = format!("{digest}?tag=v1");
    let put = registry.put("hash", &tagged, media_type::MANIFEST, &bytes).await;
    assert_eq!((put.status().as_u16(), header(&put, "oci-tag")), (201, "v1".to_owned()));
    let got = registry.send("HEAD", "/v2/hash/manifests/v1", b"").await;
    assert_eq!(header(&got, "docker-content-digest"), digest);
}

check!(several_tags_at_once);
async fn several_tags_at_once(registry: &Registry) {
    let digest = registry.image("many", "v1", json!({})).await;
    let path = format!("/v2/many/manifests/{digest}");
    let accept = [("accept", media_type::MANIFEST)];
    let bytes = registry.with("GET", &path, b"", &accept).await.bytes().await.expect("bytes");
    let reference = format!("{digest}?tag=x&tag=y");
    let put = registry.put("many", &reference, media_type::MANIFEST, &bytes).await;
    assert_eq!(put.status(), 201);
    let tags: Vec<_> = put.headers().get_all("oci-tag").iter().collect();
    if registry.deviates(Deviation::NoTagParameters) {
        assert!(tags.is_empty());
        assert_eq!(registry.tags("many").await, ["v1"]);
        return;
    }
    assert_eq!(tags, ["x", "y"]);
    assert_eq!(registry.tags("many").await, ["v1", "x", "y"]);
    // All of them or none.
    let reference = format!("{digest}?tag=z&tag=-wrong");
    let refused = registry.put("many", &reference, media_type::MANIFEST, &bytes).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(registry.tags("many").await, ["v1", "x", "y"]);
}
