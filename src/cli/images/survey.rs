//! What registries hold beside what runs.

use super::deployed::Running;
use super::place::Place;
use crate::oci::Digest;
use crate::registry::{Client, ListedManifest, PullError};
use crate::run::outcome::StepError;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;

/// How many repositories are looked at at a time.
const AT_ONCE: usize = 4;

/// What there is.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) shelves: Vec<Shelf>,
    pub(super) running: Running,
}

/// One repository.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) host: String,
    pub(super) repository: String,
    pub(super) rows: Vec<Row>,
}

/// One tag, or an image without a tag that runs.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) held: ListedManifest,
    /// The groups that run it.
    pub(super) groups: Vec<String>,
}

impl Shelf {
    /// The full name of a row: by tag, else by digest.
    pub(super) fn name(&self, row: &Row) -> String {
        let Self { host, repository, .. } = self;
        match &row.held.tag {
            Some(tag) => format!("{host}/{repository}:{tag}"),
            None => format!("{host}/{repository}@{}", row.held.digest),
        }
    }
}

/// Asks the registries for what they hold, and Azure for what runs.
pub(super) async fn survey(
    registry: &Client,
    places: Vec<Place>,
    running: impl Future<Output = Running>,
) -> Result<Survey, StepError> {
    let repositories = async {
        let listed = places.into_iter().map(|place| repositories(registry, place));
        let listed: Vec<Vec<_>> =
            futures::stream::iter(listed).buffered(AT_ONCE).try_collect().await?;
        Ok::<_, PullError>(listed.into_iter().flatten().collect::<Vec<_>>())
    };
    let (repositories, running) = futures::join!(repositories, running);
    let repositories = repositories.map_err(|error| StepError::from_error(&error))?;
    let shelves = repositories
        .into_iter()
        .map(|(host, repository)| shelf(registry, host, repository, &running));
    let shelves = futures::stream::iter(shelves).buffered(AT_ONCE).try_collect().await;
    let shelves = shelves.map_err(|error: PullError| StepError::from_error(&error))?;
    Ok(Survey { shelves, running })
}

async fn repositories(registry: &Client, place: Place) -> Result<Vec<(String, String)>, PullError> {
    let names = match place.repository {
        Some(repository) => vec![repository],
        None => registry.catalog(&place.host).await?,
    };
    Ok(names.into_iter().map(|name| (place.host.clone(), name)).collect())
}

async fn shelf(
    registry: &Client,
    host: String,
    repository: String,
    running: &Running,
) -> Result<Shelf, PullError> {
    let uses = running.of(&host, &repository);
    let by_digest: BTreeSet<Digest> =
        uses.iter().filter_map(|one| one.image.digest.clone()).collect();
    let by_digest: Vec<Digest> = by_digest.into_iter().collect();
    let held = registry.list_manifests(&host, &repository, &by_digest).await?;
    // What has a tag, or is a platform of what has one, is seen there.
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
        .map(|held| Row { held: held.clone(), groups: groups(held) })
        .collect();
    Ok(Shelf { host, repository, rows })
}
