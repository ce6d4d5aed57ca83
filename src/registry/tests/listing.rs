//! The listing of a repository.

use crate::oci::media_type;
use crate::registry::testing::fake_registry::{FakeRegistry, Fault};
use crate::registry::testing::images::client;
use crate::registry::{ListedKind, Login};
use serde_json::json;

/// Two platforms that share a layer, a chart, and a manifest of schema version 1.
#[tokio::test]
async fn listing_tells_indexes_artifacts_and_unreadable_manifests_apart() {
    let registry = FakeRegistry::start().await;
    let shared = registry.put_blob("web", &[7; 100]);
    let image = |os: &str, created: &str, own: usize| {
        let config =
            json!({ "os": os, "architecture": "arm64", "variant": "v8", "created": created });
        let config = config.to_string();
        let layer = registry.put_blob("web", &vec![9; own]);
        let text = json!({
            "schemaVersion": 2, "mediaType": media_type::MANIFEST,
            "config": { "mediaType": media_type::CONFIG, "size": 10,
                "digest": registry.put_blob("web", config.as_bytes()) },
            "layers": [
                { "mediaType": media_type::LAYER, "digest": shared, "size": 100 },
                { "mediaType": media_type::LAYER, "digest": layer, "size": own },
            ],
        });
        let text = text.to_string();
        let digest = registry.put_manifest("web", os, (media_type::MANIFEST, text.as_bytes()));
        json!({ "mediaType": media_type::MANIFEST, "digest": digest, "size": text.len() })
    };
    let old = image("linux", "1970-01-01T00:00:00Z", 1_000);
    let mut new = image("windows", "2026-01-02T03:04:05Z", 2_000);
    new["platform"] = json!({ "os": "windows", "architecture": "arm64" });
    let mut attached = old.clone();
    attached["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    let index = json!({ "schemaVersion": 2, "manifests": [old, new, attached] }).to_string();
    registry.put_manifest("web", "both", (media_type::INDEX, index.as_bytes()));
    let chart = json!({
        "schemaVersion": 2, "layers": [],
        "config": { "mediaType": "application/vnd.cncf.helm.config.v1+json", "size": 2,
            "digest": registry.put_blob("web", b"{}") },
        "annotations": { "org.opencontainers.image.created": "2025-01-01T00:00:00Z" },
    });
    registry.put_manifest("web", "chart", (media_type::MANIFEST, chart.to_string().as_bytes()));
    registry.put_manifest("web", "first", ("text/plain", br#"{"schemaVersion":1}"#));

    // Two pages.
    let next = &[("link", "</v2/web/tags/list?n=1000&last=chart>; rel=\"next\"")];
    let pages = [
        Fault::Answer(200, next, json!({ "tags": ["both", "chart"] }).to_string()),
        Fault::Answer(200, &[], json!({ "tags": ["first", "linux"] }).to_string()),
    ];
    for page in pages {
        registry.fault("GET /v2/web/tags/list", page);
    }

    let held = client(&registry.host(), Login::Anonymous)
        .list_manifests(&registry.host(), "web", &[])
        .await;
    let held = held.expect("a list");

    let of = |tag: &str| {
        held.iter().find(|one| one.tag.as_deref() == Some(tag)).expect("the tag").clone()
    };
    let both = of("both");
    assert_eq!(both.kind, ListedKind::Index);
    assert_eq!(both.size, Some(10 + 10 + 100 + 1_000 + 2_000));
    let platforms: Vec<_> =
        both.platforms.iter().map(|one| (one.platform.as_str(), one.size)).collect();
    assert_eq!(platforms, [("linux/arm64/v8", Some(1_110)), ("windows/arm64", Some(2_110))]);
    assert_eq!(both.created, "2026-01-02T03:04:05Z".parse().ok());
    assert_eq!(of("linux").created, None);
    assert_eq!(of("chart").created, "2025-01-01T00:00:00Z".parse().ok());
    let helm = "application/vnd.cncf.helm.config.v1+json".to_owned();
    assert_eq!(of("chart").kind, ListedKind::Artifact(helm));
    assert_eq!((of("first").kind, of("first").size), (ListedKind::Unreadable, None));
}
