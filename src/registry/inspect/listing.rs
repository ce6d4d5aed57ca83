//! The manifests and configurations of a repository, and the entries made of them.
//! Pure.

use super::describe::{self, ConfigSummary};
use super::listed::{ListedKind, ListedManifest, ListedPlatform};
use crate::oci::{Descriptor, Digest, Manifest};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How deep nested indexes are followed.
pub const MAX_INDEX_DEPTH: u32 = 4;

/// A manifest that was read.
pub struct FetchedManifest {
    pub digest: Digest,
    pub media_type: String,
    /// `None` where the content cannot be read as a manifest.
    pub manifest: Option<Manifest>,
}

/// Everything that was read of a repository.
#[derive(Default)]
pub struct RepositoryListing {
    pub manifests: BTreeMap<Digest, FetchedManifest>,
    pub configs: BTreeMap<Digest, ConfigSummary>,
}

impl RepositoryListing {
    /// The images that all indexes together list.
    pub fn platform_entries(&self) -> impl Iterator<Item = &Descriptor> {
        let manifests = self.manifests.values().filter_map(|fetched| fetched.manifest.as_ref());
        manifests.flat_map(describe::platforms)
    }

    /// The configurations of all images, by digest.
    pub fn image_configs(&self) -> BTreeMap<Digest, Descriptor> {
        let manifests = self.manifests.values().filter_map(|fetched| fetched.manifest.as_ref());
        let configs = manifests.filter_map(Manifest::image_config);
        configs.map(|config| (config.digest.clone(), config.clone())).collect()
    }

    /// The entry for a digest, without tag.
    pub fn entry(&self, digest: &Digest) -> ListedManifest {
        let mut entry = ListedManifest {
            tag: None,
            digest: digest.clone(),
            media_type: String::new(),
            kind: ListedKind::Gone,
            size: None,
            platforms: Vec::new(),
            within: Vec::new(),
            subject: None,
            created: None,
            updated: None,
        };
        let Some(fetched) = self.manifests.get(digest) else { return entry };
        entry.media_type.clone_from(&fetched.media_type);
        entry.kind = ListedKind::Unreadable;
        let Some(manifest) = &fetched.manifest else { return entry };
        entry.kind = describe::kind(manifest);
        entry.size = Some(self.size(manifest));
        entry.platforms = self.platforms(digest, manifest);
        entry.within = self.within(manifest);
        entry.subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
        entry.created = self.created(manifest);
        entry
    }

    /// The size of an index is the sum over its platforms; content that they share
    /// counts once.
    fn size(&self, manifest: &Manifest) -> u64 {
        let blobs: BTreeMap<&Digest, u64> = std::iter::once(manifest)
            .chain(self.children(manifest))
            .flat_map(Manifest::content)
            .map(|blob| (&blob.digest, blob.size))
            .collect();
        blobs.values().sum()
    }

    fn platforms(&self, digest: &Digest, manifest: &Manifest) -> Vec<ListedPlatform> {
        if manifest.is_index() {
            let platform = |entry: &Descriptor| {
                let child = self.manifest(&entry.digest);
                let declared = entry.platform.as_ref().map(ToString::to_string);
                ListedPlatform {
                    platform: declared.or_else(|| self.platform(child?)).unwrap_or_default(),
                    digest: entry.digest.clone(),
                    size: child.map(|child| self.size(child)),
                }
            };
            return describe::platforms(manifest).map(platform).collect();
        }
        let size = Some(self.size(manifest));
        let one = |platform| ListedPlatform { platform, digest: digest.clone(), size };
        self.platform(manifest).map(one).into_iter().collect()
    }

    /// From the configuration, for an index the newest of its platforms, else from
    /// an annotation.
    fn created(&self, manifest: &Manifest) -> Option<Timestamp> {
        let own = self.config(manifest).and_then(|config| config.created);
        let newest = self.children(manifest).filter_map(|child| self.config(child)?.created).max();
        own.or(newest).or_else(|| describe::created(manifest))
    }

    /// Everything that a manifest lists except its own platforms, each before what
    /// it lists itself.
    fn within(&self, manifest: &Manifest) -> Vec<Digest> {
        let platforms: BTreeSet<&Digest> =
            describe::platforms(manifest).map(|one| &one.digest).collect();
        let mut seen: BTreeSet<&Digest> = BTreeSet::new();
        let mut found = Vec::new();
        let mut level = vec![manifest];
        for _ in 0..=MAX_INDEX_DEPTH {
            let new: Vec<&Digest> = level
                .iter()
                .flat_map(|manifest| manifest.entries())
                .map(|entry| &entry.digest)
                .filter(|digest| seen.insert(digest))
                .collect();
            level = new.iter().filter_map(|digest| self.manifest(digest)).collect();
            found.extend(new.into_iter().filter(|digest| !platforms.contains(digest)).cloned());
        }
        found
    }

    /// The platforms of an index whose manifests were found.
    fn children<'a>(&'a self, manifest: &'a Manifest) -> impl Iterator<Item = &'a Manifest> {
        describe::platforms(manifest).filter_map(|entry| self.manifest(&entry.digest))
    }

    fn manifest(&self, digest: &Digest) -> Option<&Manifest> {
        self.manifests.get(digest)?.manifest.as_ref()
    }

    fn config(&self, manifest: &Manifest) -> Option<&ConfigSummary> {
        self.configs.get(&manifest.image_config()?.digest)
    }

    fn platform(&self, manifest: &Manifest) -> Option<String> {
        self.config(manifest).map(|config| config.platform.clone())
    }
}
