//! Adds a signature to those of a manifest.

use super::layout::{KeylessAnnotations, PAYLOAD, SIGNATURE_ANNOTATION, signature_tag};
use super::list::{MAX_SIGNATURES, SignatureManifest, StoredSignature, too_many};
use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::registry::client::Client;
use crate::registry::error::{Failure, PushError};
use crate::registry::{Attached, Blob, BlobSource, Push, PushManifest};
use bytes::Bytes;
use serde_json::{Value, json};

/// How often the signatures are written before giving up, because another process keeps
/// overwriting them.
const MAX_WRITES: usize = 5;
/// The time in the configuration that cosign writes.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// A signature to add.
#[derive(Clone, Debug)]
pub struct NewSignature {
    /// What is signed.
    pub payload: Bytes,
    /// In base64.
    pub signature: String,
    pub keyless: KeylessAnnotations,
}

impl Client {
    /// Adds a signature to those of the manifest with a digest in the repository of
    /// `image`, unless one of them `is_same`. Signatures that are there stay. Returns the
    /// manifest of all of them.
    ///
    /// There is no conditional write, so the manifest is read again until it has the
    /// signature. Tasks of this process take turns, as writers of referrers do.
    pub async fn add_signature(
        &self,
        image: &Reference,
        digest: &Digest,
        new: &NewSignature,
        is_same: &(dyn Fn(&StoredSignature) -> bool + Sync),
    ) -> Result<Attached, PushError> {
        let tag = signature_tag(image, digest);
        let failed = |source| PushError::Sign { image: image.with_digest(digest.clone()), source };
        let _lock = self.referrers_locks().lock(&tag).await;
        let signatures = self.find_signatures(&tag).await.map_err(failed)?;
        let already = signatures.iter().any(is_same);
        let layer = new.layer();
        for _ in 0..=MAX_WRITES {
            let found = self.signature_manifest(&tag).await.map_err(failed)?;
            let has_it =
                |found: &SignatureManifest| found.layers.iter().any(|it| are_same(it, &layer));
            if let Some(found) = found.as_ref().filter(|found| already || has_it(found)) {
                return Ok(Attached { digest: found.digest.clone(), already });
            }
            if let Some(found) = found.as_ref().filter(|it| it.layers.len() >= MAX_SIGNATURES) {
                return Err(failed(too_many(&tag, found)));
            }
            self.push(new.push(found, &layer, &tag), &|_| {}).await?;
        }
        let reason = "other clients write the signatures at the same time".to_owned();
        Err(failed(Failure::Unexpected(reason)))
    }
}

/// Whether both are the layer of one signature.
fn are_same(one: &Descriptor, other: &Descriptor) -> bool {
    let signature = |of: &Descriptor| of.annotations.get(SIGNATURE_ANNOTATION).cloned();
    one.digest == other.digest && signature(one) == signature(other)
}

impl NewSignature {
    fn layer(&self) -> Descriptor {
        let digest = Digest::of(&self.payload);
        let mut layer = Descriptor::new(PAYLOAD, digest, self.payload.len() as u64);
        layer.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), self.signature.clone());
        self.keyless.add_to(&mut layer);
        layer
    }

    /// The manifest with this signature added, and what it needs that may not be there.
    fn push(&self, found: Option<SignatureManifest>, layer: &Descriptor, tag: &Reference) -> Push {
        let (mut manifest, mut layers) = match found {
            Some(found) => (found.manifest, found.layers),
            None => (json!({ "schemaVersion": 2, "mediaType": media_type::MANIFEST }), Vec::new()),
        };
        layers.push(layer.clone());
        let config = Bytes::from(config(&layers).to_string());
        let described =
            Descriptor::new(media_type::CONFIG, Digest::of(&config), config.len() as u64);
        manifest["config"] = json!(described);
        match manifest["layers"].as_array_mut() {
            Some(layers) => layers.push(json!(layer)),
            None => manifest["layers"] = json!([layer]),
        }
        let bytes = Bytes::from(manifest.to_string());
        let kind = manifest["mediaType"].as_str().unwrap_or(media_type::MANIFEST).to_owned();
        let blob = |descriptor: &Descriptor, bytes: &Bytes| Blob {
            descriptor: descriptor.clone(),
            source: BlobSource::Bytes(bytes.clone()),
        };
        Push {
            blobs: vec![blob(&described, &config), blob(layer, &self.payload)],
            manifest: PushManifest { media_type: kind, digest: Digest::of(&bytes), bytes },
            children: Vec::new(),
            targets: vec![tag.clone()],
        }
    }
}

/// The configuration, which says nothing but what the layers are: a payload is not
/// compressed.
fn config(layers: &[Descriptor]) -> Value {
    let digests: Vec<&Digest> = layers.iter().map(|layer| &layer.digest).collect();
    let history: Vec<Value> = layers.iter().map(|_| json!({ "created": NO_TIME })).collect();
    json!({
        "architecture": "", "created": NO_TIME, "history": history, "os": "",
        "rootfs": { "type": "layers", "diff_ids": digests }, "config": {},
    })
}
