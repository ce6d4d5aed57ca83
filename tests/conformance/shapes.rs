//! Row 21: manifests of every shape, each put, listed, looked at, got back to
//! the byte and deleted.

use super::registry::{Deviation, EMPTY, Registry, check, header};
use serde_json::{Value, json};
use shipway::testing::oci::{Digest, media_type};

const NOTHING: &str = "application/vnd.oci.empty.v1+json";

struct Shape {
    name: &'static str,
    kind: &'static str,
    content: Value,
}

fn image(config: &Value, layers: &[Value]) -> Value {
    json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": config, "layers": layers,
    })
}

fn index(manifests: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": manifests})
}

fn with(mut content: Value, name: &str, value: Value) -> Value {
    content[name] = value;
    content
}

fn described(kind: &str, content: &Value) -> Value {
    let bytes = content.to_string();
    json!({"mediaType": kind, "digest": Digest::of(bytes.as_bytes()), "size": bytes.len()})
}

/// Every shape; what an index names comes before it.
async fn shapes(registry: &Registry) -> Vec<Shape> {
    let config = registry.blob("shapes", media_type::CONFIG, b"{}").await;
    let gzip = registry.blob("shapes", media_type::LAYER_GZIP, b"packed").await;
    let plain = registry.blob("shapes", media_type::LAYER, b"plain").await;
    let nothing = with(registry.blob("shapes", NOTHING, b"{}").await, "data", json!("e30="));
    let elsewhere = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": Digest::of(b"elsewhere"), "size": 9, "urls": ["https://example.com/layer"],
    });
    let packed = image(&config, std::slice::from_ref(&gzip));
    let unpacked = image(&config, std::slice::from_ref(&plain));
    let artifact = with(
        image(&nothing, &[with(plain, "mediaType", json!("text/x"))]),
        "artifactType",
        json!("x/a"),
    );
    let both = index(&[
        with(
            described(media_type::MANIFEST, &packed),
            "platform",
            json!({"os": "linux", "architecture": "amd64"}),
        ),
        with(
            described(media_type::MANIFEST, &unpacked),
            "platform",
            json!({"os": "linux", "architecture": "arm64"}),
        ),
    ]);
    let subject = described(media_type::MANIFEST, &packed);
    let absent = json!({"mediaType": media_type::MANIFEST, "digest": EMPTY, "size": 1});
    let manifest = |name, content| Shape { name, kind: media_type::MANIFEST, content };
    let list = |name, content| Shape { name, kind: media_type::INDEX, content };
    vec![
        manifest("no-layers", image(&config, &[])),
        manifest("data", with(artifact.clone(), "artifactType", json!("x/data"))),
        manifest(
            "without-layers",
            with(image(&nothing, std::slice::from_ref(&nothing)), "artifactType", json!("x/b")),
        ),
        manifest("not-distributable", image(&config, &[gzip, elsewhere])),
        manifest("custom", with(packed.clone(), "org.example", json!({"any": [1, null, "é"]}))),
        manifest("subject", with(artifact.clone(), "subject", subject.clone())),
        manifest("subject-absent", with(artifact.clone(), "subject", absent)),
        list("nested", index(&[described(media_type::INDEX, &both)])),
        list(
            "artifacts",
            with(
                index(&[described(media_type::MANIFEST, &artifact)]),
                "artifactType",
                json!("x/c"),
            ),
        ),
        list("index-subject", with(index(&[]), "subject", subject)),
        list("empty", index(&[])),
        list("index", both),
        manifest("artifact", artifact),
        manifest("packed", packed),
        manifest("plain", unpacked),
    ]
}

/// The status of what is not taken.
fn refused(registry: &Registry, name: &str) -> Option<u16> {
    let foreign = name == "not-distributable" && registry.deviates(Deviation::ForeignIsAFault);
    foreign.then_some(500)
}

check!(every_shape);
async fn every_shape(registry: &Registry) {
    let mut kept: Vec<Shape> = Vec::new();
    // What is named comes before what names it: the list is in that order from
    // its end.
    for shape in shapes(registry).await.into_iter().rev() {
        let bytes = shape.content.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        let put = registry.put("shapes", shape.name, shape.kind, &bytes).await;
        if let Some(status) = refused(registry, shape.name) {
            assert_eq!(put.status().as_u16(), status, "{}", shape.name);
            continue;
        }
        assert_eq!(put.status(), 201, "{}: {:?}", shape.name, put.text().await);
        for reference in [shape.name, digest.as_str()] {
            let path = format!("/v2/shapes/manifests/{reference}");
            for method in ["HEAD", "GET"] {
                let got = registry.with(method, &path, b"", &[("accept", shape.kind)]).await;
                assert_eq!(got.status(), 200, "{method} {path}");
                assert_eq!(header(&got, "content-type"), shape.kind);
                assert_eq!(header(&got, "docker-content-digest"), digest.as_str());
                let body = got.bytes().await.expect("bytes");
                assert!(method == "HEAD" || body == bytes, "{path}");
            }
        }
        kept.push(shape);
    }
    let mut names: Vec<&str> = kept.iter().map(|shape| shape.name).collect();
    names.sort_unstable();
    assert_eq!(registry.tags("shapes").await, names);
    if !registry.deviates(Deviation::NoReferrers) {
        let subject = kept.iter().find(|shape| shape.name == "packed").expect("kept");
        let digest = Digest::of(subject.content.to_string().as_bytes());
        let list = registry.json(&format!("/v2/shapes/referrers/{digest}")).await;
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2), "{list}");
        let list = registry.json(&format!("/v2/shapes/referrers/{EMPTY}")).await;
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(1), "{list}");
    }
    for shape in kept.iter().rev() {
        let digest = Digest::of(shape.content.to_string().as_bytes());
        let path = format!("/v2/shapes/manifests/{digest}");
        assert_eq!(registry.status("DELETE", &path).await, 202, "{}", shape.name);
        assert_eq!(registry.status("GET", &path).await, 404, "{}", shape.name);
    }
    assert_eq!(registry.tags("shapes").await, Vec::<String>::new());
}
