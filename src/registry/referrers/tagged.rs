//! The list of referrers as an index under a tag: read, and written without losing the
//! entries of other clients.

use super::list::Referrers;
use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::registry::client::Client;
use crate::registry::error::Failure;
use crate::registry::wire::{self, Payload, Request, Scope};
use reqwest::Method;
use serde_json::{Value, json};

/// How often the list is written before giving up, because another process keeps
/// overwriting it.
const MAX_WRITES: usize = 5;

/// The index under the tag.
pub struct TaggedIndex {
    /// `None` for an index that is not there yet.
    digest: Option<Digest>,
    /// Untyped, so that entries and fields that are not known here are written back.
    index: Value,
}

/// The tag of the list for a manifest: algorithm and digits of its digest, truncated to
/// the lengths that the specification gives.
fn tag_of(subject: &Reference) -> Reference {
    let name = subject.digest.as_ref().map_or("", Digest::as_str);
    let (algorithm, hex) = name.split_once(':').unwrap_or((name, ""));
    let truncate = |text: &str, max: usize| text.chars().take(max).collect::<String>();
    subject.with_tag(&format!("{}-{}", truncate(algorithm, 32), truncate(hex, 64)))
}

impl From<TaggedIndex> for Referrers {
    fn from(tagged: TaggedIndex) -> Self {
        Self { entries: tagged.entries(), index: tagged.digest }
    }
}

impl TaggedIndex {
    fn new() -> Self {
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [] });
        Self { digest: None, index }
    }

    /// The entries that can be read.
    pub fn entries(&self) -> Vec<Descriptor> {
        let entries = self.index["manifests"].as_array().into_iter().flatten();
        entries.filter_map(|entry| serde_json::from_value(entry.clone()).ok()).collect()
    }

    fn add(&mut self, entry: &Descriptor) {
        let entry = serde_json::to_value(entry).unwrap_or_default();
        if let Some(entries) = self.index["manifests"].as_array_mut() {
            entries.push(entry);
        }
    }

    fn lists(&self, digest: &Digest) -> bool {
        let entries = self.index["manifests"].as_array().into_iter().flatten();
        entries.into_iter().any(|entry| entry["digest"] == digest.as_str())
    }
}

impl Client {
    /// The index under the tag of a subject, where there is one.
    pub(super) async fn tagged_referrers(
        &self,
        subject: &Reference,
    ) -> Result<Option<TaggedIndex>, Failure> {
        let bytes = match self.raw_manifest(&tag_of(subject)).await {
            Ok(raw) => raw.bytes,
            Err(failure) if failure.status() == Some(404) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let index: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if !index["manifests"].is_array() {
            let tag = tag_of(subject).tag.unwrap_or_default();
            return Err(Failure::Unexpected(format!("the tag `{tag}` is not an index")));
        }
        Ok(Some(TaggedIndex { digest: Some(Digest::of(&bytes)), index }))
    }

    /// Adds manifests to the index under the tag.
    ///
    /// There is no conditional write, so the index is read again until it has them.
    /// That handles other processes. Tasks of this process take turns: otherwise one
    /// that has seen its entry could still lose it to another that read earlier.
    pub async fn list_under_tag(
        &self,
        subject: &Reference,
        entries: &[Descriptor],
    ) -> Result<(), Failure> {
        let name = tag_of(subject);
        let _lock = self.referrers_locks().lock(&name).await;
        for _ in 0..MAX_WRITES {
            let mut tagged = self.tagged_referrers(subject).await?.unwrap_or_else(TaggedIndex::new);
            let missing: Vec<&Descriptor> =
                entries.iter().filter(|entry| !tagged.lists(&entry.digest)).collect();
            if missing.is_empty() {
                return Ok(());
            }
            for entry in missing {
                tagged.add(entry);
            }
            match self.put_index(&name, &tagged.index).await {
                Err(failure) if names_missing_entry(&failure) => {
                    self.remove_missing_entries(subject, &mut tagged).await?;
                    self.put_index(&name, &tagged.index).await?;
                }
                done => done?,
            }
        }
        let reason = "other clients write the list of referrers at the same time".to_owned();
        Err(Failure::Unexpected(reason))
    }

    /// Removes entries whose manifests no longer exist: registries refuse an index that
    /// lists them.
    async fn remove_missing_entries(
        &self,
        subject: &Reference,
        tagged: &mut TaggedIndex,
    ) -> Result<(), Failure> {
        let mut gone = Vec::new();
        for entry in tagged.entries() {
            match self.raw_manifest(&subject.with_digest(entry.digest.clone())).await {
                Err(failure) if failure.status() == Some(404) => gone.push(entry.digest),
                there => drop(there?),
            }
        }
        if let Some(entries) = tagged.index["manifests"].as_array_mut() {
            entries.retain(|entry| !gone.iter().any(|gone| entry["digest"] == gone.as_str()));
        }
        Ok(())
    }

    async fn put_index(&self, tag: &Reference, index: &Value) -> Result<(), Failure> {
        let host = self.host(&tag.host)?;
        let path = format!("{}/manifests/{}", tag.repository, tag.manifest_name());
        let kind = index["mediaType"].as_str().unwrap_or(media_type::INDEX).to_owned();
        let request =
            Request::new(Method::PUT, host.address.url(&path), Scope::push(&tag.repository))
                .header("content-type", &kind)
                .payload(Payload::Bytes(index.to_string().into()));
        let response = host.send(&request).await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(wire::refused("PUT", response).await.into())
    }
}

fn names_missing_entry(failure: &Failure) -> bool {
    matches!(failure.status(), Some(400 | 404)) && failure.to_string().contains("UNKNOWN")
}

#[cfg(test)]
mod tests {
    use super::tag_of;
    use crate::oci::{Digest, Reference};

    #[test]
    fn the_tag_of_a_list_is_made_of_the_digest() {
        let subject: Reference = "demo.azurecr.io/web".parse().expect("a reference");
        let subject = subject.with_digest(Digest::of(b""));
        assert_eq!(
            tag_of(&subject).to_string(),
            "demo.azurecr.io/web:sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let long: Digest = format!("sha512:{}", "a".repeat(128)).parse().expect("a digest");
        let tag = tag_of(&subject.with_digest(long)).tag.expect("a tag");
        assert_eq!(tag, format!("sha512-{}", "a".repeat(64)));
    }
}
