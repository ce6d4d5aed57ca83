//! Signatures in a registry: added, kept and read.

use super::layout::{PAYLOAD, SIGNATURE_ANNOTATION, signature_tag};
use crate::http::Retryable as _;
use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::registry::testing::fake_registry::{FakeRegistry, Fault};
use crate::registry::testing::images::{chain, client, reference};
use crate::registry::{Client, KeylessAnnotations, Login, NewSignature};
use serde_json::{Value, json};

struct Signed {
    registry: FakeRegistry,
    client: Client,
    image: Reference,
    digest: Digest,
}

fn signature(payload: &str, signature: &str) -> NewSignature {
    NewSignature {
        payload: payload.to_owned().into(),
        signature: signature.to_owned(),
        keyless: KeylessAnnotations::default(),
    }
}

impl Signed {
    async fn new() -> Self {
        let registry = FakeRegistry::start().await;
        let host = registry.host();
        let client = client(&host, Login::Anonymous);
        let image = reference(&format!("{host}/web:v1"));
        Self { registry, client, image, digest: Digest::of(b"image") }
    }

    fn tag(&self) -> String {
        signature_tag(&self.image, &self.digest).tag.expect("a tag")
    }

    /// Adds a signature. Returns whether it was there.
    async fn add(&self, new: &NewSignature) -> bool {
        let is_same = |stored: &super::StoredSignature| stored.signature == new.signature;
        let added = self.client.add_signature(&self.image, &self.digest, new, &is_same).await;
        added.expect("added").already
    }

    async fn listed(&self) -> Vec<(String, String)> {
        let all = self.client.signatures(&self.image, &self.digest).await.expect("a list");
        let shown = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
        all.into_iter().map(|it| (it.damage.unwrap_or(shown(&it.payload)), it.signature)).collect()
    }

    async fn manifest(&self) -> Value {
        let raw = self.client.raw_manifest(&signature_tag(&self.image, &self.digest)).await;
        serde_json::from_slice(&raw.expect("there").bytes).expect("JSON")
    }

    /// Puts a manifest with these layers under the tag.
    fn put(&self, layers: &[Descriptor]) {
        let manifest = json!({ "schemaVersion": 2, "layers": layers, "x-note": "mine" });
        let bytes = manifest.to_string();
        self.registry.put_manifest("web", &self.tag(), (media_type::MANIFEST, bytes.as_bytes()));
    }

    fn layer(payload: &str, signature: &str) -> Descriptor {
        let digest = Digest::of(payload.as_bytes());
        let mut layer = Descriptor::new(PAYLOAD, digest, payload.len() as u64);
        layer.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), signature.to_owned());
        layer
    }
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(one, two)| ((*one).to_owned(), (*two).to_owned())).collect()
}

#[tokio::test]
async fn signatures_are_laid_out_as_by_cosign() {
    let signed = Signed::new().await;
    let hex = signed.digest.hex().to_owned();

    assert!(!signed.add(&signature("{}", "c2ln")).await);

    let manifest = signed.manifest().await;
    assert_eq!(signed.tag(), format!("sha256-{hex}.sig"));
    assert_eq!(manifest["mediaType"], media_type::MANIFEST);
    assert_eq!(manifest["config"]["mediaType"], media_type::CONFIG);
    assert_eq!(
        manifest["layers"],
        json!([{
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": Digest::of(b"{}"),
            "size": 2,
            "annotations": { "dev.cosignproject.cosign/signature": "c2ln" },
        }])
    );
}

#[tokio::test]
async fn certificate_and_entry_are_beside_the_signature() {
    let signed = Signed::new().await;
    let keyless = KeylessAnnotations {
        certificate: Some("certificate".to_owned()),
        chain: Some("chain".to_owned()),
        entry: Some("{}".to_owned()),
    };

    assert!(
        !signed.add(&NewSignature { keyless: keyless.clone(), ..signature("{}", "c2ln") }).await
    );

    let manifest = signed.manifest().await;
    assert_eq!(
        manifest["layers"][0]["annotations"],
        json!({
            "dev.cosignproject.cosign/signature": "c2ln",
            "dev.sigstore.cosign/bundle": "{}",
            "dev.sigstore.cosign/certificate": "certificate",
            "dev.sigstore.cosign/chain": "chain",
        })
    );
    let all = signed.client.signatures(&signed.image, &signed.digest).await.expect("a list");
    assert_eq!(all[0].keyless, keyless);
}

#[tokio::test]
async fn other_signatures_and_unknown_fields_stay() {
    let signed = Signed::new().await;
    signed.registry.put_blob("web", b"theirs");
    signed.put(&[Signed::layer("theirs", "dGhlaXJz")]);

    assert!(!signed.add(&signature("ours", "b3Vycw==")).await);
    signed.registry.log();
    assert!(signed.add(&signature("ours", "b3Vycw==")).await);

    let log = signed.registry.log();
    assert!(!log.contains("PUT") && !log.contains("POST"), "{log}");
    let wanted = pairs(&[("theirs", "dGhlaXJz"), ("ours", "b3Vycw==")]);
    assert_eq!(signed.listed().await, wanted);
    assert_eq!(signed.manifest().await["x-note"], "mine");
}

#[tokio::test]
async fn overwritten_signature_is_written_again() {
    let signed = Signed::new().await;
    // It is written after the second time, and gone when it is read the third time.
    let get = format!("GET /v2/web/manifests/{}", signed.tag());
    for _ in 0..2 {
        signed.registry.fault(&get, Fault::Answer(404, &[], String::new()));
    }
    signed.registry.fault(&get, Fault::Answer(200, &[], r#"{"layers":[]}"#.to_owned()));

    assert!(!signed.add(&signature("ours", "b3Vycw==")).await);

    let log = signed.registry.log();
    assert_eq!(log.matches(&get.replace("GET", "PUT")).count(), 2, "{log}");
    assert_eq!(signed.listed().await, pairs(&[("ours", "b3Vycw==")]));
}

#[tokio::test]
async fn concurrent_signatures_are_all_kept() {
    let signed = Signed::new().await;
    let all: Vec<NewSignature> =
        (0..8).map(|at| signature(&format!("payload {at}"), &format!("{at}"))).collect();

    futures::future::join_all(all.iter().map(|new| signed.add(new))).await;

    assert_eq!(signed.listed().await.len(), 8);
}

#[tokio::test]
async fn damaged_payloads_are_listed_with_the_damage() {
    let signed = Signed::new().await;
    let mut large = Signed::layer("large", "bGFyZ2U=");
    large.size = 70_000;
    let other = Descriptor { media_type: "x/y".to_owned(), ..Signed::layer("other", "") };
    signed.put(&[Signed::layer("gone", "Z29uZQ=="), large, other]);

    let wanted = pairs(&[
        ("the registry does not have its payload", "Z29uZQ=="),
        ("its payload has 70000 bytes", "bGFyZ2U="),
    ]);
    assert_eq!(signed.listed().await, wanted);

    let changed = Fault::Answer(200, &[], "changed".to_owned());
    signed.put(&[Signed::layer("theirs", "dGhlaXJz")]);
    signed.registry.put_blob("web", b"theirs");
    signed.registry.fault("GET /v2/web/blobs/", changed);
    let why = format!("its payload is {}, not {}", Digest::of(b"changed"), Digest::of(b"theirs"));
    assert_eq!(signed.listed().await, pairs(&[(&why, "dGhlaXJz")]));
}

#[tokio::test]
async fn only_a_missing_tag_means_unsigned() {
    let signed = Signed::new().await;
    assert_eq!(signed.listed().await, []);

    let get = format!("GET /v2/web/manifests/{}", signed.tag());
    signed.registry.fault(&get, Fault::Answer(403, &[], String::new()));
    let error = signed.client.signatures(&signed.image, &signed.digest).await;
    let error = error.expect_err("not known");
    let host = signed.registry.host();
    let wanted = format!("cannot list the signatures of `{host}/web@{}`", signed.digest);
    assert!(chain(&error).starts_with(&wanted), "{}", chain(&error));
}

#[tokio::test]
async fn tag_that_holds_no_signatures_is_named_with_the_remedy() {
    let signed = Signed::new().await;
    let (host, tag) = (signed.registry.host(), signed.tag());
    let help = format!("delete the tag `{tag}` at the registry, and sign the image again");
    let new = signature("{}", "c2ln");
    let refused = async || {
        let error = signed.client.signatures(&signed.image, &signed.digest).await;
        let read = error.expect_err("not signatures");
        let added =
            signed.client.add_signature(&signed.image, &signed.digest, &new, &|_| false).await;
        let written = added.expect_err("not signatures");
        assert_eq!(read.help().as_deref(), Some(help.as_str()));
        assert_eq!(written.help().as_deref(), Some(help.as_str()));
        chain(&written).replace(&host, "HOST").replace(signed.digest.as_str(), "DIGEST")
    };
    let wanted = |why: &str| {
        format!("cannot add a signature to those of `HOST/web@DIGEST`\nthe tag `{tag}` {why}")
    };
    for manifest in [
        json!({ "schemaVersion": 2, "manifests": [] }),
        json!({ "schemaVersion": 2, "layers": [], "mediaType": "text/html\r\nx: y" }),
        json!("junk"),
    ] {
        let bytes = manifest.to_string();
        signed.registry.put_manifest("web", &tag, (media_type::MANIFEST, bytes.as_bytes()));
        assert_eq!(refused().await, wanted("is not an image of signatures"), "{manifest}");
    }
    signed.put(&vec![Signed::layer("more", "bW9yZQ=="); 1_001]);
    assert_eq!(refused().await, wanted("has 1001, and at most 1000 are read"));
}

#[tokio::test]
async fn no_more_signatures_are_added_than_are_read() {
    let signed = Signed::new().await;
    let other = Descriptor { media_type: "x/y".to_owned(), ..Signed::layer("other", "") };
    signed.put(&vec![other; 1_000]);
    let new = signature("{}", "c2ln");

    let added = signed.client.add_signature(&signed.image, &signed.digest, &new, &|_| false).await;

    let why = "has 1000, and at most 1000 are read";
    assert!(chain(&added.expect_err("full")).ends_with(why));
}
