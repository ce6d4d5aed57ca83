//! Lists what is attached to a manifest.

use crate::oci::{Descriptor, Digest, Manifest, Reference};
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::pull::pages;
use crate::registry::wire::Scope;

/// The list of what is attached to a manifest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Referrers {
    /// The manifests that refer to it, with type and annotations.
    pub entries: Vec<Descriptor>,
    /// The digest of the index that lists them under a tag, where the registry has no
    /// referrers API.
    pub index: Option<Digest>,
}

impl Client {
    /// Lists what is attached to a manifest, which is named by digest, of one type only
    /// if one is given. Empty where there is no such manifest.
    pub async fn referrers(
        &self,
        subject: &Reference,
        artifact_type: Option<&str>,
    ) -> Result<Referrers, PullError> {
        let listed = self.find_referrers(subject, artifact_type).await;
        listed.map_err(|source| PullError::List {
            what: "what is attached",
            name: subject.to_string(),
            source,
        })
    }

    async fn find_referrers(
        &self,
        subject: &Reference,
        artifact_type: Option<&str>,
    ) -> Result<Referrers, Failure> {
        let mut found = match self.referrers_api(subject, artifact_type).await? {
            Some(entries) => Referrers { entries, index: None },
            None => self.tagged_referrers(subject).await?.map(Into::into).unwrap_or_default(),
        };
        // The registry may ignore the filter.
        let meant = |entry: &Descriptor| {
            artifact_type.is_none_or(|wanted| entry.artifact_type() == Some(wanted))
        };
        found.entries.retain(meant);
        Ok(found)
    }

    /// The list of the referrers API. `None` where the registry has none.
    pub(super) async fn referrers_api(
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
            // Registries that do not know the path, and those that answer every unknown
            // path with an HTML page.
            Err(failure) if matches!(failure.status(), Some(400 | 404..=406 | 501)) => Ok(None),
            Err(Failure::Unexpected(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
