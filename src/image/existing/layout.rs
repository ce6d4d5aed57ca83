//! Imports an image of an OCI layout (OCI image specification, "Image Layout"). The image is
//! selected by tag and platform, then its blobs are copied and verified.

use super::cancellable::CancellableReader;
use super::error::{DocumentMistake, ExistingError};
use super::importer::{ConfigFile, Importer};
use crate::image::manifest::Image;
use crate::oci::{Descriptor, Digest, ImageConfig, LAYOUT_INDEX, Manifest, Platform, media_type};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// The annotation with the tag of an image.
const TAG_ANNOTATION: &str = "org.opencontainers.image.ref.name";
/// The annotation in which buildx stores the full name.
const NAME_ANNOTATION: &str = "io.containerd.image.name";
/// The annotation that marks attestations of buildx.
const ATTACHMENT_ANNOTATION: &str = "vnd.docker.reference.type";
/// Blobs are reported early only while at least this much is left to copy.
const MIN_EARLY_BYTES: u64 = 1 << 20;
/// The deepest nesting of indexes that is read.
pub const MAX_INDEX_DEPTH: usize = 4;

/// A candidate for the wanted image.
struct Candidate {
    manifest: Descriptor,
    /// The tag in `index.json` of the entry that leads to it.
    tag: Option<String>,
}

/// Parses a JSON document; an error names the document, and nothing that stands in it: it may
/// be any file.
pub fn parse<T: DeserializeOwned>(
    path: &Path,
    name: &str,
    bytes: &[u8],
) -> Result<T, ExistingError> {
    serde_json::from_slice(bytes).map_err(|error| ExistingError::Document {
        path: path.to_owned(),
        name: name.to_owned(),
        source: DocumentMistake::of(&error),
    })
}

impl Importer<'_> {
    /// Imports the image for a tag and platform unchanged.
    pub fn import_layout(
        &self,
        tag: Option<&str>,
        platform: Option<&Platform>,
    ) -> Result<Image, ExistingError> {
        let manifest = self.choose(tag, platform)?;
        let bytes = self.manifest_bytes(&manifest)?;
        let listed: Manifest = parse(self.path, manifest.digest.as_str(), &bytes)?;
        let mut blobs = Vec::new();
        for blob in listed.config.iter().chain(listed.layers()) {
            if !self.is_elsewhere(blob)? {
                blobs.push(blob);
            }
        }
        self.copy(&blobs)?;
        let image = Image::read(self.store, bytes.into())?;
        if let Some(platform) = platform
            && !platform.takes(&image.platform)
        {
            return Err(self.no_platform(platform, [image.platform.to_string()].into()));
        }
        self.store.put(&image.manifest.media_type, &image.manifest_bytes)?;
        Ok(image)
    }

    /// Imports the only image of a layout, with every layer compressed and a new manifest.
    pub fn import_packed_layout(&self, platform: &Platform) -> Result<Image, ExistingError> {
        let manifest = self.choose(None, Some(platform))?;
        let listed: Manifest =
            parse(self.path, manifest.digest.as_str(), &self.manifest_bytes(&manifest)?)?;
        let Some(config) = &listed.config else {
            return Err(self.incomplete("any configuration"));
        };
        let bytes = self.manifest_bytes(config)?;
        let layers = listed.layers().iter().map(|layer| blob(&layer.digest)).collect();
        let config = ConfigFile { name: config.digest.as_str(), bytes: &bytes };
        self.import_packed(&config, layers, Some(platform))
    }

    fn choose(
        &self,
        tag: Option<&str>,
        platform: Option<&Platform>,
    ) -> Result<Descriptor, ExistingError> {
        let path = self.path.to_owned();
        let Some(bytes) = self.document(LAYOUT_INDEX)? else {
            return Err(ExistingError::Format { path, what: "OCI layout", lacks: LAYOUT_INDEX });
        };
        let index: Manifest = parse(self.path, LAYOUT_INDEX, &bytes)?;
        let names = names(&index);
        let mut candidates = Vec::new();
        for manifest in index.manifests.unwrap_or_default() {
            if tag.is_none_or(|tag| is_named(&manifest, tag)) {
                let tag = tag_of(&manifest);
                self.flatten(Candidate { manifest, tag }, MAX_INDEX_DEPTH, &mut candidates)?;
            }
        }
        if let Some(name) = tag.filter(|_| candidates.is_empty()) {
            return Err(ExistingError::NoSuchName { path, name: name.to_owned(), there: names });
        }
        self.narrow(candidates, platform)
    }

    /// Selects the image for a platform, or for any, which must be unique.
    fn narrow(
        &self,
        candidates: Vec<Candidate>,
        platform: Option<&Platform>,
    ) -> Result<Descriptor, ExistingError> {
        let mut platforms = BTreeSet::new();
        let mut fitting: Vec<Candidate> = Vec::new();
        let several = candidates.len() > 1;
        for candidate in candidates {
            let its = match &candidate.manifest.platform {
                Some(platform) => Some(platform.clone()),
                None if several => self.configured_platform(&candidate.manifest)?,
                None => None,
            };
            platforms.extend(its.as_ref().map(ToString::to_string));
            let known = fitting.iter().any(|one| one.manifest.digest == candidate.manifest.digest);
            let fits = its.is_none_or(|its| platform.is_none_or(|wanted| wanted.takes(&its)));
            if fits && !known {
                fitting.push(candidate);
            }
        }
        if fitting.len() > 1 {
            let there = fitting
                .iter()
                .map(|one| one.tag.clone().unwrap_or_else(|| one.manifest.digest.to_string()));
            return Err(ExistingError::Ambiguous {
                path: self.path.to_owned(),
                there: there.collect(),
            });
        }
        match fitting.pop() {
            Some(one) => Ok(one.manifest),
            None => Err(match platform {
                Some(platform) => self.no_platform(platform, platforms),
                None => self.incomplete("any image"),
            }),
        }
    }

    fn no_platform(&self, wanted: &Platform, there: BTreeSet<String>) -> ExistingError {
        let (path, wanted) = (self.path.to_owned(), wanted.to_string());
        ExistingError::NoSuchPlatform { path, wanted, there: there.into_iter().collect() }
    }

    /// Collects the image manifests of nested indexes.
    fn flatten(
        &self,
        candidate: Candidate,
        depth: usize,
        found: &mut Vec<Candidate>,
    ) -> Result<(), ExistingError> {
        let Candidate { manifest, tag } = candidate;
        if is_attachment(&manifest) {
            return Ok(());
        }
        if !media_type::is_index(&manifest.media_type) {
            found.push(Candidate { manifest, tag });
            return Ok(());
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(ExistingError::TooDeep { path: self.path.to_owned() });
        };
        let index: Manifest =
            parse(self.path, manifest.digest.as_str(), &self.manifest_bytes(&manifest)?)?;
        for manifest in index.manifests.unwrap_or_default() {
            self.flatten(Candidate { manifest, tag: tag.clone() }, depth, found)?;
        }
        Ok(())
    }

    /// The platform in the configuration of a manifest; `None` if it is not an image.
    pub fn configured_platform(
        &self,
        manifest: &Descriptor,
    ) -> Result<Option<Platform>, ExistingError> {
        let bytes = self.manifest_bytes(manifest)?;
        let listed: Manifest = parse(self.path, manifest.digest.as_str(), &bytes)?;
        let Some(config) = &listed.config else { return Ok(None) };
        let bytes = self.manifest_bytes(config)?;
        let configured = serde_json::from_slice::<ImageConfig>(&bytes).ok();
        Ok(configured.map(|configured| configured.platform()))
    }

    /// Reads and verifies a manifest, index or configuration.
    pub fn manifest_bytes(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ExistingError> {
        let name = blob(&descriptor.digest);
        let Some(bytes) = self.document(&name)? else {
            return Err(self.incomplete(&name));
        };
        let found = Digest::of(&bytes);
        if found != descriptor.digest {
            let (expected, found) = (descriptor.digest.to_string(), found.to_string());
            return Err(ExistingError::Layer { path: self.path.to_owned(), name, expected, found });
        }
        Ok(bytes)
    }

    /// Whether a layer is fetched from elsewhere: one that must not be distributed, or that
    /// is missing here and says where it is.
    pub fn is_elsewhere(&self, layer: &Descriptor) -> Result<bool, ExistingError> {
        let is_foreign = media_type::is_foreign_layer(&layer.media_type);
        Ok(is_foreign || layer.has_urls() && self.source.find(&blob(&layer.digest))?.is_none())
    }

    /// Copies blobs on all cores, since most of the time is hashing.
    pub fn copy(&self, blobs: &[&Descriptor]) -> Result<(), ExistingError> {
        let mut seen = BTreeSet::new();
        let missing = blobs.iter().copied().filter(|blob| !self.store.has(blob));
        let blobs: Vec<&Descriptor> = missing.filter(|blob| seen.insert(&blob.digest)).collect();
        for blob in &blobs {
            self.control.tally.add(blob.digest.as_str(), blob.size);
        }
        let next = AtomicUsize::new(0);
        // The sizes are claims of the manifest until the blobs are verified.
        let all = blobs.iter().fold(0, |sum: u64, blob| sum.saturating_add(blob.size));
        let left = AtomicU64::new(all);
        let copy_some = || {
            while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.copy_one(blob)?;
                let left = left.fetch_sub(blob.size, Ordering::Relaxed).saturating_sub(blob.size);
                if left >= MIN_EARLY_BYTES && !media_type::is_foreign_layer(&blob.media_type) {
                    (self.control.early)(blob);
                }
            }
            Ok(())
        };
        if blobs.is_empty() {
            return Ok(());
        }
        let others = crate::image::layers::threads().min(blobs.len()) - 1;
        thread::scope(|scope| {
            let copying: Vec<_> = (0..others).map(|_| scope.spawn(copy_some)).collect();
            let mine = copy_some();
            let results = copying.into_iter().map(|thread| thread.join().expect("no panic"));
            results.chain([mine]).collect::<Vec<_>>().into_iter().collect()
        })
    }

    fn copy_one(&self, descriptor: &Descriptor) -> Result<(), ExistingError> {
        let name = blob(&descriptor.digest);
        let (reader, _) = self.find(&name)?;
        let done = self.control.tally.of(descriptor.digest.as_str());
        let mut reader = CancellableReader::new(reader, self.control.stop).counted_by(done);
        let imported = self.store.import(&mut reader, descriptor);
        if reader.stopped() {
            return Err(ExistingError::Stopped);
        }
        let path = self.path.to_owned();
        imported.map_err(|source| ExistingError::Blob { path, name, source })
    }
}

fn blob(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

pub fn tag_of(manifest: &Descriptor) -> Option<String> {
    manifest
        .annotations
        .get(TAG_ANNOTATION)
        .or_else(|| manifest.annotations.get(NAME_ANNOTATION))
        .cloned()
}

/// Whether the tag, the full name or the digest matches.
pub fn is_named(manifest: &Descriptor, tag: &str) -> bool {
    let named = |key| manifest.annotations.get(key).map(String::as_str);
    named(TAG_ANNOTATION) == Some(tag)
        || named(NAME_ANNOTATION) == Some(tag)
        || manifest.digest.as_str() == tag
}

/// What an entry of a layout can be named by.
pub fn name_of(manifest: &Descriptor) -> String {
    tag_of(manifest).unwrap_or_else(|| manifest.digest.to_string())
}

fn names(index: &Manifest) -> Vec<String> {
    index.entries().iter().filter(|it| !is_attachment(it)).map(name_of).collect()
}

/// Whether it is something that buildx attaches to an image.
pub fn is_attachment(manifest: &Descriptor) -> bool {
    manifest.annotations.contains_key(ATTACHMENT_ANNOTATION)
}
