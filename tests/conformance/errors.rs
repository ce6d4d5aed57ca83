//! Row 19: what is wrong with a manifest, and how errors are told.

use super::registry::{Deviation, EMPTY, Registry, check};
use serde_json::{Value, json};
use shipway::testing::oci::{Digest, media_type};

/// The code of the first error of an answer that must be one.
async fn code(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let error: Value = answer.json().await.expect("JSON");
    let first = &error["errors"][0];
    assert!(first["message"].is_string(), "{error}");
    (status, first["code"].as_str().expect("a code").to_owned())
}

check!(wrong_manifests);
async fn wrong_manifests(registry: &Registry) {
    let config = registry.blob("wrong", media_type::CONFIG, b"{}").await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": [],
    });
    let bytes = manifest.to_string().into_bytes();
    let put = async |reference: &str, bytes: &[u8]| {
        code(registry.put("wrong", reference, media_type::MANIFEST, bytes).await).await
    };
    assert_eq!(put(EMPTY, &bytes).await, (400, "DIGEST_INVALID".into()));
    assert_eq!(put("v1", b"no JSON").await, (400, "MANIFEST_INVALID".into()));
    assert_eq!(put("v1", b"[]").await, (400, "MANIFEST_INVALID".into()));
    assert_eq!(put("v1", b"").await, (400, "MANIFEST_INVALID".into()));
    let mut other = manifest.clone();
    other["mediaType"] = json!(media_type::INDEX);
    let refused = put("v1", other.to_string().as_bytes()).await;
    assert_eq!(refused, (400, "MANIFEST_INVALID".into()));
    // Some registries answer an invalid reference as an unknown endpoint.
    for reference in ["sha256:12", "sha256:XY", "-tag", "a%20b"] {
        let path = format!("/v2/wrong/manifests/{reference}");
        for method in ["GET", "PUT"] {
            let answer = registry
                .with(method, &path, &bytes, &[("content-type", media_type::MANIFEST)])
                .await;
            let status = answer.status().as_u16();
            if registry.deviates(Deviation::NoDigestIsAFault) && reference.contains(':') {
                assert_eq!(status, 500, "{method} {reference}");
            } else {
                assert!([400, 404].contains(&status), "{method} {reference}: {status}");
            }
        }
    }
    assert_eq!(registry.status("GET", "/v2/wrong/manifests/v1").await, 404);
}

check!(missing_parts);
async fn missing_parts(registry: &Registry) {
    let layer =
        |digest: &Digest| json!({"mediaType": media_type::LAYER, "digest": digest, "size": 1});
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": registry.blob("parts", media_type::CONFIG, b"{}").await,
        "layers": [layer(&one), layer(&two)],
    });
    let bytes = manifest.to_string().into_bytes();
    let refused = registry.put("parts", "v1", media_type::MANIFEST, &bytes).await;
    assert!(refused.status().is_client_error());
    let error: Value = refused.json().await.expect("JSON");
    // Each that is missing is named: who pushes them needs no second round.
    for (index, digest) in [one, two].iter().enumerate() {
        let error = &error["errors"][index];
        assert_eq!(error["code"], "MANIFEST_BLOB_UNKNOWN", "{error}");
        assert!(error["detail"].to_string().contains(digest.as_str()), "{error}");
    }
    assert_eq!(registry.status("GET", "/v2/parts/manifests/v1").await, 404);
    // So it is with what an index names, unless an index may have gaps: neither
    // of the two allows that.
    let index = json!({
        "schemaVersion": 2, "mediaType": media_type::INDEX,
        "manifests": [{"mediaType": media_type::MANIFEST, "digest": EMPTY, "size": 1}],
    });
    let put = registry.put("parts", "v1", media_type::INDEX, index.to_string().as_bytes()).await;
    assert!(put.status().is_client_error());
}

check!(told_in_json);
async fn told_in_json(registry: &Registry) {
    let get = async |path: &str| code(registry.send("GET", path, b"").await).await;
    assert_eq!(get("/v2/none/manifests/v1").await, (404, "MANIFEST_UNKNOWN".into()));
    assert_eq!(get(&format!("/v2/none/blobs/{EMPTY}")).await, (404, "BLOB_UNKNOWN".into()));
    assert_eq!(get("/v2/none/tags/list").await, (404, "NAME_UNKNOWN".into()));
    let session = registry.session("told").await;
    assert_eq!(registry.status("DELETE", &session).await, 204);
    assert_eq!(get(&session).await, (404, "BLOB_UPLOAD_UNKNOWN".into()));
    let session = registry.session("told").await;
    let wrong = code(registry.close(&session, EMPTY, b"not nothing").await).await;
    assert_eq!(wrong, (400, "DIGEST_INVALID".into()));
}
