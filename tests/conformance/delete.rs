//! Row 24: what is deleted is gone at once, and nothing else with it.

use super::registry::{Deviation, Registry, check};
use serde_json::json;
use shipway::testing::oci::Digest;

check!(tags);
async fn tags(registry: &Registry) {
    let digest = registry.image("tags", "v1", json!({})).await;
    registry.image("tags", "v2", json!({})).await;
    let deleted = registry.status("DELETE", "/v2/tags/manifests/v1").await;
    if registry.deviates(Deviation::NoTagDeletion) {
        assert_eq!(deleted, 400);
        return;
    }
    assert_eq!(deleted, 202);
    assert_eq!(registry.status("GET", "/v2/tags/manifests/v1").await, 404);
    assert_eq!(registry.status("DELETE", "/v2/tags/manifests/v1").await, 404);
    assert_eq!(registry.tags("tags").await, ["v2"]);
    // The manifest stays.
    assert_eq!(registry.status("GET", &format!("/v2/tags/manifests/{digest}")).await, 200);
}

check!(manifests);
async fn manifests(registry: &Registry) {
    let digest = registry.image("manifests", "v1", json!({})).await;
    let other = registry.image("manifests", "v2", json!({"annotations": {"a": "b"}})).await;
    registry.image("manifests", "v1-again", json!({})).await;
    registry.image("elsewhere", "v1", json!({})).await;
    let path = format!("/v2/manifests/manifests/{digest}");
    assert_eq!(registry.status("DELETE", &path).await, 202);
    for gone in [path.as_str(), "/v2/manifests/manifests/v1", "/v2/manifests/manifests/v1-again"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(registry.status(method, gone).await, 404, "{method} {gone}");
        }
    }
    assert_eq!(registry.status("DELETE", &path).await, 404);
    assert_eq!(registry.tags("manifests").await, ["v2"]);
    for (repository, reference) in [("manifests", other.as_str()), ("elsewhere", "v1")] {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let accept = [("accept", shipway::testing::oci::media_type::MANIFEST)];
        assert_eq!(registry.with("GET", &path, b"", &accept).await.status(), 200);
    }
    // And back again.
    assert_eq!(registry.image("manifests", "v1", json!({})).await, digest);
    assert_eq!(registry.tags("manifests").await, ["v1", "v2"]);
}

check!(blobs);
async fn blobs(registry: &Registry) {
    let digest = registry.push("blobs", b"a blob").await;
    registry.push("elsewhere", b"a blob").await;
    let path = format!("/v2/blobs/blobs/{digest}");
    assert_eq!(registry.status("DELETE", &path).await, 202);
    for method in ["GET", "HEAD", "DELETE"] {
        assert_eq!(registry.status(method, &path).await, 404, "{method}");
    }
    assert_eq!(registry.read("elsewhere", digest.as_str()).await, b"a blob");
    assert_eq!(registry.push("blobs", b"a blob").await, digest);
    assert_eq!(registry.read("blobs", digest.as_str()).await, b"a blob");
    let absent = format!("/v2/blobs/blobs/{}", Digest::of(b"absent"));
    assert_eq!(registry.status("DELETE", &absent).await, 404);
}
