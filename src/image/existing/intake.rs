//! Layers that others did not compress, compressed as our own are.

use super::error::ExistingError;
use super::layout::{Bag, Found};
use super::stoppable::Stoppable;
use crate::image::Watch;
use crate::image::hash::of_reader;
use crate::image::layers::{Cache, Compression, PackOptions, Packed, Reading, pack};
use crate::image::store::{ImportError, Store};
use crate::image::stream::{Packing, sniff, unpacked};
use crate::oci::{Descriptor, Digest, media_type};
use std::io::{self, Read};
use std::path::Path;

/// An archive or folder on its way into the store.
pub(super) struct Intake<'a> {
    pub(super) path: &'a Path,
    pub(super) bag: Bag,
    pub(super) store: &'a Store,
    pub(super) watch: &'a Watch<'a>,
}

impl Intake<'_> {
    /// A small file as a whole; none where it is not there.
    pub(super) fn document(&self, name: &str) -> Result<Option<Vec<u8>>, ExistingError> {
        self.bag.document(self.path, name)
    }

    /// A file that must be there.
    pub(super) fn find(&self, name: &str) -> Result<Found<'_>, ExistingError> {
        self.bag.find(name)?.ok_or_else(|| self.incomplete(name))
    }

    pub(super) fn incomplete(&self, name: &str) -> ExistingError {
        ExistingError::Incomplete { path: self.path.to_owned(), name: name.to_owned() }
    }

    /// Counts from here on what is read of layers that have to be taken in.
    pub(super) fn expect(&self, layers: &[(String, Digest)]) -> Result<(), ExistingError> {
        for (name, diff_id) in layers {
            if self.recall(diff_id).is_none() {
                let (_, length) = self.find(name)?;
                self.watch.tally.add(diff_id.as_str(), length);
            }
        }
        Ok(())
    }

    /// A layer that was taken in before, by the digest of its stream.
    fn recall(&self, diff_id: &Digest) -> Option<Packed> {
        let cache = Cache::of_stream(self.store, diff_id, Compression::Gzip);
        cache.recall().filter(|packed| packed.diff_id == *diff_id)
    }

    /// Takes in the layer with a name in the bag, whose stream must have the
    /// digest that the configuration gives it. One that was taken in before is
    /// not even read: what is in the store is that stream.
    pub(super) fn layer(&self, name: &str, diff_id: &Digest) -> Result<Descriptor, ExistingError> {
        if let Some(packed) = self.recall(diff_id) {
            return Ok(packed.layer);
        }
        let (reader, _) = self.find(name)?;
        let done = self.watch.tally.of(diff_id.as_str());
        let mut stoppable = Stoppable::new(reader, self.watch.stop).counted_by(done);
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
        Cache::of_stream(self.store, diff_id, Compression::Gzip).remember(&packed);
        Ok(packed.layer)
    }

    /// Takes a layer in as it is when it is compressed, else compresses it.
    fn take(&self, name: &str, reader: &mut (dyn Read + Send)) -> Result<Packed, ExistingError> {
        let blob = |source| {
            let source = ImportError::Source(source);
            ExistingError::Blob { path: self.path.to_owned(), name: name.to_owned(), source }
        };
        let (packing, mut reader) = sniff(reader).map_err(blob)?;
        let media_type = match packing {
            Packing::Plain => {
                let out = self.store.writer()?;
                let streams = vec![(Reading::new(reader, blob), out)];
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
