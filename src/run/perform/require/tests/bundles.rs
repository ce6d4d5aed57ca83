//! Signatures in bundles that are attached to images.

use super::super::attached;
use super::keyless::{KeylessScene, signed_by_workflow};
use super::{Scene, digest_of};
use crate::oci::Digest;
use crate::signing::testing::{
    Issued, TestSigstore, WORKFLOW, bundle_of, bundle_with, enveloped, statement_of,
};
use crate::signing::{LogEntry, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// A statement about the image, signed by the workflow.
struct Statement {
    keyless: KeylessScene,
    statement: String,
    signature: Vec<u8>,
    /// PEM.
    certificate: String,
}

impl Statement {
    async fn new() -> Self {
        let keyless = KeylessScene::new().await;
        let digest = digest_of(&keyless.scene.image);
        let subject = json!([{ "digest": { "sha256": digest.hex() } }]);
        let statement = statement_of(SIGNATURE, &subject);
        let key = SigningKey::generate();
        let certificate = keyless.sigstore.issue(&key, &Issued::default()).to_pem();
        let signature = key.sign(enveloped(&statement).as_bytes());
        Self { keyless, statement, signature, certificate }
    }

    /// An entry of the signature over a payload, in the log of a Rekor.
    fn entry(&self, rekor: &TestSigstore, payload: &str) -> Value {
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": { "algorithm": "sha256", "value": "00" },
                "payloadHash": {
                    "algorithm": "sha256", "value": Digest::of(payload.as_bytes()).hex(),
                },
                "signatures": [{
                    "signature": STANDARD.encode(&self.signature),
                    "verifier": STANDARD.encode(&self.certificate),
                }],
            },
        });
        let LogEntry { body, integrated_time, log_index, log_id, promise, .. } =
            rekor.promise(&body.to_string(), 1_800_000_300);
        json!({
            "logIndex": log_index.to_string(),
            "logId": { "keyId": STANDARD.encode(hex::decode(log_id).expect("hex")) },
            "kindVersion": { "kind": "dsse", "version": "0.0.1" },
            "integratedTime": integrated_time.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": STANDARD.encode(promise) },
            "canonicalizedBody": body,
        })
    }

    /// Attaches a bundle with these entries. Returns the remedy where it is damaged.
    async fn attach(&self, entries: &[Value]) -> String {
        let der = pem::parse(&self.certificate).expect("PEM").into_contents();
        let material = json!({
            "certificate": { "rawBytes": STANDARD.encode(&der) },
            "x509CertificateChain": null,
            "tlogEntries": entries,
        });
        let bundle = bundle_with(&material, &self.statement, &self.signature);
        let image = &self.keyless.scene.image;
        let bundle = image.with_digest(self.keyless.scene.attach_as(image, BUNDLE, bundle).await);
        format!(
            "delete the bundle `{bundle}`, which is attached to the image, and sign the image again"
        )
    }

    fn own(&self, payload: &str) -> Value {
        self.entry(&self.keyless.sigstore, payload)
    }
}

#[tokio::test]
async fn bundle_of_cosign_counts() {
    let signed = Statement::new().await;
    let delete = signed.attach(&[signed.own("another")]).await;
    let why = "damaged: its entry in the transparency log is of another payload";
    signed.keyless.refused(WORKFLOW, why, &delete).await;

    signed.attach(&[signed.own(&signed.statement)]).await;
    let notes = signed.keyless.scene.check().await.expect("signed");
    assert_eq!(notes, [signed_by_workflow()]);
}

#[tokio::test]
async fn one_valid_entry_of_several_is_enough() {
    let other = TestSigstore::new();
    let signed = Statement::new().await;
    let elsewhere = signed.entry(&other, &signed.statement);
    let good = signed.own(&signed.statement);
    let unreadable = json!({ "canonicalizedBody": 1 });
    signed.attach(&[elsewhere.clone(), unreadable.clone(), good.clone()]).await;
    let notes = signed.keyless.scene.check().await.expect("signed");
    assert_eq!(notes, [signed_by_workflow()]);

    // Of entries that do not count, the one that comes closest is told.
    let signed = Statement::new().await;
    let delete = signed.attach(&[signed.own("another"), unreadable, elsewhere]).await;
    let why = "damaged: its entry in the transparency log is of another payload";
    signed.keyless.refused(WORKFLOW, why, &delete).await;
}

#[tokio::test]
async fn proof_that_does_not_hold_is_refused() {
    let signed = Statement::new().await;
    let mut entry = signed.own(&signed.statement);
    // Without a checkpoint it proves nothing that the log has signed.
    entry["inclusionProof"] = json!({ "logIndex": "0", "treeSize": "1", "hashes": [] });
    signed.attach(&[entry.clone()]).await;
    let notes = signed.keyless.scene.check().await.expect("signed");
    assert_eq!(notes, [signed_by_workflow()]);

    let signed = Statement::new().await;
    let mut entry = signed.own(&signed.statement);
    let body = entry["canonicalizedBody"].as_str().expect("a body");
    let body = STANDARD.decode(body).expect("base64");
    // The only entry of a tree is its root.
    let root = Digest::of(&[&[0], body.as_slice()].concat());
    let root = STANDARD.encode(hex::decode(root.hex()).expect("hex"));
    let proof = |size: u64| {
        let note = format!("rekor.example.com - 1\n{size}\n{root}\n");
        let signature = signed.keyless.sigstore.sign_checkpoint(&note);
        let signature = STANDARD.encode([b"hint".as_slice(), &signature].concat());
        let envelope = format!("{note}\n— rekor.example.com {signature}\n");
        json!({ "logIndex": "0", "hashes": [], "checkpoint": { "envelope": envelope } })
    };
    entry["inclusionProof"] = proof(2);
    let delete = signed.attach(&[entry.clone()]).await;
    let why = "damaged: the proof that its entry is in the transparency log does not hold: it is of \
               another size";
    signed.keyless.refused(WORKFLOW, why, &delete).await;
    entry["inclusionProof"] = proof(1);
    signed.attach(&[entry]).await;
    let notes = signed.keyless.scene.check().await.expect("signed");
    assert_eq!(notes, [signed_by_workflow()]);
}

#[tokio::test]
async fn entries_are_bounded() {
    let signed = Statement::new().await;
    let delete = signed.attach(&vec![signed.own(&signed.statement); 33]).await;
    let why = "damaged: its bundle has 33 entries of transparency logs, and at most 32 are read";
    signed.keyless.refused(WORKFLOW, why, &delete).await;

    signed.attach(&vec![signed.own(&signed.statement); 32]).await;
    let notes = signed.keyless.scene.check().await.expect("signed");
    assert_eq!(notes, [signed_by_workflow()]);
}

#[tokio::test]
async fn signature_in_a_bundle_counts() {
    let (kind, signature) = (BUNDLE, SIGNATURE);
    let subject = |digest: &Digest| json!([{ "digest": { "sha256": digest.hex() } }]);
    let scene = Scene::new("{ signed-by: own.pub }").await;
    let index = digest_of(&scene.index);

    // A signed provenance is no signature of the image.
    let provenance = bundle_of("https://slsa.dev/provenance/v1", &subject(&index));
    scene.attach_as(&scene.index, kind, provenance).await;
    assert_eq!(scene.chain(&scene.refusal().await), ["`INDEX` is not signed"]);

    let other = Digest::of(b"another");
    scene.attach_as(&scene.index, kind, bundle_of(signature, &subject(&other))).await;
    let why = format!("its signature is for another digest, {other}");
    assert_eq!(scene.chain(&scene.refusal().await)[1], why);

    scene.attach_as(&scene.index, kind, bundle_of(signature, &subject(&index))).await;
    assert_eq!(scene.check().await.expect("signed"), ["`INDEX` is signed by `own.pub`"]);

    let scene = Scene::new("{ signed-by: other.pub }").await;
    scene.attach_as(&scene.index, kind, bundle_of(signature, &subject(&index))).await;
    assert_eq!(scene.chain(&scene.refusal().await)[1], "its signature is by another key");
}

#[tokio::test]
async fn artifacts_are_bounded() {
    let scene = Scene::new("{ signed-by: own.pub }").await;
    let registry = &scene.performer.services.clients.registry;
    let artifacts = vec![digest_of(&scene.image); 201];

    let layers = attached::layers(registry, &scene.image, &artifacts, |_| true).await;

    let error = layers.err().expect("refused");
    assert_eq!(
        scene.chain(&error),
        ["cannot read what is attached to `IMAGE`", "201 artifacts are, and at most 200 are read"]
    );
    assert_eq!(
        error.failure.help.as_deref(),
        Some("delete in the registry what is attached to it and no longer needed")
    );
}
