//! Asks the registries for their images, and Azure for what is deployed.

use super::deployed::Running;
use super::target::RegistryTarget;
use crate::oci::Digest;
use crate::registry::{Client, ListedManifest, PullError};
use crate::run::outcome::StepError;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;

const MAX_PARALLEL_REPOSITORIES: usize = 4;

#[derive(Debug)]
pub struct Survey {
    pub listings: Vec<RepositoryListing>,
    pub running: Running,
}

/// One repository.
#[derive(Debug)]
pub struct RepositoryListing {
    pub host: String,
    pub repository: String,
    pub rows: Vec<ListingRow>,
}

/// One tag, or a deployed image without a tag.
#[derive(Clone, Debug)]
pub struct ListingRow {
    pub held: ListedManifest,
    /// The container groups that run it.
    pub groups: Vec<String>,
}

impl RepositoryListing {
    /// The full name of a row, by tag if it has one, or by digest.
    pub fn name(&self, row: &ListingRow) -> String {
        let Self { host, repository, .. } = self;
        match &row.held.tag {
            Some(tag) => format!("{host}/{repository}:{tag}"),
            None => format!("{host}/{repository}@{}", row.held.digest),
        }
    }
}

pub async fn survey(
    registry: &Client,
    targets: Vec<RegistryTarget>,
    running: impl Future<Output = Running>,
) -> Result<Survey, StepError> {
    let repositories = async {
        let listed = targets.into_iter().map(|target| repositories(registry, target));
        let listed: Vec<Vec<_>> =
            futures::stream::iter(listed).buffered(MAX_PARALLEL_REPOSITORIES).try_collect().await?;
        Ok::<_, PullError>(listed.into_iter().flatten().collect::<Vec<_>>())
    };
    let (repositories, running) = futures::join!(repositories, running);
    let repositories = repositories.map_err(|error| StepError::from_error(&error))?;
    let listings = repositories
        .into_iter()
        .map(|(host, repository)| listing(registry, host, repository, &running));
    let listings =
        futures::stream::iter(listings).buffered(MAX_PARALLEL_REPOSITORIES).try_collect().await;
    let listings = listings.map_err(|error: PullError| StepError::from_error(&error))?;
    Ok(Survey { listings, running })
}

async fn repositories(
    registry: &Client,
    target: RegistryTarget,
) -> Result<Vec<(String, String)>, PullError> {
    let names = match target.repository {
        Some(repository) => vec![repository],
        None => registry.catalog(&target.host).await?,
    };
    Ok(names.into_iter().map(|name| (target.host.clone(), name)).collect())
}

async fn listing(
    registry: &Client,
    host: String,
    repository: String,
    running: &Running,
) -> Result<RepositoryListing, PullError> {
    let uses = running.of(&host, &repository);
    let by_digest: BTreeSet<Digest> =
        uses.iter().filter_map(|one| one.image.digest.clone()).collect();
    let by_digest: Vec<Digest> = by_digest.into_iter().collect();
    let held = registry.list_manifests(&host, &repository, &by_digest).await?;
    // A manifest with a tag, or a platform of one, has its row already.
    let tagged: BTreeSet<Digest> = held
        .iter()
        .filter(|held| held.tag.is_some())
        .flat_map(|held| held.digests().cloned().collect::<Vec<_>>())
        .collect();
    let groups = |held: &ListedManifest| {
        let runs = |image: &crate::oci::Reference| match (&image.digest, &image.tag) {
            (Some(digest), _) => held.digests().any(|own| own == digest),
            (None, tag) => held.tag.as_deref() == Some(tag.as_deref().unwrap_or("latest")),
        };
        let groups = uses.iter().filter(|one| runs(&one.image));
        groups.map(|one| one.group.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let rows = held
        .iter()
        .filter(|held| held.tag.is_some() || !tagged.contains(&held.digest))
        .map(|held| ListingRow { held: held.clone(), groups: groups(held) })
        .collect();
    Ok(RepositoryListing { host, repository, rows })
}
