//! Asks the registries for their images, and Azure for what is deployed.

use super::deployed::DeployedImages;
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
    pub running: DeployedImages,
}

/// What one repository holds.
#[derive(Debug)]
pub struct RepositoryListing {
    pub host: String,
    pub repository: String,
    pub rows: Vec<ListingRow>,
}

/// One tag, or a deployed image without a tag.
#[derive(Clone, Debug)]
pub struct ListingRow {
    pub manifest: ListedManifest,
    /// The deployed resources that run it.
    pub run_by: Vec<String>,
}

impl RepositoryListing {
    /// The full name of a row, by tag if it has one, or by digest.
    pub fn name(&self, row: &ListingRow) -> String {
        let Self { host, repository, .. } = self;
        match &row.manifest.tag {
            Some(tag) => format!("{host}/{repository}:{tag}"),
            None => format!("{host}/{repository}@{}", row.manifest.digest),
        }
    }
}

/// Lists the targets, whole registries by their catalog, while `running` asks Azure.
pub async fn survey(
    registry: &Client,
    targets: Vec<RegistryTarget>,
    running: impl Future<Output = DeployedImages>,
) -> Result<Survey, StepError> {
    let all = async {
        let each = targets.into_iter().map(|target| repositories(registry, target));
        let each: Vec<Vec<_>> =
            futures::stream::iter(each).buffered(MAX_PARALLEL_REPOSITORIES).try_collect().await?;
        Ok::<_, PullError>(each.into_iter().flatten().collect::<Vec<_>>())
    };
    let (repositories, running) = futures::join!(all, running);
    let repositories = repositories.map_err(|error| StepError::from_error(&error))?;
    let listings = repositories
        .into_iter()
        .map(|(host, repository)| listing(registry, host, repository, &running));
    let listings =
        futures::stream::iter(listings).buffered(MAX_PARALLEL_REPOSITORIES).try_collect().await;
    let listings = listings.map_err(|error: PullError| StepError::from_error(&error))?;
    Ok(Survey { listings, running })
}

/// Host and repository, for each repository of a target.
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
    running: &DeployedImages,
) -> Result<RepositoryListing, PullError> {
    let uses = running.used_from(&host, &repository);
    // An image that runs by its digest may have lost its tags, and is listed all the same.
    let deployed: BTreeSet<Digest> =
        uses.iter().filter_map(|one| one.image.digest.clone()).collect();
    let deployed: Vec<Digest> = deployed.into_iter().collect();
    let manifests = registry.list_manifests(&host, &repository, &deployed).await?;
    // Digests that need no row of their own: a tag has them, or an index with a tag.
    let tagged: BTreeSet<Digest> = manifests
        .iter()
        .filter(|manifest| manifest.tag.is_some())
        .flat_map(|manifest| manifest.digests().cloned().collect::<Vec<_>>())
        .collect();
    let run_by = |manifest: &ListedManifest| {
        let runs = |image: &crate::oci::Reference| match (&image.digest, &image.tag) {
            // A digest may be that of one platform of the manifest.
            (Some(digest), _) => manifest.digests().any(|own| own == digest),
            (None, tag) => manifest.tag.as_deref() == Some(tag.as_deref().unwrap_or("latest")),
        };
        let run_by = uses.iter().filter(|one| runs(&one.image));
        run_by.map(|one| one.resource.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let rows = manifests
        .iter()
        .filter(|manifest| manifest.tag.is_some() || !tagged.contains(&manifest.digest))
        .map(|manifest| ListingRow { manifest: manifest.clone(), run_by: run_by(manifest) })
        .collect();
    Ok(RepositoryListing { host, repository, rows })
}
