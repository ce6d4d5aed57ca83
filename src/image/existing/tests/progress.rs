//! What an import says while it goes on, and how it is stopped.

use super::Fixture;
use crate::image::existing::{ImageSource, import};
use crate::image::layers::{LayerSource, Recipe, build};
use crate::image::testing::export;
use crate::image::{Store, WorkControl};
use crate::oci::{Descriptor, Platform};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

#[test]
fn blobs_are_reported_early_while_much_is_left() {
    let fixture = Fixture::new();
    // Random bytes, which do not become fewer.
    let noise = |seed: u64| {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56).to_le_bytes()[0]
        };
        (0..3 << 20).map(|_| next()).collect::<Vec<u8>>()
    };
    let layers = ["x", "y", "z"].map(|name| LayerSource {
        from: name.into(),
        to: "/".into(),
        ..LayerSource::default()
    });
    for (seed, name) in (1..).zip(["x", "y", "z"]) {
        fs::write(fixture.path(name), noise(seed)).expect("written");
    }
    let (folder, layers) = (fixture.folder.path().to_owned(), layers.into());
    let recipe = Recipe { folder, layers, ..Recipe::default() };
    let go_on = AtomicBool::new(false);
    let image = build(&fixture.from, &recipe, &WorkControl::new(&go_on)).expect("built").image;
    export::oci_layout(&fixture.from, &image, None, &fixture.path("oci")).expect("written");
    let source = ImageSource::parse("oci:oci", fixture.folder.path()).expect("local");
    let told = Mutex::new(Vec::new());
    let early = |blob: &Descriptor| {
        assert!(fixture.to.has(blob));
        told.lock().expect("no panic").push(blob.digest.clone());
    };

    let control = WorkControl { early: &early, ..WorkControl::new(&go_on) };
    import(&fixture.to, &source, None, &control).expect("imported");
    let told = std::mem::take(&mut *told.lock().expect("no panic"));
    // Not the last of them, and the configuration only if it came before.
    let layers: Vec<_> = image.layers.iter().filter(|it| told.contains(&it.digest)).collect();
    assert_eq!(layers.len(), 2, "{told:?}");

    // What is there already is no news.
    let silent = |blob: &Descriptor| panic!("{} was there", blob.digest);
    let control = WorkControl { early: &silent, ..WorkControl::new(&go_on) };
    import(&fixture.to, &source, None, &control).expect("imported");
}

#[test]
fn only_copied_blobs_are_counted() {
    let fixture = Fixture::new();
    fixture.layout(None);
    let saved = fixture.path("saved.tar");
    export::docker_archive(&fixture.from, &fixture.image, &[], &saved).expect("written");
    let counted = |source: &str, to: &str| {
        let store = Store::open(&fixture.path(to)).expect("a store");
        let source = ImageSource::parse(source, fixture.folder.path()).expect("local");
        let stop = AtomicBool::new(false);
        let control = WorkControl::new(&stop);
        import(&store, &source, None, &control).expect("imported");
        let parts = control.tally.progress().parts.into_iter();
        parts.map(|part| (part.name, part.done, part.total)).collect::<Vec<_>>()
    };
    // Each once, though the first layer is there twice.
    let [a, b] = [&fixture.image.layers[0], &fixture.image.layers[1]];
    let part = |blob: &Descriptor| (blob.digest.to_string(), blob.size, blob.size);
    assert_eq!(
        counted("oci:oci", "one"),
        [fixture.image.config.clone(), a.clone(), b.clone()].map(|it| part(&it))
    );
    assert_eq!(counted("oci:oci", "one"), []);

    // Of a docker archive what it holds: the streams, under their own digests.
    let config = fixture.from.config(&fixture.image).expect("a configuration");
    let stream = |at: usize| config["rootfs"]["diff_ids"][at].as_str().expect("text").to_owned();
    let counts = counted("docker-archive:saved.tar", "other");
    let names: Vec<&String> = counts.iter().map(|(name, _, _)| name).collect();
    assert_eq!(names, [&stream(0), &stream(1)]);
    assert!(counts.iter().all(|(_, done, total)| done == total && *total > 1024), "{counts:?}");
    assert_eq!(counted("docker-archive:saved.tar", "other"), []);
}

#[test]
fn a_stopped_import_says_so() {
    let fixture = Fixture::new();
    fixture.layout(None);
    let source = ImageSource::parse("oci:oci", fixture.folder.path()).expect("local");
    let platform = Platform::default();
    let error =
        import(&fixture.to, &source, Some(&platform), &WorkControl::new(&AtomicBool::new(true)));
    assert_eq!(error.expect_err("stopped").to_string(), "reading the image was stopped");
}
