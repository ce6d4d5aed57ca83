//! Rows 1 to 3 and 16: the ping, what is not there, getting blobs and parts of
//! them.

use super::registry::{EMPTY, Registry, check, header};
use crate::support::images::noise;
use shipway::testing::oci::Digest;

check!(ping_and_nothing);
async fn ping_and_nothing(registry: &Registry) {
    assert_eq!(registry.status("GET", "/v2/").await, 200);
    assert_eq!(registry.status("GET", "/v2/none/tags/list").await, 404);
    for method in ["GET", "HEAD"] {
        assert_eq!(registry.status(method, &format!("/v2/none/blobs/{EMPTY}")).await, 404);
        assert_eq!(registry.status(method, "/v2/none/manifests/v1").await, 404);
        assert_eq!(registry.status(method, &format!("/v2/none/manifests/{EMPTY}")).await, 404);
    }
}

check!(get_and_head);
async fn get_and_head(registry: &Registry) {
    for bytes in [noise(5_000, 1), noise(3_000_000, 2), Vec::new()] {
        let digest = registry.push("blobs", &bytes).await;
        let path = format!("/v2/blobs/blobs/{digest}");
        for method in ["GET", "HEAD"] {
            let got = registry.send(method, &path, b"").await;
            assert_eq!(got.status(), 200);
            assert_eq!(header(&got, "content-length"), bytes.len().to_string());
            assert_eq!(header(&got, "docker-content-digest"), digest.as_str());
            let body = got.bytes().await.expect("bytes");
            assert!(if method == "GET" { body == bytes } else { body.is_empty() });
        }
        // It is in the repository that it was pushed to, and in no other.
        assert!(!registry.has_blob("elsewhere", digest.as_str()).await);
    }
    let absent = format!("/v2/blobs/blobs/{}", Digest::of(b"absent"));
    for method in ["GET", "HEAD"] {
        assert_eq!(registry.status(method, &absent).await, 404);
    }
}

check!(ranges);
async fn ranges(registry: &Registry) {
    let bytes = noise(4_000, 4);
    let digest = registry.push("ranges", &bytes).await;
    let path = format!("/v2/ranges/blobs/{digest}");
    for (range, expected, answered) in [
        ("bytes=0-0", &bytes[..1], "bytes 0-0/4000"),
        ("bytes=500-1499", &bytes[500..1_500], "bytes 500-1499/4000"),
        ("bytes=500-", &bytes[500..], "bytes 500-3999/4000"),
        ("bytes=-500", &bytes[3_500..], "bytes 3500-3999/4000"),
        ("bytes=2000-5000", &bytes[2_000..], "bytes 2000-3999/4000"),
    ] {
        let got = registry.with("GET", &path, b"", &[("range", range)]).await;
        assert_eq!((got.status().as_u16(), header(&got, "content-range")), (206, answered.into()));
        assert_eq!(header(&got, "content-length"), expected.len().to_string());
        assert_eq!(got.bytes().await.expect("bytes"), expected, "{range}");
    }
    for range in ["bytes=500-0", "bytes=5000-10000"] {
        let got = registry.with("GET", &path, b"", &[("range", range)]).await;
        assert_eq!(got.status(), 416, "{range}");
    }
}
