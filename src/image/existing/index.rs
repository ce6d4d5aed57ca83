//! Imports an index of a layout with everything it lists, unchanged.

use super::error::ExistingError;
use super::importer::Importer;
use super::layout::{MAX_INDEX_DEPTH, is_named, parse};
use crate::image::product::Product;
use crate::oci::{Descriptor, LAYOUT_INDEX, Manifest, media_type};
use std::collections::BTreeSet;

impl Importer<'_> {
    /// The index that a layout holds under a tag, if it holds nothing else.
    pub fn only_index(&self, tag: Option<&str>) -> Result<Option<Descriptor>, ExistingError> {
        // Errors of the layout are reported when its images are selected.
        let Some(bytes) = self.document(LAYOUT_INDEX)? else { return Ok(None) };
        let index: Manifest = parse(self.path, LAYOUT_INDEX, &bytes)?;
        let meant = |manifest: &&Descriptor| tag.is_none_or(|tag| is_named(manifest, tag));
        let mut meant = index.entries().iter().filter(meant);
        Ok(match (meant.next(), meant.next()) {
            (Some(only), None) if media_type::is_index(&only.media_type) => Some(only.clone()),
            _ => None,
        })
    }

    /// Imports an index and everything it lists.
    pub fn import_index(&self, index: &Descriptor) -> Result<Product, ExistingError> {
        let (mut seen, mut blobs) = (BTreeSet::new(), Vec::new());
        let mut manifests = Vec::new();
        let mut level = vec![index.clone()];
        for _ in 0..=MAX_INDEX_DEPTH {
            let mut below = Vec::new();
            for manifest in level.into_iter().filter(|it| seen.insert(it.digest.clone())) {
                let bytes = self.manifest_bytes(&manifest)?;
                let listed: Manifest = parse(self.path, manifest.digest.as_str(), &bytes)?;
                blobs.extend(listed.content().cloned());
                below.extend(listed.manifests.unwrap_or_default());
                manifests.push((manifest.media_type, bytes));
            }
            level = below;
        }
        if !level.is_empty() {
            return Err(ExistingError::TooDeep { path: self.path.to_owned() });
        }
        blobs.retain(|blob| {
            !media_type::is_foreign_layer(&blob.media_type) && seen.insert(blob.digest.clone())
        });
        self.copy(&blobs.iter().collect::<Vec<_>>())?;
        // The root is stored last, so that a stored index is always complete.
        for (media_type, bytes) in manifests.iter().rev() {
            self.store.put(media_type, bytes)?;
        }
        Ok(self.store.product(&index.digest)?)
    }
}
