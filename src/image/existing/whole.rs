//! An index of a layout as it is, with all that it lists.

use super::error::ExistingError;
use super::intake::Intake;
use super::layout::{DEEPEST, INDEX, Index, is_called, is_index, parse};
use crate::image::product::{Product, is_foreign};
use crate::oci::Descriptor;
use serde::Deserialize;
use std::collections::BTreeSet;

/// What is read of a manifest of any kind.
#[derive(Deserialize)]
struct Listed {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    blobs: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

impl Intake<'_> {
    /// The index that the layout holds under a tag, where that is all it holds.
    pub(super) fn only_index(
        &self,
        tag: Option<&str>,
    ) -> Result<Option<Descriptor>, ExistingError> {
        // What is wrong with a layout is said where its images are looked for.
        let Some(bytes) = self.document(INDEX)? else { return Ok(None) };
        let index: Index = parse(self.path, INDEX, &bytes)?;
        let meant = |manifest: &&Descriptor| tag.is_none_or(|tag| is_called(manifest, tag));
        let mut meant = index.manifests.iter().filter(meant);
        Ok(match (meant.next(), meant.next()) {
            (Some(only), None) if is_index(only) => Some(only.clone()),
            _ => None,
        })
    }

    /// Takes an index and all that it lists into the store.
    pub(super) fn whole(&self, index: &Descriptor) -> Result<Product, ExistingError> {
        let (mut seen, mut blobs) = (BTreeSet::new(), Vec::new());
        let mut manifests = Vec::new();
        let mut level = vec![index.clone()];
        for _ in 0..=DEEPEST {
            let mut below = Vec::new();
            for manifest in level.into_iter().filter(|it| seen.insert(it.digest.clone())) {
                let bytes = self.manifest_bytes(&manifest)?;
                let listed: Listed = parse(self.path, manifest.digest.as_str(), &bytes)?;
                below.extend(listed.manifests);
                blobs.extend(listed.config.into_iter().chain(listed.layers).chain(listed.blobs));
                manifests.push((manifest.media_type, bytes));
            }
            level = below;
        }
        if !level.is_empty() {
            return Err(ExistingError::TooDeep { path: self.path.to_owned() });
        }
        blobs.retain(|blob| !is_foreign(blob) && seen.insert(blob.digest.clone()));
        self.copy(&blobs.iter().collect::<Vec<_>>())?;
        // The root last: where it is, the others are.
        for (media_type, bytes) in manifests.iter().rev() {
            self.store.put(media_type, bytes)?;
        }
        Ok(self.store.product(&index.digest)?)
    }
}
