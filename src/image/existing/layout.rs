//! OCI image layouts: a folder, or a tar archive of one.
//!
//! OCI image specification, "Image Layout". Which image is meant is decided by
//! its tag, then by the platform; then its blobs are copied, each verified.

use super::archive::Archive;
use super::error::ExistingError;
use super::intake::Intake;
use super::stoppable::Stoppable;
use crate::image::manifest::Image;
use crate::image::product::is_foreign;
use crate::oci::{Descriptor, Digest, Platform, media_type};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// Where a layout keeps the tag of an image.
const TAG: &str = "org.opencontainers.image.ref.name";
/// Where buildx keeps its whole name.
const NAME: &str = "io.containerd.image.name";
/// What buildx puts beside an image; no image itself.
const ATTACHED: &str = "vnd.docker.reference.type";
/// The largest document: as registries have it for manifests, and some.
const LARGEST_DOCUMENT: u64 = 8 << 20;
/// So many bytes take a while to copy.
const MUCH: u64 = 1 << 20;
/// Indexes within indexes.
pub(super) const DEEPEST: usize = 4;
/// What a layout begins with.
pub(super) const INDEX: &str = "index.json";

/// Where files are looked up by name.
pub(super) enum Bag {
    Folder(PathBuf),
    Archive(Box<Archive>),
}

/// A file's bytes, and how many there are.
pub(super) type Found<'a> = (Box<dyn Read + Send + 'a>, u64);

/// What is read of an index.
#[derive(Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    pub(super) manifests: Vec<Descriptor>,
}

/// An image that may be the one.
struct Candidate {
    manifest: Descriptor,
    /// The tag of the entry of `index.json` that led here.
    tag: Option<String>,
}

impl Bag {
    /// A file, and its length.
    pub(super) fn find(&self, name: &str) -> Result<Option<Found<'_>>, ExistingError> {
        match self {
            Self::Archive(archive) => Ok(archive.find(name)?.map(|section| {
                let length = section.length();
                (Box::new(section) as Box<dyn Read + Send>, length)
            })),
            Self::Folder(folder) => match open_file(&folder.join(name)) {
                Ok((file, length)) => Ok(Some((Box::new(file), length))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(ExistingError::Read { path: folder.join(name), source }),
            },
        }
    }

    /// A small file as a whole; none where it is not there.
    pub(super) fn document(
        &self,
        path: &Path,
        name: &str,
    ) -> Result<Option<Vec<u8>>, ExistingError> {
        let Some((reader, size)) = self.find(name)? else { return Ok(None) };
        if size > LARGEST_DOCUMENT {
            let (path, name) = (path.to_owned(), name.to_owned());
            return Err(ExistingError::TooLarge { path, name, size });
        }
        let mut bytes = Vec::new();
        let read = reader.take(LARGEST_DOCUMENT).read_to_end(&mut bytes);
        read.map_err(|source| ExistingError::Read { path: path.to_owned(), source })?;
        Ok(Some(bytes))
    }
}

/// A regular file, and its length. To open a pipe could take for ever.
fn open_file(path: &Path) -> io::Result<(File, u64)> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok((File::open(path)?, metadata.len()))
}

/// Reads a document, naming it where it cannot be read.
pub(super) fn parse<T: DeserializeOwned>(
    path: &Path,
    name: &str,
    bytes: &[u8],
) -> Result<T, ExistingError> {
    serde_json::from_slice(bytes).map_err(|source| ExistingError::Document {
        path: path.to_owned(),
        name: name.to_owned(),
        source,
    })
}

impl Intake<'_> {
    /// Takes the image of a tag and platform into the store as it is.
    pub(super) fn layout(
        &self,
        tag: Option<&str>,
        platform: &Platform,
    ) -> Result<Image, ExistingError> {
        let manifest = self.choose(tag, platform)?;
        let bytes = self.manifest_bytes(&manifest)?;
        let listed: Listed = parse(self.path, manifest.digest.as_str(), &bytes)?;
        self.copy(
            &[listed.config.iter().collect(), listed.layers.iter().collect::<Vec<_>>()].concat(),
        )?;
        let image = Image::read(self.store, bytes.into())?;
        if !platform.takes(&image.platform) {
            return Err(self.no_platform(platform, [image.platform.to_string()].into()));
        }
        self.store.put(&image.manifest.media_type, &image.manifest_bytes)?;
        Ok(image)
    }

    /// Takes the one image of a layout into the store with every layer
    /// compressed, for which its manifest is written anew.
    pub(super) fn packed_layout(&self, platform: &Platform) -> Result<Image, ExistingError> {
        let manifest = self.choose(None, platform)?;
        let listed: Listed =
            parse(self.path, manifest.digest.as_str(), &self.manifest_bytes(&manifest)?)?;
        let Some(config) = listed.config else {
            return Err(self.incomplete("any configuration"));
        };
        let bytes = self.manifest_bytes(&config)?;
        let layers = listed.layers.iter().map(|layer| blob(&layer.digest)).collect();
        self.packed(config.digest.as_str(), &bytes, (layers, platform))
    }

    fn choose(&self, tag: Option<&str>, platform: &Platform) -> Result<Descriptor, ExistingError> {
        let path = self.path.to_owned();
        let Some(bytes) = self.document(INDEX)? else {
            return Err(ExistingError::Format { path, what: "OCI layout", lacks: INDEX });
        };
        let index: Index = parse(self.path, INDEX, &bytes)?;
        let tags = tags(&index);
        let mut candidates = Vec::new();
        for manifest in index.manifests {
            if tag.is_none_or(|tag| is_called(&manifest, tag)) {
                let tag = called(&manifest);
                self.flatten(Candidate { manifest, tag }, DEEPEST, &mut candidates)?;
            }
        }
        if let Some(name) = tag.filter(|_| candidates.is_empty()) {
            return Err(ExistingError::NoSuchName { path, name: name.to_owned(), there: tags });
        }
        self.narrow(candidates, platform)
    }

    /// Leaves what is for the platform, which must be one image.
    fn narrow(
        &self,
        candidates: Vec<Candidate>,
        platform: &Platform,
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
            if its.is_none_or(|its| platform.takes(&its)) && !known {
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
            None => Err(self.no_platform(platform, platforms)),
        }
    }

    fn no_platform(&self, wanted: &Platform, there: BTreeSet<String>) -> ExistingError {
        let (path, wanted) = (self.path.to_owned(), wanted.to_string());
        ExistingError::NoSuchPlatform { path, wanted, there: there.into_iter().collect() }
    }

    /// Follows indexes down to the manifests of images.
    fn flatten(
        &self,
        candidate: Candidate,
        depth: usize,
        found: &mut Vec<Candidate>,
    ) -> Result<(), ExistingError> {
        let Candidate { manifest, tag } = candidate;
        if manifest.annotations.contains_key(ATTACHED) {
            return Ok(());
        }
        if !is_index(&manifest) {
            found.push(Candidate { manifest, tag });
            return Ok(());
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(ExistingError::TooDeep { path: self.path.to_owned() });
        };
        let index: Index =
            parse(self.path, manifest.digest.as_str(), &self.manifest_bytes(&manifest)?)?;
        for manifest in index.manifests {
            self.flatten(Candidate { manifest, tag: tag.clone() }, depth, found)?;
        }
        Ok(())
    }

    /// What the configuration of a manifest says; none for what is no image.
    fn configured_platform(
        &self,
        manifest: &Descriptor,
    ) -> Result<Option<Platform>, ExistingError> {
        let bytes = self.manifest_bytes(manifest)?;
        let listed: Listed = parse(self.path, manifest.digest.as_str(), &bytes)?;
        let Some(config) = listed.config else { return Ok(None) };
        let bytes = self.manifest_bytes(&config)?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// A manifest, index or configuration, verified.
    pub(super) fn manifest_bytes(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ExistingError> {
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

    /// Copies blobs on all cores: most of it is hashing.
    pub(super) fn copy(&self, blobs: &[&Descriptor]) -> Result<(), ExistingError> {
        let mut seen = BTreeSet::new();
        let missing = blobs.iter().copied().filter(|blob| !self.store.has(blob));
        let blobs: Vec<&Descriptor> = missing.filter(|blob| seen.insert(&blob.digest)).collect();
        for blob in &blobs {
            self.watch.tally.add(blob.digest.as_str(), blob.size);
        }
        let next = AtomicUsize::new(0);
        // Sizes that nobody has verified yet.
        let all = blobs.iter().fold(0, |sum: u64, blob| sum.saturating_add(blob.size));
        let left = AtomicU64::new(all);
        let copy_some = || {
            while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.copy_one(blob)?;
                let left = left.fetch_sub(blob.size, Ordering::Relaxed).saturating_sub(blob.size);
                if left >= MUCH && !is_foreign(blob) {
                    (self.watch.early)(blob);
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
        let done = self.watch.tally.of(descriptor.digest.as_str());
        let mut reader = Stoppable::new(reader, self.watch.stop).counted_by(done);
        let imported = self.store.import(&mut reader, descriptor);
        if reader.stopped() {
            return Err(ExistingError::Stopped);
        }
        let path = self.path.to_owned();
        imported.map_err(|source| ExistingError::Blob { path, name, source })
    }
}

/// What is read of a manifest before it is known to be one of an image.
#[derive(Deserialize)]
struct Listed {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

fn blob(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// Whether what is described is an index.
pub(super) fn is_index(manifest: &Descriptor) -> bool {
    [media_type::INDEX, media_type::DOCKER_LIST].contains(&manifest.media_type.as_str())
}

fn called(manifest: &Descriptor) -> Option<String> {
    manifest.annotations.get(TAG).or_else(|| manifest.annotations.get(NAME)).cloned()
}

/// By its tag, or by its whole name.
pub(super) fn is_called(manifest: &Descriptor, tag: &str) -> bool {
    let named = |key| manifest.annotations.get(key).map(String::as_str);
    named(TAG) == Some(tag) || named(NAME) == Some(tag)
}

fn tags(index: &Index) -> Vec<String> {
    index.manifests.iter().filter_map(called).collect()
}
