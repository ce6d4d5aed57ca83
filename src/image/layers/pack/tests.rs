//! Whole streams, packed by one thread and by many.

use super::{BLOCK_BYTES, BlockSource, PackOptions, Packed, ReaderSource, pack};
use crate::image::layers::recipe::Compression;
use crate::image::store::{Store, StoreError};
use crate::image::stream::unpacked;
use crate::oci::{Descriptor, Digest};
use std::io::{self, Read as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    (folder, store)
}

fn sample(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"shipway \n"[(state >> 24) as usize % 9]
    };
    (0..length).map(|_| next()).collect()
}

fn packed(
    store: &Store,
    compression: Compression,
    threads: usize,
    streams: &[&[u8]],
) -> Vec<Packed> {
    let error = |source| StoreError::Write { path: "a stream".into(), source };
    let stream = |bytes| (ReaderSource::new(bytes, error), store.writer().expect("a writer"));
    let streams = streams.iter().copied().map(stream).collect();
    pack(PackOptions { threads, ..PackOptions::new(compression) }, streams).expect("packed")
}

#[test]
fn bytes_do_not_depend_on_threads_and_unpack_to_what_they_were() {
    let (_folder, store) = store();
    let bytes = sample(3 * BLOCK_BYTES + 17);

    for compression in [Compression::Gzip, Compression::Zstd] {
        let one = packed(&store, compression, 1, &[&bytes]);
        for threads in [2, 5, 20] {
            assert_eq!(packed(&store, compression, threads, &[&bytes]), one);
        }
        assert_eq!(one[0].diff_id, Digest::of(&bytes));
        assert_eq!(one[0].unpacked, bytes.len() as u64);

        let file = store.open_blob(&one[0].layer).expect("there");
        let mut back = Vec::new();
        unpacked(file).and_then(|mut stream| stream.read_to_end(&mut back)).expect("unpacked");
        assert!(back == bytes, "{compression:?}");
    }
}

#[test]
fn streams_do_not_affect_each_other() {
    let (_folder, store) = store();
    let all: Vec<Vec<u8>> = [0, 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 1, 5, BLOCK_BYTES - 1, 7]
        .iter()
        .map(|&length| sample(length))
        .collect();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();

    let alone: Vec<Packed> =
        all.iter().flat_map(|stream| packed(&store, Compression::Gzip, 1, &[stream])).collect();

    for threads in [1, 2, 4] {
        assert_eq!(packed(&store, Compression::Gzip, threads, &all), alone);
    }
}

#[test]
fn each_stream_but_the_last_is_reported_early() {
    let streams: Vec<Vec<u8>> = (1..9).map(|number| sample(number * BLOCK_BYTES / 3)).collect();
    for threads in [1, 3] {
        let (_folder, store) = store();
        let error = |source| StoreError::Write { path: "a stream".into(), source };
        let stream = |bytes: &Vec<u8>| {
            (ReaderSource::new(io::Cursor::new(bytes.clone()), error), store.writer())
        };
        let streams = streams.iter().map(stream);
        let streams = streams.map(|(reading, out)| (reading, out.expect("a writer"))).collect();
        let told = Mutex::new(Vec::new());
        let early = |layer: &Descriptor| {
            store.locate(layer).expect("it is in the store");
            told.lock().expect("no panic").push(layer.clone());
        };

        let options = PackOptions { compression: Compression::Gzip, threads, early: &early };
        let mut packed = pack(options, streams).expect("packed");

        let told = told.into_inner().expect("no panic");
        packed.retain(|packed| !told.contains(&packed.layer));
        assert_eq!((told.len(), packed.len()), (7, 1));
    }
}

/// Fails at its third block.
struct Failing(AtomicU64);

impl BlockSource for Failing {
    type Error = StoreError;

    fn next(&self, _: &mut [u8]) -> Result<Option<(u64, usize)>, StoreError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            number @ 0..2 => Ok(Some((number, BLOCK_BYTES))),
            _ => Err(StoreError::Write { path: "x".into(), source: io::ErrorKind::Other.into() }),
        }
    }
}

#[test]
fn an_error_stores_nothing_and_ends_all_threads() {
    for threads in [1, 2, 7] {
        let (folder, store) = store();
        let stream = || (Failing(AtomicU64::new(0)), store.writer().expect("a writer"));

        let options = PackOptions { threads, ..PackOptions::new(Compression::Gzip) };
        let error = pack(options, vec![stream(), stream(), stream()]);

        let error = error.expect_err("an error").to_string();
        assert_eq!(error, "cannot write `x`");
        for part in ["blobs/sha256", "incoming"] {
            let left = std::fs::read_dir(folder.path().join(part)).expect("a folder").count();
            assert_eq!(left, 0, "{part}");
        }
    }
}
