//! Removes what was chosen. What is attached to a manifest goes before it, so that
//! after an interruption the next prune finds the rest.

use super::choose::{Deletion, PruneChoice};
use crate::cli::images::survey::RepositoryListing;
use crate::oci::{Digest, Reference};
use crate::registry::{Client, PullError};
use crate::run::outcome::StepError;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;
use std::sync::Mutex;

const MAX_PARALLEL_DELETIONS: usize = 8;
/// How many levels of attachments to attachments are followed.
const MAX_ATTACHMENT_DEPTH: u32 = 4;

/// Removes everything. What is gone is added to `removed`, by digest or by tag,
/// also if an error ends this early.
pub async fn all<'a>(
    registry: &Client,
    chosen: impl Iterator<Item = (&'a RepositoryListing, &'a PruneChoice)>,
    removed: &mut Vec<Reference>,
) -> Result<(), StepError> {
    let gone = Mutex::new(Vec::new());
    let mut outcome = Ok(());
    for (listing, choice) in chosen.filter(|(_, choice)| !choice.is_empty()) {
        outcome = repository(registry, listing, choice, &gone).await;
        if outcome.is_err() {
            break;
        }
    }
    removed.extend(gone.into_inner().unwrap_or_default());
    outcome.map_err(|error| StepError::from_error(&error))
}

async fn repository(
    registry: &Client,
    listing: &RepositoryListing,
    choice: &PruneChoice,
    gone: &Mutex<Vec<Reference>>,
) -> Result<(), PullError> {
    let place = Reference {
        host: listing.host.clone(),
        repository: listing.repository.clone(),
        tag: None,
        digest: None,
    };
    let tags = registry.tags(&listing.host, &listing.repository).await?;
    let remover = Remover { registry, place: &place, tags: &tags, stays: &choice.stays, gone };
    // The first alone: a registry that refuses deletions is asked once, not eight
    // times.
    let (first, others) = choice.delete.split_at(choice.delete.len().min(1));
    for deletion in first {
        remover.deletion(deletion).await?;
    }
    let others = others.iter().map(|deletion| remover.deletion(deletion));
    futures::stream::iter(others)
        .buffer_unordered(MAX_PARALLEL_DELETIONS)
        .try_collect::<Vec<()>>()
        .await?;
    for (tag, _) in &choice.untag {
        let name = place.with_tag(tag);
        registry.untag(&name).await?;
        remover.record(name);
    }
    Ok(())
}

/// Removes manifests of one repository.
struct Remover<'a> {
    registry: &'a Client,
    place: &'a Reference,
    /// All tags of the repository.
    tags: &'a [String],
    /// The digests that stay.
    stays: &'a BTreeSet<Digest>,
    gone: &'a Mutex<Vec<Reference>>,
}

impl Remover<'_> {
    async fn deletion(&self, deletion: &Deletion) -> Result<(), PullError> {
        // The index before its platforms, so that it never lists a missing one.
        for digest in std::iter::once(&deletion.digest).chain(&deletion.platforms) {
            self.with_attached(digest).await?;
        }
        Ok(())
    }

    /// Deletes what is attached to a manifest, and then the manifest.
    async fn with_attached(&self, digest: &Digest) -> Result<(), PullError> {
        let mut order = vec![digest.clone()];
        let mut lists = Vec::new();
        let mut seen: BTreeSet<Digest> = order.iter().cloned().collect();
        let mut level = order.clone();
        for _ in 0..MAX_ATTACHMENT_DEPTH {
            let mut next = Vec::new();
            for subject in &level {
                let subject = self.place.with_digest(subject.clone());
                let found = self.registry.referrers(&subject, None).await?;
                lists.extend(found.index);
                next.extend(found.entries.into_iter().map(|entry| entry.digest));
                next.extend(self.tagged(&subject).await?);
            }
            next.retain(|digest| !self.stays.contains(digest) && seen.insert(digest.clone()));
            order.extend(next.iter().cloned());
            level = next;
            if level.is_empty() {
                break;
            }
        }
        // The index of the attachments goes after everything that it lists.
        let attached = order.split_off(1);
        for digest in attached.into_iter().rev().chain(lists).chain(order) {
            let name = self.place.with_digest(digest);
            self.registry.delete_manifest(&name).await?;
            self.record(name);
        }
        Ok(())
    }

    /// What is attached only by the form of a tag, as cosign attaches signatures.
    async fn tagged(&self, subject: &Reference) -> Result<Vec<Digest>, PullError> {
        let Some(digest) = &subject.digest else { return Ok(Vec::new()) };
        let start = format!("{}-{}.", digest.algorithm(), digest.hex());
        let mut found = Vec::new();
        for tag in self.tags.iter().filter(|tag| tag.starts_with(&start)) {
            let manifest = self.registry.head_manifest(&self.place.with_tag(tag)).await?;
            found.extend(manifest.map(|manifest| manifest.digest));
        }
        Ok(found)
    }

    fn record(&self, name: Reference) {
        if let Ok(mut gone) = self.gone.lock() {
            gone.push(name);
        }
    }
}
