//! Reads the signatures of a manifest.

use super::layout::{KeylessAnnotations, PAYLOAD, SIGNATURE_ANNOTATION, signature_tag};
use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use bytes::Bytes;
use serde_json::Value;

/// How many signatures of one manifest are read. cosign writes no more.
pub(super) const MAX_SIGNATURES: usize = 1_000;
/// A payload is a few hundred bytes.
const MAX_PAYLOAD_BYTES: u64 = 64 << 10;

/// A signature as the registry has it. Nothing of it is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredSignature {
    /// What is signed.
    pub payload: Bytes,
    /// In base64.
    pub signature: String,
    pub keyless: KeylessAnnotations,
    /// Why the payload is not what was signed, if that is known already.
    pub damage: Option<String>,
}

/// The manifest under the tag of the signatures.
pub(super) struct SignatureManifest {
    pub digest: Digest,
    /// Untyped, so that what is not known here is written back.
    pub manifest: Value,
    pub layers: Vec<Descriptor>,
}

/// The tag of signatures with what is wrong with it.
fn unusable(tag: &Reference, why: &str) -> Failure {
    let tag = tag.tag.clone().unwrap_or_default();
    Failure::Signatures { why: format!("the tag `{tag}` {why}"), tag }
}

/// The tag of more signatures than are read.
pub(super) fn too_many(tag: &Reference, found: &SignatureManifest) -> Failure {
    let count = found.layers.len();
    unusable(tag, &format!("has {count}, and at most {MAX_SIGNATURES} are read"))
}

impl Client {
    /// The signatures of the manifest with a digest in the repository of `image`. Empty
    /// where it has none: only a missing tag says so, and any other refusal is an error.
    pub async fn signatures(
        &self,
        image: &Reference,
        digest: &Digest,
    ) -> Result<Vec<StoredSignature>, PullError> {
        let found = self.find_signatures(&signature_tag(image, digest)).await;
        found.map_err(|source| PullError::List {
            what: "the signatures",
            name: image.with_digest(digest.clone()).to_string(),
            source,
        })
    }

    pub(super) async fn find_signatures(
        &self,
        tag: &Reference,
    ) -> Result<Vec<StoredSignature>, Failure> {
        let Some(found) = self.signature_manifest(tag).await? else { return Ok(Vec::new()) };
        if found.layers.len() > MAX_SIGNATURES {
            return Err(too_many(tag, &found));
        }
        let mut signatures = Vec::new();
        for layer in found.layers.iter().filter(|layer| layer.media_type == PAYLOAD) {
            signatures.push(self.stored_signature(tag, layer).await?);
        }
        Ok(signatures)
    }

    async fn stored_signature(
        &self,
        tag: &Reference,
        layer: &Descriptor,
    ) -> Result<StoredSignature, Failure> {
        let signature = layer.annotations.get(SIGNATURE_ANNOTATION).cloned().unwrap_or_default();
        let keyless = KeylessAnnotations::of(layer);
        let damaged = |why: String| StoredSignature {
            payload: Bytes::new(),
            signature: signature.clone(),
            keyless: keyless.clone(),
            damage: Some(why),
        };
        if layer.size > MAX_PAYLOAD_BYTES {
            return Ok(damaged(format!("its payload has {} bytes", layer.size)));
        }
        let payload = match self.unverified_blob(tag, layer).await {
            Ok(payload) => payload,
            Err(failure) if failure.status() == Some(404) => {
                return Ok(damaged("the registry does not have its payload".to_owned()));
            }
            Err(failure) => return Err(failure),
        };
        let found = Digest::of(&payload);
        if found != layer.digest {
            return Ok(damaged(format!("its payload is {found}, not {}", layer.digest)));
        }
        Ok(StoredSignature { payload, signature, keyless, damage: None })
    }

    /// What is under the tag of the signatures; `None` where there is nothing.
    pub(super) async fn signature_manifest(
        &self,
        tag: &Reference,
    ) -> Result<Option<SignatureManifest>, Failure> {
        let bytes = match self.raw_manifest(tag).await {
            Ok(raw) => raw.bytes,
            Err(failure) if failure.status() == Some(404) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let manifest: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let layers = serde_json::from_value(manifest["layers"].clone());
        let has_known_type = match &manifest["mediaType"] {
            Value::Null => true,
            Value::String(kind) => media_type::is_image_manifest(kind),
            _ => false,
        };
        let Some(layers) = layers.ok().filter(|_| has_known_type) else {
            return Err(unusable(tag, "is not an image of signatures"));
        };
        Ok(Some(SignatureManifest { digest: Digest::of(&bytes), manifest, layers }))
    }
}
