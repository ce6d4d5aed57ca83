//! What is attached to a manifest, or to be read like that.

use crate::oci::{Digest, Manifest, Reference};
use crate::registry::{Client, PullError};
use crate::run::outcome::StepError;
use bytes::Bytes;

/// A layer of an artifact.
pub struct AttachedLayer {
    /// The artifact, by digest.
    pub artifact: Reference,
    pub bytes: Bytes,
}

/// How many artifacts of one manifest are read.
const MAX_ARTIFACTS: usize = 200;

/// The layers of a wanted media type of artifacts in the repository of a manifest. An
/// artifact that is gone is left out: a list under a tag may still name it.
pub async fn layers(
    registry: &Client,
    manifest: &Reference,
    artifacts: &[Digest],
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<AttachedLayer>, StepError> {
    if artifacts.len() > MAX_ARTIFACTS {
        let count = artifacts.len();
        return Err(StepError::new(format!("cannot read what is attached to `{manifest}`"))
            .because(format!("{count} artifacts are, and at most {MAX_ARTIFACTS} are read"))
            .help("delete in the registry what is attached to it and no longer needed"));
    }
    let mut found = Vec::new();
    for artifact in artifacts {
        let reference = manifest.with_digest(artifact.clone());
        let artifact = match registry.resolve(&reference, None).await {
            Ok(artifact) => artifact,
            Err(PullError::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let artifact: Manifest = serde_json::from_slice(&artifact.bytes).unwrap_or_default();
        for layer in artifact.layers().iter().filter(|layer| is_wanted(&layer.media_type)) {
            let bytes = registry.small_layer(&reference, layer).await?;
            found.push(AttachedLayer { artifact: reference.clone(), bytes });
        }
    }
    Ok(found)
}
