//! What is attached to a manifest: SBOMs, provenance, signatures (distribution
//! specification 1.1, "Listing Referrers").
//!
//! A registry that has no referrers API keeps the list as an index under a tag
//! made of the digest, which clients maintain ("Referrers Tag Schema").

mod attach;
mod tagged;
mod turns;

pub use attach::{Artifact, Attached};
pub(super) use turns::Turns;

use super::client::Client;
use super::error::{Failure, PullError};
use super::pull::pages;
use super::wire::Scope;
use crate::oci::{Descriptor, Digest, Manifest, Reference};

/// What is attached to a manifest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Referrers {
    /// Each manifest that refers to it, with its type and annotations.
    pub entries: Vec<Descriptor>,
    /// The digest of the index that lists them under a tag, where the registry
    /// has no list of its own.
    pub index: Option<Digest>,
}

impl Client {
    /// What is attached to a manifest, which is named by digest; of one type
    /// alone where one is given. Nothing where there is no such manifest.
    pub async fn referrers(
        &self,
        subject: &Reference,
        artifact_type: Option<&str>,
    ) -> Result<Referrers, PullError> {
        let listed = self.attached(subject, artifact_type).await;
        listed.map_err(|source| PullError::List {
            what: "what is attached",
            name: subject.to_string(),
            source,
        })
    }

    async fn attached(
        &self,
        subject: &Reference,
        artifact_type: Option<&str>,
    ) -> Result<Referrers, Failure> {
        let mut found = match self.listed(subject, artifact_type).await? {
            Some(entries) => Referrers { entries, index: None },
            None => self.tagged(subject).await?.map(Into::into).unwrap_or_default(),
        };
        // Filtering is for the registry to do, or to leave.
        let meant = |entry: &Descriptor| {
            artifact_type.is_none_or(|wanted| entry.artifact_type() == Some(wanted))
        };
        found.entries.retain(meant);
        Ok(found)
    }

    /// As the registry's own list has it; `None` where it has no such list.
    async fn listed(
        &self,
        subject: &Reference,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, Failure> {
        let host = self.host(&subject.host)?;
        let path = format!("{}/referrers/{}", subject.repository, subject.manifest_name());
        let mut url = host.address.url(&path);
        if let Some(artifact_type) = artifact_type {
            url.query_pairs_mut().append_pair("artifactType", artifact_type);
        }
        match pages::<Manifest>(&host, url, &Scope::pull(&subject.repository)).await {
            Ok(pages) => {
                Ok(Some(pages.into_iter().filter_map(|page| page.manifests).flatten().collect()))
            }
            // What registries say that do not know the path, and what those say
            // that answer every path with their front page.
            Err(failure) if matches!(failure.status(), Some(400 | 404..=406 | 501)) => Ok(None),
            Err(Failure::Nonsense(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
