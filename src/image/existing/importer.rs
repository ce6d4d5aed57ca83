//! Imports layers, compressing those that are not compressed.

use super::cancellable::CancellableReader;
use super::error::ExistingError;
use super::layout_source::{LayoutSource, SizedReader};
use crate::image::WorkControl;
use crate::image::hash::of_reader;
use crate::image::layers::{Compression, LayerCache, PackOptions, Packed, ReaderSource, pack};
use crate::image::store::{ImportError, Store};
use crate::image::stream::{Packing, sniff, unpacked};
use crate::oci::{Descriptor, Digest, media_type};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Read};
use std::path::Path;

/// An import of an archive or folder into the store.
pub struct Importer<'a> {
    pub path: &'a Path,
    pub source: LayoutSource,
    pub store: &'a Store,
    pub control: &'a WorkControl<'a>,
}

/// The configuration of an image, with its name in the source.
pub struct ConfigFile<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// A layer in an archive or folder.
pub struct NamedLayer {
    pub name: String,
    /// The digest of its uncompressed stream.
    pub diff_id: Digest,
}

impl Importer<'_> {
    /// The content of a small file, if it exists.
    pub fn document(&self, name: &str) -> Result<Option<Vec<u8>>, ExistingError> {
        self.source.document(self.path, name)
    }

    /// A file that must exist.
    pub fn find(&self, name: &str) -> Result<SizedReader<'_>, ExistingError> {
        self.source.find(name)?.ok_or_else(|| self.incomplete(name))
    }

    pub fn incomplete(&self, name: &str) -> ExistingError {
        ExistingError::Incomplete { path: self.path.to_owned(), name: name.to_owned() }
    }

    /// Imports layers in order. A layer that was imported before, or is listed twice, is not
    /// read again.
    pub fn import_layers(&self, layers: &[NamedLayer]) -> Result<Vec<Descriptor>, ExistingError> {
        let mut stored: BTreeMap<&Digest, Option<Descriptor>> = BTreeMap::new();
        // All lookups come first, so that the progress knows the total from the start.
        for NamedLayer { name, diff_id } in layers {
            let Entry::Vacant(entry) = stored.entry(diff_id) else { continue };
            let known = self.recall(diff_id);
            if known.is_none() {
                let (_, length) = self.find(name)?;
                self.control.tally.add(diff_id.as_str(), length);
            }
            entry.insert(known.map(|packed| packed.layer));
        }
        let mut descriptors = Vec::with_capacity(layers.len());
        for NamedLayer { name, diff_id } in layers {
            let layer = match &stored[diff_id] {
                Some(layer) => layer.clone(),
                None => self.layer(name, diff_id)?,
            };
            stored.insert(diff_id, Some(layer.clone()));
            descriptors.push(layer);
        }
        Ok(descriptors)
    }

    /// A layer that was imported before, by the digest of its uncompressed stream.
    fn recall(&self, diff_id: &Digest) -> Option<Packed> {
        let cache = LayerCache::of_stream(self.store, diff_id, Compression::Gzip);
        cache.recall().filter(|packed| packed.diff_id == *diff_id)
    }

    /// Imports a layer whose uncompressed stream must have the digest that the configuration
    /// lists.
    fn layer(&self, name: &str, diff_id: &Digest) -> Result<Descriptor, ExistingError> {
        let (reader, _) = self.find(name)?;
        let done = self.control.tally.of(diff_id.as_str());
        let mut cancellable = CancellableReader::new(reader, self.control.stop).counted_by(done);
        let taken = self.take(name, &mut cancellable);
        if cancellable.stopped() {
            return Err(ExistingError::Stopped);
        }
        let packed = taken?;
        if packed.diff_id != *diff_id {
            let (expected, found) = (diff_id.to_string(), packed.diff_id.to_string());
            let (path, name) = (self.path.to_owned(), name.to_owned());
            return Err(ExistingError::Layer { path, name, expected, found });
        }
        LayerCache::of_stream(self.store, diff_id, Compression::Gzip).remember(&packed);
        Ok(packed.layer)
    }

    /// Imports a compressed layer unchanged, and compresses any other.
    fn take(&self, name: &str, reader: &mut (dyn Read + Send)) -> Result<Packed, ExistingError> {
        let blob = |source| {
            let source = ImportError::Source(source);
            ExistingError::Blob { path: self.path.to_owned(), name: name.to_owned(), source }
        };
        let (packing, mut reader) = sniff(reader).map_err(blob)?;
        let media_type = match packing {
            Packing::Plain => {
                let out = self.store.writer()?;
                let streams = vec![(ReaderSource::new(reader, blob), out)];
                let packed = pack(PackOptions::new(Compression::Gzip), streams)?;
                return Ok(packed.into_iter().next().expect("one for one stream"));
            }
            // In no registry: these are packed again.
            Packing::Bzip2 | Packing::Xz => {
                let out = self.store.writer()?;
                let reader = unpacked(reader).map_err(blob)?;
                let streams = vec![(ReaderSource::new(reader, blob), out)];
                let packed = pack(PackOptions::new(Compression::Gzip), streams)?;
                return Ok(packed.into_iter().next().expect("one for one stream"));
            }
            Packing::Gzip => media_type::LAYER_GZIP,
            Packing::Zstd => media_type::LAYER_ZSTD,
        };
        let mut writer = self.store.writer()?;
        io::copy(&mut reader, &mut writer).map_err(|source| writer.write_error(source))?;
        let layer = writer.finish(media_type)?;
        let file = self.store.open_blob(&layer)?;
        let (diff_id, unpacked) =
            unpacked(file).and_then(|mut stream| of_reader(&mut stream)).map_err(blob)?;
        Ok(Packed { layer, diff_id, unpacked })
    }
}
