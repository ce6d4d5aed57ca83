//! A push from its beginning to its end, over all registries.

use super::content::{Push, PushBlobs, PushManifests, Pushed, Transferred};
use super::destination::Destination;
use super::early::EarlyUploads;
use super::in_flight::InFlight;
use super::repository::TargetRepository;
use super::share::share;
use super::upload::Upload;
use crate::oci::Reference;
use crate::progress::Progress;
use crate::registry::client::Client;
use crate::registry::error::PushError;
use crate::registry::try_join_bounded::try_join_bounded;
use std::collections::BTreeMap;

/// The targets of one registry by repository.
type Repositories<'a> = BTreeMap<&'a str, Vec<&'a Reference>>;

/// What all registries of a push share.
struct PushRun<'a> {
    client: &'a Client,
    blobs: &'a PushBlobs,
    manifests: &'a PushManifests,
    in_flight: &'a InFlight,
}

impl Client {
    /// Pushes. What a registry has is not sent again, so the next attempt after an
    /// error continues where this one stopped.
    pub async fn push(
        &self,
        push: Push,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        self.push_with(InFlight::default(), push, progress).await
    }

    /// Pushes what early uploads have left. They count as part of the push.
    pub async fn push_after(
        &self,
        early: EarlyUploads,
        push: Push,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        self.push_with(early.into_in_flight(), push, progress).await
    }

    async fn push_with(
        &self,
        in_flight: InFlight,
        push: Push,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        if push.targets.is_empty() {
            return Err(PushError::NoTarget);
        }
        let mut hosts: BTreeMap<&str, Repositories<'_>> = BTreeMap::new();
        for target in &push.targets {
            let repositories = hosts.entry(&target.host).or_default();
            repositories.entry(&target.repository).or_default().push(target);
        }
        let places = hosts.values().map(BTreeMap::len).sum::<usize>() as u64;
        let blobs = PushBlobs::new(&push.blobs, places, in_flight.begun());
        let manifests = PushManifests { manifest: push.manifest, children: push.children };
        let run =
            PushRun { client: self, blobs: &blobs, manifests: &manifests, in_flight: &in_flight };
        let hosts = hosts.into_iter().map(|(host, repositories)| run.push_to(host, repositories));
        let pushing = try_join_bounded(hosts, usize::MAX);
        let each = blobs.tally.while_doing(pushing, progress).await?;
        let mut transferred: Transferred = each.into_iter().sum();
        transferred.add(in_flight.landed().await.transferred);
        Ok(Pushed {
            digest: manifests.manifest.digest,
            references: push.targets,
            bytes_sent: transferred.sent,
            bytes_reused: transferred.reused,
        })
    }
}

impl PushRun<'_> {
    /// Pushes to one registry.
    async fn push_to(
        &self,
        host: &str,
        repositories: Repositories<'_>,
    ) -> Result<Transferred, PushError> {
        let failed = |source| PushError::Discover { name: host.to_owned(), source };
        let connected = self.client.host(host).map_err(failed)?;
        let known = self.client.memory().of(host);
        let destination = |(name, targets)| Destination {
            repository: TargetRepository {
                host: &connected,
                name,
                blobs: self.blobs,
                known: &known,
                parts: self.client.parts(),
                in_flight: self.in_flight,
            },
            targets,
            manifests: self.manifests,
        };
        let destinations: Vec<Destination<'_>> =
            repositories.into_iter().map(destination).collect();
        let transferred = self.push_all(&destinations).await;
        known.save();
        transferred
    }

    /// Pushes to the repositories of one registry.
    async fn push_all(&self, destinations: &[Destination<'_>]) -> Result<Transferred, PushError> {
        let discoveries = destinations.iter().map(Destination::discover);
        let mut discoveries = try_join_bounded(discoveries, usize::MAX).await?;
        discoveries.sort_by_key(|discovery| discovery.destination.repository.name);
        let shares = share(&discoveries, self.blobs);
        let mut transferred =
            try_join_bounded(shares.now.iter().map(Upload::run), usize::MAX).await?;
        let repositories = discoveries.iter().map(|discovery| async {
            let repository = &discovery.destination.repository;
            let rest = repository.finish_in_flight().await?;
            let later = shares.later.iter().filter(|it| it.repository.name == repository.name);
            let mut transferred = try_join_bounded(later.map(Upload::run), usize::MAX).await?;
            transferred.push(rest);
            let supplied = discovery.destination.put_manifests(&discovery.pending).await?;
            transferred.push(discovery.reused_except(supplied));
            Ok(transferred)
        });
        let repositories = try_join_bounded(repositories, usize::MAX).await?;
        transferred.extend(repositories.into_iter().flatten());
        Ok(transferred.into_iter().sum())
    }
}
