//! Images in archives, as `docker save` writes them.

#![no_main]

mod bytes;
mod entries;

use libfuzzer_sys::fuzz_target;
use shipway::testing::image::existing::{ImageSource, import};
use shipway::testing::image::{Store, WorkControl};
use shipway::testing::oci::Platform;
use std::cell::OnceCell;
use std::fs;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

thread_local! {
    static PLACE: OnceCell<(TempDir, Store)> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    PLACE.with(|place| {
        let (folder, store) = place.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::open(&folder.path().join("images")).expect("a store");
            (folder, store)
        });
        let file = folder.path().join("saved.tar");
        fs::write(&file, entries::archive(input)).expect("a file");
        let platform: Platform = "linux/amd64".parse().expect("a platform");
        let stop = AtomicBool::new(false);
        let docker = ImageSource::DockerArchive { file: file.clone(), reference: None };
        drop(import(store, &docker, Some(&platform), &WorkControl::new(&stop)));
        let oci = ImageSource::OciArchive { file, tag: None };
        drop(import(store, &oci, None, &WorkControl::new(&stop)));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    });
});
