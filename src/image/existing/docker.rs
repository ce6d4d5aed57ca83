//! What `docker save` writes: `manifest.json`, a configuration, and layers that
//! are mostly not compressed.
//!
//! Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset
//! Format". Newer engines lay the same files out as an OCI layout as well; the
//! names in `manifest.json` lead to them either way.

use super::error::ExistingError;
use super::layout::{Bag, parse};
use super::source::same_reference;
use super::stoppable::Stoppable;
use crate::image::hash::of_reader;
use crate::image::layers::{Cache, Compression, Packed, pack, threads};
use crate::image::manifest::Image;
use crate::image::store::{ImportError, Store};
use crate::image::stream::{Packing, sniff, unpacked};
use crate::registry::{Descriptor, Digest, Platform, media_type};
use serde::Deserialize;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::AtomicBool;

const MANIFEST: &str = "manifest.json";

/// One image of the archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    layers: Vec<String>,
}

/// What is read of a configuration.
#[derive(Deserialize)]
struct Configured {
    #[serde(flatten)]
    platform: Platform,
    rootfs: Rootfs,
}

#[derive(Deserialize)]
struct Rootfs {
    #[serde(default, deserialize_with = "null_is_empty")]
    diff_ids: Vec<Digest>,
}

/// Go writes an empty list as `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An archive under way into the store.
pub(super) struct Docker<'a> {
    pub(super) path: &'a Path,
    pub(super) bag: Bag,
    pub(super) store: &'a Store,
    pub(super) stop: &'a AtomicBool,
}

impl Docker<'_> {
    /// Takes an image into the store, its layers compressed.
    pub(super) fn import(
        &self,
        reference: Option<&str>,
        platform: &Platform,
    ) -> Result<Image, ExistingError> {
        let saved = self.choose(reference)?;
        let Some(bytes) = self.bag.document(self.path, &saved.config)? else {
            return Err(self.incomplete(&saved.config));
        };
        let configured: Configured = parse(self.path, &saved.config, &bytes)?;
        if !platform.takes(&configured.platform) {
            let there = vec![configured.platform.to_string()];
            let (path, wanted) = (self.path.to_owned(), platform.to_string());
            return Err(ExistingError::NoSuchPlatform { path, wanted, there });
        }
        let diff_ids = &configured.rootfs.diff_ids;
        if saved.layers.len() != diff_ids.len() {
            let (layers, diff_ids) = (saved.layers.len(), diff_ids.len());
            let path = self.path.to_owned();
            return Err(ExistingError::LayerCount { path, layers, diff_ids });
        }
        let layers: Vec<Descriptor> = saved
            .layers
            .iter()
            .zip(diff_ids)
            .map(|(name, diff_id)| self.layer(name, diff_id))
            .collect::<Result<_, _>>()?;
        let config = self.store.put(media_type::CONFIG, &bytes)?;
        Ok(Image::write(self.store, &config, &layers)?)
    }

    fn choose(&self, reference: Option<&str>) -> Result<Saved, ExistingError> {
        let path = || self.path.to_owned();
        let Some(bytes) = self.bag.document(self.path, MANIFEST)? else {
            let (what, lacks) = ("docker archive", MANIFEST);
            return Err(ExistingError::Format { path: path(), what, lacks });
        };
        let all: Vec<Saved> = parse(self.path, MANIFEST, &bytes)?;
        let there = all.iter().flat_map(|saved| saved.repo_tags.clone()).collect();
        let named = |saved: &Saved| {
            reference.is_none_or(|wanted| {
                saved.repo_tags.iter().any(|known| same_reference(known, wanted))
            })
        };
        let mut fitting: Vec<Saved> = all.into_iter().filter(named).collect();
        match (fitting.len(), reference) {
            (0, Some(name)) => {
                Err(ExistingError::NoSuchName { path: path(), name: name.to_owned(), there })
            }
            (0, None) => Err(self.incomplete("any image")),
            (1, _) => Ok(fitting.swap_remove(0)),
            (_, _) => Err(ExistingError::Ambiguous { path: path(), there }),
        }
    }

    fn incomplete(&self, name: &str) -> ExistingError {
        ExistingError::Incomplete { path: self.path.to_owned(), name: name.to_owned() }
    }

    fn layer(&self, name: &str, diff_id: &Digest) -> Result<Descriptor, ExistingError> {
        let cache = Cache::of_stream(self.store, diff_id, Compression::Gzip);
        if let Some(packed) = cache.recall().filter(|packed| packed.diff_id == *diff_id) {
            return Ok(packed.layer);
        }
        let Some((reader, _)) = self.bag.find(self.path, name)? else {
            return Err(self.incomplete(name));
        };
        let mut stoppable = Stoppable::new(reader, self.stop);
        let taken = self.take(name, &mut stoppable);
        if stoppable.stopped() {
            return Err(ExistingError::Stopped);
        }
        let packed = taken?;
        if packed.diff_id != *diff_id {
            let (expected, found) = (diff_id.to_string(), packed.diff_id.to_string());
            let (path, name) = (self.path.to_owned(), name.to_owned());
            return Err(ExistingError::Layer { path, name, expected, found });
        }
        cache.remember(&packed);
        Ok(packed.layer)
    }

    /// Takes a layer in as it is when it is compressed, else compresses it.
    fn take(&self, name: &str, reader: &mut dyn Read) -> Result<Packed, ExistingError> {
        let blob = |source| {
            let source = ImportError::Source(source);
            ExistingError::Blob { path: self.path.to_owned(), name: name.to_owned(), source }
        };
        let (packing, mut reader) = sniff(reader).map_err(blob)?;
        let media_type = match packing {
            Packing::Plain => {
                let out = self.store.writer()?;
                return pack(Compression::Gzip, threads(), out, |blocks| {
                    io::copy(&mut reader, blocks).map(drop).map_err(blob)
                });
            }
            Packing::Gzip => media_type::LAYER_GZIP,
            Packing::Zstd => media_type::LAYER_ZSTD,
        };
        let mut writer = self.store.writer()?;
        io::copy(&mut reader, &mut writer).map_err(|source| writer.write_error(source))?;
        let layer = writer.finish(media_type)?;
        let file: File = self.store.open_blob(&layer)?;
        let (diff_id, unpacked) =
            unpacked(file).and_then(|mut stream| of_reader(&mut stream)).map_err(blob)?;
        Ok(Packed { layer, diff_id, unpacked })
    }
}
