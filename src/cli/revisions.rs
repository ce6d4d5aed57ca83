//! The versions of a target that can be gone back to: those in its tags, and whether
//! their images are still in the registries.

use super::images::clients;
use super::session::connections::Connections;
use super::targets::{Target, Targets};
use crate::event::Revision;
use crate::oci::Reference;
use crate::run::outcome::StepError;
use crate::run::perform::{Clients, DeployedRevision};
use futures::StreamExt as _;
use std::collections::BTreeMap;

const MAX_PARALLEL_REQUESTS: usize = 8;

/// A version, and what became of its image.
#[derive(Clone, Debug)]
pub struct ListedRevision {
    pub revision: DeployedRevision,
    /// Whether the registry has its image; `None` if that is not known.
    pub is_there: Option<bool>,
}

/// The versions of one target.
#[derive(Clone, Debug)]
pub struct TargetRevisions {
    pub target: Target,
    /// What runs. `None` if its image has no digest.
    pub current: Option<ListedRevision>,
    /// What ran before, the newest first.
    pub past: Vec<ListedRevision>,
}

#[derive(Debug)]
pub struct Revisions {
    /// In the order of the plan's services.
    pub targets: Vec<TargetRevisions>,
    /// Why the registries could not be asked.
    pub unknown: Option<StepError>,
}

impl ListedRevision {
    /// The version as every report names it.
    pub fn name(&self) -> Revision {
        Revision {
            commit: self.revision.commit.clone(),
            digest: Some(self.revision.digest().to_owned()),
            image: Some(self.revision.image.to_string()),
        }
    }
}

impl Revisions {
    /// The commits of all versions.
    pub fn commits(&self) -> impl Iterator<Item = &String> {
        let all = self.targets.iter().flat_map(|target| target.current.iter().chain(&target.past));
        all.filter_map(|listed| listed.revision.commit.as_ref())
    }
}

/// Reads the tags of the targets of these services, of all if none is named, and asks
/// the registries for the images.
pub async fn revisions(
    targets: &Targets<'_>,
    connections: &Connections,
    services: &[String],
) -> Result<Revisions, StepError> {
    // Tags and images are in the list, so nothing is read again.
    let mut found = targets.listed_in_environment().await?;
    found.retain(|(target, _)| services.is_empty() || services.contains(&target.tags.service));
    let session = targets.session;
    let place = |service: &str| session.plan.services.keys().position(|known| known == service);
    found.sort_by_key(|(target, _)| place(&target.tags.service).unwrap_or(usize::MAX));
    let read: Vec<_> = found
        .into_iter()
        .map(|(target, resource)| {
            let past = target.tags.revisions.clone();
            (target, resource.revision, past)
        })
        .collect();
    let all = read.iter().flat_map(|(_, current, past)| current.iter().chain(past));
    let images: Vec<Reference> = all.map(|revision| revision.image.clone()).collect();
    let (known, unknown) = match clients(session, connections).await {
        Ok(clients) => (ask(&clients, images).await, None),
        Err(error) => (BTreeMap::new(), Some(error)),
    };
    let listed = |revision: DeployedRevision| ListedRevision {
        is_there: known.get(&revision.image).copied().flatten(),
        revision,
    };
    let targets = read.into_iter().map(|(target, current, past)| TargetRevisions {
        target,
        current: current.map(listed),
        past: past.into_iter().map(listed).collect(),
    });
    Ok(Revisions { targets: targets.collect(), unknown })
}

/// Whether the registries have the images; `None` for one that does not say.
async fn ask(clients: &Clients, images: Vec<Reference>) -> BTreeMap<Reference, Option<bool>> {
    let requests = images.into_iter().map(|image| async move {
        let found = clients.registry.head_manifest(&image).await;
        (image, found.ok().map(|found| found.is_some()))
    });
    futures::stream::iter(requests).buffered(MAX_PARALLEL_REQUESTS).collect().await
}
