//! Imports an index of a layout with everything it lists, unchanged.

use super::error::ExistingError;
use super::importer::Importer;
use super::layout::{MAX_INDEX_DEPTH, is_attachment, is_named, name_of, parse, tag_of};
use crate::image::product::Product;
use crate::oci::{Descriptor, Digest, LAYOUT_INDEX, Manifest, Platform, media_type};
use std::collections::BTreeSet;

impl Importer<'_> {
    /// Imports what a layout holds under a tag: an image for any platform, an index, or
    /// images for several platforms as the index that lists them.
    pub fn import_whole(&self, tag: Option<&str>) -> Result<Product, ExistingError> {
        let one = || Ok(self.import_layout(tag, None)?.into());
        // Errors of the layout are reported when its images are selected.
        let Some(bytes) = self.document(LAYOUT_INDEX)? else { return one() };
        let index: Manifest = parse(self.path, LAYOUT_INDEX, &bytes)?;
        let meant = |manifest: &&Descriptor| tag.is_none_or(|tag| is_named(manifest, tag));
        let meant: Vec<&Descriptor> = index.entries().iter().filter(meant).collect();
        let images = self.images(&meant)?;
        match images.as_slice() {
            [] => one(),
            [only] if media_type::is_index(&only.media_type) => {
                self.import_index(&only.media_type, self.manifest_bytes(only)?)
            }
            [only] => Ok(self.import_layout(Some(only.digest.as_str()), None)?.into()),
            _ if !are_for_several_platforms(&images) => {
                let there = images.iter().map(name_of).collect();
                Err(ExistingError::Ambiguous { path: self.path.to_owned(), there })
            }
            _ => {
                let attached = meant.into_iter().filter(|it| is_attachment(it)).cloned();
                let listed: Vec<Descriptor> = images.into_iter().chain(attached).collect();
                // The document of the layout lists nothing else: its digest stays.
                let bytes = if listed.iter().all(|it| index.entries().contains(it))
                    && listed.len() == index.entries().len()
                {
                    bytes
                } else {
                    Manifest::of_index(listed).to_bytes()
                };
                self.import_index(media_type::INDEX, bytes)
            }
        }
    }

    /// The images and indexes among the entries of a layout, each once and with its platform.
    fn images(&self, entries: &[&Descriptor]) -> Result<Vec<Descriptor>, ExistingError> {
        let (mut seen, mut images) = (BTreeSet::new(), Vec::new());
        for entry in entries.iter().filter(|it| !is_attachment(it)) {
            let mut entry = (*entry).clone();
            if !media_type::is_index(&entry.media_type) {
                if entry.platform.is_none() {
                    entry.platform = self.configured_platform(&entry)?;
                }
                // A signature has a configuration with an empty platform.
                if !entry.platform.as_ref().is_some_and(is_real) {
                    continue;
                }
            }
            if seen.insert(entry.digest.clone()) {
                images.push(entry);
            }
        }
        Ok(images)
    }

    /// Imports an index and everything it lists.
    fn import_index(&self, media_type: &str, bytes: Vec<u8>) -> Result<Product, ExistingError> {
        let digest = Digest::of(&bytes);
        let (mut seen, mut blobs) = (BTreeSet::from([digest.clone()]), Vec::new());
        let root: Manifest = parse(self.path, digest.as_str(), &bytes)?;
        let mut manifests = vec![(media_type.to_owned(), bytes)];
        let mut level = root.manifests.unwrap_or_default();
        for _ in 0..MAX_INDEX_DEPTH {
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
        let mut copied = Vec::new();
        for blob in &blobs {
            if seen.insert(blob.digest.clone()) && !self.is_elsewhere(blob)? {
                copied.push(blob);
            }
        }
        self.copy(&copied)?;
        // The root is stored last, so that a stored index is always complete.
        for (media_type, bytes) in manifests.iter().rev() {
            self.store.put(media_type, bytes)?;
        }
        Ok(self.store.product(&digest)?)
    }
}

/// Whether these images are one image for several platforms: each is for another one,
/// and none has a name that the others do not have.
fn are_for_several_platforms(images: &[Descriptor]) -> bool {
    let names: BTreeSet<_> = images.iter().map(tag_of).collect();
    let platforms: Option<Vec<&Platform>> =
        images.iter().map(|image| image.platform.as_ref()).collect();
    names.len() == 1
        && platforms.is_some_and(|platforms| {
            platforms
                .iter()
                .enumerate()
                .all(|(at, one)| platforms[..at].iter().all(|other| !one.is_same(other)))
        })
}

fn is_real(platform: &Platform) -> bool {
    !platform.os.is_empty() && platform.os != "unknown"
}
