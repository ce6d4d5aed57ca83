//! Layers of an image: read as a base image, and unpacked by the runtime into a
//! folder that they must not leave.

#![no_main]

mod bytes;
mod entries;

use libfuzzer_sys::fuzz_target;
use std::fs;

fuzz_target!(|input: &[u8]| {
    let layer = entries::archive(input);
    for path in shipway::testing::image::untrusted::tree(&layer).unwrap_or_default() {
        assert!(!path.starts_with(b"/"), "{path:?}");
        assert!(path.split(|byte| *byte == b'/').all(|part| part != b".."), "{path:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (root, out) = (folder.path().join("root"), folder.path().join("out"));
    fs::create_dir(&root).expect("a folder");
    fs::write(&out, "kept").expect("a file");
    let file = folder.path().join("layer");
    fs::write(&file, &layer).expect("a file");
    // Both results are fine.
    drop(shipway::testing::local::runtime::unpack(std::slice::from_ref(&file), &root));
    assert_eq!(fs::read(&out).expect("it is still there"), b"kept");
    assert_eq!(fs::read(&file).expect("it is still there"), layer);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3);
});
