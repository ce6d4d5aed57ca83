//! Removes what was chosen: what is attached first and the manifest after it,
//! so that one that is stopped half-way is found again by the next.

use super::choose::{Choice, Deletion};
use crate::cli::images::survey::Shelf;
use crate::oci::{Digest, Reference};
use crate::registry::{Client, PullError};
use crate::run::outcome::StepError;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// How many manifests go at a time.
const AT_ONCE: usize = 8;
/// How far what is attached to what is attached is followed.
const DEPTH: u32 = 4;

/// Removes everything; what is gone is told in `removed`, by digest or by tag.
pub(super) async fn all<'a>(
    registry: &Client,
    chosen: impl Iterator<Item = (&'a Shelf, &'a Choice)>,
    removed: &mut Vec<Reference>,
) -> Result<(), StepError> {
    let gone = Mutex::new(Vec::new());
    let mut outcome = Ok(());
    for (shelf, choice) in chosen.filter(|(_, choice)| !choice.is_empty()) {
        outcome = repository(registry, shelf, choice, &gone).await;
        if outcome.is_err() {
            break;
        }
    }
    removed.extend(gone.into_inner().unwrap_or_default());
    outcome.map_err(|error| StepError::from_error(&error))
}

async fn repository(
    registry: &Client,
    shelf: &Shelf,
    choice: &Choice,
    gone: &Mutex<Vec<Reference>>,
) -> Result<(), PullError> {
    let place = Reference {
        host: shelf.host.clone(),
        repository: shelf.repository.clone(),
        tag: None,
        digest: None,
    };
    let tags = registry.tags(&shelf.host, &shelf.repository).await?;
    let remover = Remover { registry, place: &place, tags: &tags, stays: &choice.stays, gone };
    // One alone at first: a registry that refuses it refuses them all.
    let (first, others) = choice.delete.split_at(choice.delete.len().min(1));
    for deletion in first {
        remover.deletion(deletion).await?;
    }
    let others = others.iter().map(|deletion| remover.deletion(deletion));
    futures::stream::iter(others).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    for (tag, _) in &choice.untag {
        let name = place.with_tag(tag);
        registry.untag(&name).await?;
        remover.tell(name);
    }
    Ok(())
}

/// Removes manifests of one repository.
struct Remover<'a> {
    registry: &'a Client,
    place: &'a Reference,
    /// All tags of the repository.
    tags: &'a [String],
    /// What has a name of its own that stays.
    stays: &'a BTreeSet<Digest>,
    gone: &'a Mutex<Vec<Reference>>,
}

impl Remover<'_> {
    async fn deletion(&self, deletion: &Deletion) -> Result<(), PullError> {
        // Platforms last: while the index is there, it is whole.
        for digest in std::iter::once(&deletion.digest).chain(&deletion.platforms) {
            self.with_attached(digest).await?;
        }
        Ok(())
    }

    /// A manifest, and before it all that is attached to it.
    async fn with_attached(&self, digest: &Digest) -> Result<(), PullError> {
        let mut order = vec![digest.clone()];
        let mut lists = Vec::new();
        let mut seen: BTreeSet<Digest> = order.iter().cloned().collect();
        let mut level = order.clone();
        for _ in 0..DEPTH {
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
        // The list of what is attached goes when all that it lists is gone.
        let attached = order.split_off(1);
        for digest in attached.into_iter().rev().chain(lists).chain(order) {
            let name = self.place.with_digest(digest);
            self.registry.delete_manifest(&name).await?;
            self.tell(name);
        }
        Ok(())
    }

    /// What is attached by a tag alone, as cosign attaches signatures.
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

    fn tell(&self, name: Reference) {
        if let Ok(mut gone) = self.gone.lock() {
            gone.push(name);
        }
    }
}
