//! Rows 2 and 23: the referrers of a manifest.

use super::registry::{Deviation, EMPTY, Registry, check, header};
use serde_json::{Value, json};
use shipway::testing::oci::{Digest, media_type};

fn about(digest: &str, kind: &str) -> Value {
    json!({
        "artifactType": kind, "annotations": {"about": kind},
        "subject": {"mediaType": media_type::MANIFEST, "digest": digest, "size": 1},
    })
}

async fn listed(registry: &Registry, digest: &str, query: &str) -> Vec<Value> {
    let answer = registry.send("GET", &format!("/v2/refs/referrers/{digest}{query}"), b"").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), media_type::INDEX);
    let index: Value = answer.json().await.expect("JSON");
    assert_eq!(index["schemaVersion"], 2);
    assert_eq!(index["mediaType"], media_type::INDEX);
    index["manifests"].as_array().expect("a list").clone()
}

/// Without a referrers API, clients fall back to a tag.
async fn without(registry: &Registry) {
    assert_eq!(registry.status("GET", &format!("/v2/refs/referrers/{EMPTY}")).await, 404);
    let subject = registry.image("refs", "v1", json!({})).await;
    let sbom = registry.image("refs", "sbom", about(subject.as_str(), "x/sbom")).await;
    let path = format!("/v2/refs/manifests/{sbom}");
    let got = registry.with("GET", &path, b"", &[("accept", media_type::MANIFEST)]).await;
    let got: Value = got.json().await.expect("JSON");
    assert_eq!(got["subject"]["digest"], json!(subject));
}

check!(referrers);
async fn referrers(registry: &Registry) {
    if registry.deviates(Deviation::NoReferrers) {
        return without(registry).await;
    }
    assert_eq!(listed(registry, EMPTY, "").await, Vec::<Value>::new());
    assert_eq!(registry.status("GET", "/v2/refs/referrers/sha256:12").await, 400);
    let subject = registry.image("refs", "v1", json!({})).await;
    // Its subject does not exist.
    let early = registry.image("refs", "early", about(EMPTY, "x/sbom")).await;
    let sbom = registry.image("refs", "sbom", about(subject.as_str(), "x/sbom")).await;
    let signature = registry.image("refs", "sig", about(subject.as_str(), "x/signature")).await;
    // Without `artifactType`, the media type of the configuration counts.
    let mut plain = about(subject.as_str(), "");
    plain.as_object_mut().expect("an object").remove("artifactType");
    let plain = registry.image("refs", "plain", plain).await;
    let index = json!({
        "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [],
        "artifactType": "x/index", "annotations": {"about": "x/index"},
        "subject": {"mediaType": media_type::MANIFEST, "digest": subject, "size": 1},
    });
    let bytes = index.to_string().into_bytes();
    let put = registry.put("refs", "index", media_type::INDEX, &bytes).await;
    assert_eq!((put.status().as_u16(), header(&put, "oci-subject")), (201, subject.to_string()));
    let index = Digest::of(&bytes);

    let mut expected: Vec<(String, String)> = [
        (&sbom, "x/sbom"),
        (&signature, "x/signature"),
        (&plain, media_type::CONFIG),
        (&index, "x/index"),
    ]
    .map(|(digest, kind)| (digest.to_string(), kind.to_owned()))
    .into();
    expected.sort();
    let all = listed(registry, subject.as_str(), "").await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<(String, String)> =
        all.iter().map(|it| (text(&it["digest"]), text(&it["artifactType"]))).collect();
    found.sort();
    assert_eq!(found, expected);
    for it in &all {
        let size = registry
            .send("HEAD", &format!("/v2/refs/manifests/{}", text(&it["digest"])), b"")
            .await;
        assert_eq!(it["size"].to_string(), header(&size, "content-length"));
        assert_eq!(it["mediaType"], header(&size, "content-type"));
        assert!(it["annotations"]["about"].is_string());
    }
    assert_eq!(listed(registry, EMPTY, "").await[0]["digest"], json!(early));
    filtered(registry, &subject, &sbom).await;
    assert_eq!(registry.status("DELETE", &format!("/v2/refs/manifests/{sbom}")).await, 202);
    assert_eq!(
        listed(registry, subject.as_str(), "?artifactType=x/sbom").await,
        Vec::<Value>::new()
    );
    assert_eq!(listed(registry, subject.as_str(), "").await.len(), 3);
}

async fn filtered(registry: &Registry, subject: &Digest, sbom: &Digest) {
    let path = format!("/v2/refs/referrers/{subject}?artifactType=x/sbom");
    let answer = registry.send("GET", &path, b"").await;
    assert_eq!(header(&answer, "oci-filters-applied"), "artifactType");
    let found = listed(registry, subject.as_str(), "?artifactType=x/sbom").await;
    assert_eq!((found.len(), &found[0]["digest"]), (1, &json!(sbom)));
    assert!(listed(registry, subject.as_str(), "?artifactType=x/none").await.is_empty());
    // An empty filter filters nothing.
    assert_eq!(listed(registry, subject.as_str(), "?artifactType=").await.len(), 4);
}

check!(by_pages);
async fn by_pages(registry: &Registry) {
    if registry.deviates(Deviation::NoReferrers) {
        let page = format!("/v2/refs/referrers/{EMPTY}?n=3");
        assert_eq!(registry.status("GET", &page).await, 404);
        return;
    }
    let subject = registry.image("refs", "v1", json!({})).await;
    let mut pushed = Vec::new();
    for number in 0..7 {
        let kind = if number % 2 == 0 { "x/even" } else { "x/odd" };
        let mut extra = about(subject.as_str(), kind);
        extra["annotations"]["number"] = json!(number.to_string());
        let digest = registry.image("refs", &format!("r{number}"), extra).await;
        if number % 2 == 0 {
            pushed.push(digest.to_string());
        }
    }
    pushed.sort();
    let (mut all, mut pages) = (Vec::new(), 0);
    let mut next = format!("/v2/refs/referrers/{subject}?artifactType=x/even&n=3");
    while !next.is_empty() {
        let page = registry.send("GET", &next, b"").await;
        assert_eq!(header(&page, "oci-filters-applied"), "artifactType");
        let link = header(&page, "link");
        let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        next = target.unwrap_or_default().to_owned();
        let page: Value = page.json().await.expect("JSON");
        let found = page["manifests"].as_array().expect("a list");
        all.extend(found.iter().map(|it| it["digest"].as_str().expect("text").to_owned()));
        pages += 1;
    }
    assert_eq!((all, pages), (pushed, 2));
}
