//! Dockerfiles, `.dockerignore`, and the output of what builds them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shipway::testing::image::dockerfile::{BuildDirs, BuildRequest, NativeBuild};
use shipway::testing::image::untrusted::{build_output, dockerfile, ignored};
use shipway::testing::image::{Store, WorkControl};
use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

const PATHS: [&[u8]; 8] =
    [b"a", b"a/b", b"a/b/c.txt", b".env", b"x y", b"\xff/a", "ü/ä".as_bytes(), b"node_modules/x"];

thread_local! {
    static PLACE: OnceCell<(TempDir, Store)> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    // The ignore file or the output of an engine stands behind a NUL.
    let (text, other) = match input.iter().position(|byte| *byte == 0) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &b""[..]),
    };
    let other = String::from_utf8_lossy(other);
    check_ignored(&other);
    let lines = build_output(&String::from_utf8_lossy(text), &other);
    assert!(lines.len() <= 30 && lines.iter().all(|line| line.len() < 20_000), "{lines:?}");
    // What needs no image is built.
    if dockerfile(&String::from_utf8_lossy(text)).is_ok_and(|images| images.is_empty()) {
        build(text, &other);
    }
});

fn check_ignored(file: &str) {
    let Ok(found) = ignored(file, &PATHS) else { return };
    for (folder, of_folder) in PATHS.iter().zip(&found).filter(|(_, it)| it.with_all_in_it) {
        for (path, of_path) in PATHS.iter().zip(&found) {
            let is_inside = path.starts_with(folder) && path.get(folder.len()) == Some(&b'/');
            assert!(!is_inside || of_path.left_out, "{folder:?} {path:?} {of_folder:?}");
        }
    }
}

/// Builds in a folder of which nothing else may change.
fn build(text: &[u8], ignore: &str) {
    PLACE.with(|place| {
        let (folder, store) = place.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let context = folder.path().join("context");
            fs::create_dir_all(context.join("a/b")).expect("a folder");
            fs::write(context.join("a/b/c.txt"), "c").expect("a file");
            fs::write(context.join(".env"), "KEY=1").expect("a file");
            fs::write(folder.path().join("outside"), "kept outside").expect("a file");
            symlink("../outside", context.join("out")).expect("a link");
            let store = Store::open(&folder.path().join("images")).expect("a store");
            (folder, store)
        });
        let context = folder.path().join("context");
        fs::write(context.join("Dockerfile"), text).expect("a file");
        fs::write(context.join(".dockerignore"), ignore).expect("a file");
        let platform = "linux/amd64".parse().expect("a platform");
        let state = context.join(".shipway");
        let request =
            BuildRequest { context: context.clone(), platform, state, ..BuildRequest::default() };
        let Ok(native) = NativeBuild::read(&request, false) else { return };
        let scratch = tempfile::tempdir_in(folder.path()).expect("a folder");
        let stop = AtomicBool::new(false);
        let control = WorkControl::new(&stop);
        let dirs = BuildDirs { store, scratch_dir: scratch.path(), control, runner: None };
        // Both results are fine.
        drop(native.build(&dirs, &[]));
        drop(scratch);
        let outside = fs::read(folder.path().join("outside")).expect("it is still there");
        assert_eq!(outside, b"kept outside");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3);
        assert_eq!(fs::read_dir(&context).expect("a folder").count(), 5);
    });
}
