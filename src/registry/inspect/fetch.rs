//! The requests behind a listing.

use super::azure;
use super::describe::{self, ConfigSummary};
use super::listed::{ListedManifest, is_referrer_tag};
use super::listing::{FetchedManifest, MAX_INDEX_DEPTH, RepositoryListing};
use crate::oci::{Descriptor, Digest, Reference};
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::manifest_requests::RawManifest;
use crate::registry::try_join_bounded::try_join_bounded;
use std::collections::{BTreeMap, BTreeSet};

/// How many manifests or configurations of one repository are requested at a time.
const MAX_CONCURRENT_FETCHES: usize = 16;

impl Client {
    /// Lists the manifests of a repository: one entry per tag, and one per digest in
    /// `also`. Tags that belong to other manifests ([`is_referrer_tag`]) are left
    /// out.
    pub async fn list_manifests(
        &self,
        host: &str,
        repository: &str,
        also: &[Digest],
    ) -> Result<Vec<ListedManifest>, PullError> {
        let place = Reference {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: None,
            digest: None,
        };
        let (tags, updates) =
            futures::join!(self.tags(host, repository), azure::tag_updates(self, host, repository));
        let tags = tags?.into_iter().filter(|tag| !is_referrer_tag(tag));
        let mut names: Vec<Reference> = tags.map(|tag| place.with_tag(&tag)).collect();
        names.extend(also.iter().map(|digest| place.with_digest(digest.clone())));
        let mut entries = self.inspect(&place, &names).await?;
        for entry in &mut entries {
            entry.updated = entry.tag.as_ref().and_then(|tag| updates.get(tag).copied());
        }
        Ok(entries)
    }

    /// Inspects what names of one repository stand for, in their order. A missing
    /// tag is left out, a missing digest is listed as gone.
    pub async fn inspect(
        &self,
        place: &Reference,
        names: &[Reference],
    ) -> Result<Vec<ListedManifest>, PullError> {
        let found = self.read_manifests(names).await?;
        let mut listing = RepositoryListing::default();
        let mut digests = BTreeMap::new();
        for (name, fetched) in found {
            digests.insert(name, fetched.digest.clone());
            listing.manifests.insert(fetched.digest.clone(), fetched);
        }
        self.complete(place, &mut listing).await?;
        let entry = |name: &Reference| {
            let digest = digests.get(name).or(name.digest.as_ref())?;
            let mut entry = listing.entry(digest);
            entry.tag = name.tag.clone().filter(|_| name.digest.is_none());
            Some(entry)
        };
        Ok(names.iter().filter_map(entry).collect())
    }

    /// Fetches what the manifests refer to: platforms level by level, then
    /// configurations.
    async fn complete(
        &self,
        place: &Reference,
        listing: &mut RepositoryListing,
    ) -> Result<(), PullError> {
        let mut requested = BTreeSet::new();
        for _ in 0..MAX_INDEX_DEPTH {
            let children: BTreeSet<Digest> = listing
                .platform_entries()
                .map(|entry| entry.digest.clone())
                .filter(|it| !listing.manifests.contains_key(it) && !requested.contains(it))
                .collect();
            if children.is_empty() {
                break;
            }
            let names: Vec<Reference> =
                children.iter().map(|digest| place.with_digest(digest.clone())).collect();
            for (_, fetched) in self.read_manifests(&names).await? {
                listing.manifests.insert(fetched.digest.clone(), fetched);
            }
            requested.extend(children);
        }
        let configs = listing.image_configs();
        let read = configs.values().map(|config| self.summarise_config(place, config));
        listing.configs =
            try_join_bounded(read, MAX_CONCURRENT_FETCHES).await?.into_iter().collect();
        Ok(())
    }

    /// Reads manifests by name. Missing ones are left out.
    async fn read_manifests<'n>(
        &self,
        names: &'n [Reference],
    ) -> Result<Vec<(&'n Reference, FetchedManifest)>, PullError> {
        let read = names.iter().map(|name| async move {
            let failed = |source| PullError::Manifest { reference: name.clone(), source };
            match self.raw_manifest(name).await {
                Ok(RawManifest { media_type, bytes, .. }) => {
                    let digest = match &name.digest {
                        Some(expected) => {
                            verify(expected, &bytes).map_err(failed)?;
                            expected.clone()
                        }
                        None => Digest::of(&bytes),
                    };
                    let manifest = describe::parse(&bytes);
                    Ok(Some((name, FetchedManifest { digest, media_type, manifest })))
                }
                Err(failure) if failure.status() == Some(404) => Ok(None),
                Err(failure) => Err(failed(failure)),
            }
        });
        Ok(try_join_bounded(read, MAX_CONCURRENT_FETCHES).await?.into_iter().flatten().collect())
    }

    /// Reads a configuration. A missing one is an empty summary.
    async fn summarise_config(
        &self,
        place: &Reference,
        config: &Descriptor,
    ) -> Result<(Digest, ConfigSummary), PullError> {
        let read = match self.small_blob(place, config).await {
            Ok(bytes) => ConfigSummary::parse(&bytes),
            Err(failure) if failure.status() == Some(404) => ConfigSummary::parse(&[]),
            Err(source) => {
                let (reference, digest) = (place.clone(), config.digest.clone());
                return Err(PullError::Blob { reference, digest, source });
            }
        };
        Ok((config.digest.clone(), read))
    }
}

/// Refuses bytes that do not have their digest. Only SHA-256 is verified: a listing
/// shows content under another algorithm, and nothing else relies on it.
fn verify(expected: &Digest, bytes: &[u8]) -> Result<(), Failure> {
    let found = Digest::of(bytes);
    if expected.algorithm() != "sha256" || found == *expected {
        return Ok(());
    }
    Err(Failure::Digest { expected: expected.clone(), found })
}
