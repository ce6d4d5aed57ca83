//! Attaches artifacts to a manifest, each once.

use crate::oci::{Descriptor, Digest, Manifest, Reference, media_type};
use crate::registry::client::Client;
use crate::registry::error::{Failure, PushError};
use crate::registry::{Blob, BlobSource, Push, PushManifest};
use bytes::Bytes;
use futures::future::try_join_all;
use serde_json::json;
use std::collections::BTreeMap;

/// The content of [`media_type::EMPTY`].
const EMPTY_CONFIG: &[u8] = b"{}";

/// An artifact to attach to a manifest.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Such as `application/spdx+json`.
    pub artifact_type: String,
    /// The only layer.
    pub content: Blob,
    /// Shown in the list of referrers.
    pub annotations: BTreeMap<String, String>,
    /// An attached artifact counts as the same if it has the same type and the same
    /// annotations of these keys. Without keys, only if it has the same bytes.
    pub same_by: Vec<&'static str>,
}

/// An artifact that is attached now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attached {
    /// The digest of the manifest of the artifact.
    pub digest: Digest,
    /// Whether it was attached before.
    pub already: bool,
}

impl Artifact {
    fn manifest(&self, subject: &Descriptor) -> PushManifest {
        let Descriptor { media_type, digest, size, .. } = subject;
        let manifest = Manifest {
            artifact_type: Some(self.artifact_type.clone()),
            // Only the three fields that the specification allows there.
            subject: Some(Descriptor::new(media_type, digest.clone(), *size)),
            annotations: self.annotations.clone(),
            ..Manifest::of_image(empty_config(), vec![self.content.descriptor.clone()])
        };
        let bytes = Bytes::from(manifest.to_bytes());
        let digest = Digest::of(&bytes);
        PushManifest { media_type: media_type::MANIFEST.to_owned(), bytes, digest }
    }

    /// The entry in a list of referrers.
    fn entry(&self, manifest: &PushManifest) -> Descriptor {
        let size = manifest.bytes.len() as u64;
        let mut entry = Descriptor::new(&manifest.media_type, manifest.digest.clone(), size);
        entry.other.insert("artifactType".to_owned(), json!(self.artifact_type));
        entry.annotations.clone_from(&self.annotations);
        entry
    }

    fn is_the_same(&self, entry: &Descriptor, digest: &Digest) -> bool {
        let agrees = |key: &&str| entry.annotations.get(*key) == self.annotations.get(*key);
        let stands_for = !self.same_by.is_empty()
            && entry.artifact_type() == Some(&self.artifact_type)
            && self.same_by.iter().all(agrees);
        entry.digest == *digest || stands_for
    }
}

fn empty_config() -> Descriptor {
    let size = EMPTY_CONFIG.len() as u64;
    Descriptor::new(media_type::EMPTY, Digest::of(EMPTY_CONFIG), size)
}

impl Client {
    /// Attaches an artifact to an existing manifest, which is named by digest. An artifact
    /// that is attached already is not attached again.
    pub async fn attach(
        &self,
        to: &Reference,
        subject: &Descriptor,
        artifact: &Artifact,
    ) -> Result<Attached, PushError> {
        let mut attached = self.attach_all(to, subject, &[artifact]).await?;
        Ok(attached.remove(0))
    }

    /// Attaches several artifacts, with one request for what is attached already. Returns
    /// their outcomes in order.
    pub async fn attach_all(
        &self,
        to: &Reference,
        subject: &Descriptor,
        artifacts: &[&Artifact],
    ) -> Result<Vec<Attached>, PushError> {
        let to = to.with_digest(subject.digest.clone());
        let types = artifacts.iter().map(|artifact| artifact.artifact_type.as_str());
        let artifact_type = types.collect::<Vec<_>>().join("`, `");
        let failed = |source| PushError::Attach { artifact_type, to: to.clone(), source };
        let (known, tagged) = match self.attached(&to).await {
            Ok(known) => known,
            Err(source) => return Err(failed(source)),
        };
        let attached =
            artifacts.iter().map(|artifact| self.attach_one(&to, subject, artifact, &known));
        let attached = try_join_all(attached).await?;
        let new: Vec<Descriptor> = attached.iter().filter_map(|(_, new)| new.clone()).collect();
        if tagged && !new.is_empty() {
            self.list_under_tag(&to, &new).await.map_err(failed)?;
        }
        Ok(attached.into_iter().map(|(attached, _)| attached).collect())
    }

    /// What is attached, and whether clients have to maintain the list.
    async fn attached(&self, subject: &Reference) -> Result<(Vec<Descriptor>, bool), Failure> {
        if let Some(entries) = self.referrers_api(subject, None).await? {
            return Ok((entries, false));
        }
        let tagged = self.tagged_referrers(subject).await?;
        Ok((tagged.map(|tagged| tagged.entries()).unwrap_or_default(), true))
    }

    /// Pushes an artifact unless it is attached already. Returns its entry if it is new.
    async fn attach_one(
        &self,
        to: &Reference,
        subject: &Descriptor,
        artifact: &Artifact,
        known: &[Descriptor],
    ) -> Result<(Attached, Option<Descriptor>), PushError> {
        let manifest = artifact.manifest(subject);
        let same = known.iter().find(|entry| artifact.is_the_same(entry, &manifest.digest));
        if let Some(same) = same {
            return Ok((Attached { digest: same.digest.clone(), already: true }, None));
        }
        let (entry, digest) = (artifact.entry(&manifest), manifest.digest.clone());
        let config = Blob {
            descriptor: empty_config(),
            source: BlobSource::Bytes(Bytes::from_static(EMPTY_CONFIG)),
        };
        let target = to.with_digest(digest.clone());
        let blobs = vec![config, artifact.content.clone()];
        let push = Push { blobs, manifest, children: Vec::new(), targets: vec![target] };
        self.push(push, &|_| {}).await?;
        Ok((Attached { digest, already: false }, Some(entry)))
    }
}
