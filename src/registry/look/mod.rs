//! What a repository holds, tag by tag: digest, size, platforms, age.
//!
//! Asks for each manifest and each configuration once, side by side. What a
//! registry has that is no image is shown as what it is, not refused.

mod azure;
mod document;
mod fetch;
mod time;

use super::client::Client;
use super::error::PullError;
use super::push::settle;
use crate::oci::Descriptor;
use crate::oci::Digest;
use crate::oci::Reference;
use document::{Configured, Document};
use fetch::Fetched;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How many documents of one repository are asked for at a time.
const AT_ONCE: usize = 16;
/// How far indexes in indexes are followed.
const DEPTH: u32 = 4;

/// What a tag, or a digest that was asked for, stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// The tag; none for what was asked for by digest.
    pub tag: Option<String>,
    /// Of the manifest, or of the index.
    pub digest: Digest,
    /// What the manifest is.
    pub media_type: String,
    /// What it is, where it is no image.
    pub kind: HeldKind,
    /// Configurations and layers as they are stored, each once, in bytes;
    /// nothing where that is not known.
    pub size: Option<u64>,
    /// What it runs on.
    pub platforms: Vec<HeldPlatform>,
    /// What an index lists beside them, at any depth: attestations, and what
    /// indexes in it list.
    pub within: Vec<Digest>,
    /// What it is attached to.
    pub subject: Option<Digest>,
    /// When it was made, as it says itself. A time from before there were
    /// images stands for a reproducible build, and is none.
    pub created: Option<Timestamp>,
    /// When the tag was last moved, where the registry says so (Azure's does).
    pub updated: Option<Timestamp>,
}

/// What something in a registry is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeldKind {
    /// An image for one platform.
    Image,
    /// An index of images.
    Index,
    /// Something else, of this type.
    Artifact(String),
    /// A manifest that cannot be read.
    Unreadable,
    /// It was asked for by digest, and is not there.
    Gone,
}

/// One platform of an image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeldPlatform {
    /// `linux/amd64`.
    pub platform: String,
    /// Of its manifest.
    pub digest: Digest,
    /// Its configuration and layers, in bytes; nothing where its manifest is
    /// not there.
    pub size: Option<u64>,
}

impl Held {
    /// The newest time that is known of it.
    pub fn newest(&self) -> Option<Timestamp> {
        self.created.max(self.updated)
    }

    /// The digests that go and stay with it: its own and those of its
    /// platforms.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let platforms = self.platforms.iter().map(|one| &one.digest);
        std::iter::once(&self.digest).chain(platforms).chain(&self.within)
    }
}

/// Whether a tag is one of the referrers' tag schema (distribution
/// specification 1.1, "Referrers Tag Schema"), or as cosign names signatures.
pub fn is_attached(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    let (hex, suffix) = rest.split_at_checked(64).unwrap_or((rest, "?"));
    hex.len() == 64
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        && matches!(suffix, "" | ".sig" | ".att" | ".sbom")
}

/// All that was read of a repository.
#[derive(Default)]
struct Shelf {
    documents: BTreeMap<Digest, Fetched>,
    configured: BTreeMap<Digest, Configured>,
}

impl Client {
    /// What a repository holds under its tags, and what `also` stands for there.
    /// Tags that belong to other manifests ([`is_attached`]) are left out.
    pub async fn look(
        &self,
        host: &str,
        repository: &str,
        also: &[Digest],
    ) -> Result<Vec<Held>, PullError> {
        let place = Reference {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: None,
            digest: None,
        };
        let (tags, updates) =
            futures::join!(self.tags(host, repository), azure::updates(self, host, repository));
        let tags = tags?.into_iter().filter(|tag| !is_attached(tag));
        let mut names: Vec<Reference> = tags.map(|tag| place.with_tag(&tag)).collect();
        names.extend(also.iter().map(|digest| place.with_digest(digest.clone())));
        let mut held = self.look_at(&place, &names).await?;
        for one in &mut held {
            one.updated = one.tag.as_ref().and_then(|tag| updates.get(tag).copied());
        }
        Ok(held)
    }

    /// What names of one repository stand for, in their order. A tag that is
    /// not there is left out, a digest is [`HeldKind::Gone`].
    pub async fn look_at(
        &self,
        place: &Reference,
        names: &[Reference],
    ) -> Result<Vec<Held>, PullError> {
        let found = settle(names.iter().map(|name| self.document(name)), AT_ONCE).await?;
        let mut shelf = Shelf::default();
        let mut digests = BTreeMap::new();
        for (name, fetched) in found {
            let Some(fetched) = fetched else { continue };
            digests.insert(name, fetched.digest.clone());
            shelf.documents.insert(fetched.digest.clone(), fetched);
        }
        self.fill(place, &mut shelf).await?;
        let held = |name: &Reference| {
            let digest = digests.get(name).or(name.digest.as_ref())?;
            let mut held = shelf.held(digest);
            held.tag = name.tag.clone().filter(|_| name.digest.is_none());
            Some(held)
        };
        Ok(names.iter().filter_map(held).collect())
    }

    /// Fetches what the documents refer to: platforms, then configurations.
    async fn fill(&self, place: &Reference, shelf: &mut Shelf) -> Result<(), PullError> {
        let mut asked = BTreeSet::new();
        for _ in 0..DEPTH {
            let children: BTreeSet<Digest> = shelf
                .entries()
                .map(|entry| entry.digest.clone())
                .filter(|digest| !shelf.documents.contains_key(digest) && !asked.contains(digest))
                .collect();
            if children.is_empty() {
                break;
            }
            let names: Vec<Reference> =
                children.iter().map(|digest| place.with_digest(digest.clone())).collect();
            let found = settle(names.iter().map(|name| self.document(name)), AT_ONCE).await?;
            for fetched in found.into_iter().filter_map(|(_, fetched)| fetched) {
                shelf.documents.insert(fetched.digest.clone(), fetched);
            }
            asked.extend(children);
        }
        let configs: BTreeMap<Digest, Descriptor> = shelf
            .documents
            .values()
            .filter_map(|fetched| fetched.document.as_ref()?.image_config())
            .map(|config| (config.digest.clone(), config.clone()))
            .collect();
        let read = configs.values().map(|config| self.configured(place, config));
        shelf.configured = settle(read, AT_ONCE).await?.into_iter().collect();
        Ok(())
    }
}

impl Shelf {
    /// The platforms of all indexes.
    fn entries(&self) -> impl Iterator<Item = &Descriptor> {
        self.documents
            .values()
            .filter_map(|fetched| fetched.document.as_ref())
            .flat_map(Document::platforms)
    }

    fn held(&self, digest: &Digest) -> Held {
        let mut held = Held {
            tag: None,
            digest: digest.clone(),
            media_type: String::new(),
            kind: HeldKind::Gone,
            size: None,
            platforms: Vec::new(),
            within: Vec::new(),
            subject: None,
            created: None,
            updated: None,
        };
        let Some(fetched) = self.documents.get(digest) else { return held };
        held.media_type.clone_from(&fetched.media_type);
        held.kind = HeldKind::Unreadable;
        let Some(document) = &fetched.document else { return held };
        held.kind = document.kind();
        held.size = Some(self.size(document));
        held.platforms = self.platforms(digest, document);
        held.within = self.within(document);
        held.subject = document.subject().map(|subject| subject.digest.clone());
        held.created = self.created(document);
        held
    }

    /// Of an index the sum over its platforms, what they share once.
    fn size(&self, document: &Document) -> u64 {
        let children = document.platforms().filter_map(|entry| self.document(&entry.digest));
        let blobs: BTreeMap<&Digest, u64> = std::iter::once(document)
            .chain(children)
            .flat_map(Document::blobs)
            .map(|blob| (&blob.digest, blob.size))
            .collect();
        blobs.values().sum()
    }

    fn platforms(&self, digest: &Digest, document: &Document) -> Vec<HeldPlatform> {
        if document.is_index() {
            let platform = |entry: &Descriptor| {
                let child = self.document(&entry.digest);
                let said = entry.platform.as_ref().map(ToString::to_string);
                HeldPlatform {
                    platform: said.or_else(|| self.platform(child?)).unwrap_or_default(),
                    digest: entry.digest.clone(),
                    size: child.map(|child| self.size(child)),
                }
            };
            return document.platforms().map(platform).collect();
        }
        let platform = self.platform(document);
        let size = Some(self.size(document));
        let one = |platform| HeldPlatform { platform, digest: digest.clone(), size };
        platform.map(one).into_iter().collect()
    }

    /// When it was made: as the configuration says, else an annotation. Of an
    /// index the newest of its platforms.
    fn created(&self, document: &Document) -> Option<Timestamp> {
        let children = document.platforms().filter_map(|entry| self.document(&entry.digest));
        let own = self.config(document).and_then(|config| config.created);
        let newest = children.filter_map(|child| self.config(child)?.created).max();
        own.or(newest).or_else(|| document.created())
    }

    /// All that a manifest lists but its own platforms, each before what it lists.
    fn within(&self, document: &Document) -> Vec<Digest> {
        let platforms: BTreeSet<&Digest> = document.platforms().map(|one| &one.digest).collect();
        let mut seen: BTreeSet<&Digest> = BTreeSet::new();
        let mut found = Vec::new();
        let mut level = vec![document];
        for _ in 0..=DEPTH {
            let new: Vec<&Digest> = level
                .iter()
                .flat_map(|document| document.listed())
                .map(|entry| &entry.digest)
                .filter(|digest| seen.insert(digest))
                .collect();
            level = new.iter().filter_map(|digest| self.document(digest)).collect();
            found.extend(new.into_iter().filter(|digest| !platforms.contains(digest)).cloned());
        }
        found
    }

    fn document(&self, digest: &Digest) -> Option<&Document> {
        self.documents.get(digest)?.document.as_ref()
    }

    fn config(&self, document: &Document) -> Option<&Configured> {
        self.configured.get(&document.image_config()?.digest)
    }

    fn platform(&self, document: &Document) -> Option<String> {
        self.config(document).map(|config| config.platform.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::is_attached;

    #[test]
    fn tags_that_belong_to_other_manifests() {
        let hex = "0".repeat(64);
        for attached in [format!("sha256-{hex}"), format!("sha256-{hex}.sig")] {
            assert!(is_attached(&attached), "{attached}");
        }
        let others = ["sha256-1".to_owned(), "v1".to_owned(), format!("sha256-{hex}x")];
        for other in others {
            assert!(!is_attached(&other), "{other}");
        }
    }
}
