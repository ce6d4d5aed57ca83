//! Builds an image from files, without a container engine.
//!
//! The way of a layer: `walk` lists its entries, `split` divides a very large list, `cache`
//! looks up whether the same list was packed before, `archive` lays the list out as a tar
//! archive, and `pack` reads, hashes and compresses its blocks on all cores. `config` writes
//! the image configuration. The same recipe and files give the same bytes on every machine
//! at any time.
//!
//! Blocking, and uses all cores: call it on a separate thread.

mod archive;
mod base;
mod cache;
mod config;
mod content;
mod entry;
mod error;
mod globs;
mod listed;
mod pack;
mod recipe;
mod scan;
mod split;
pub mod tar_header;
mod tree;
mod walk;
mod xattrs;

pub use base::{add_layer, as_oci, paths, tree};
pub use cache::LayerCache;
pub use config::{BUILD_FIELDS, ordered, timestamp};
pub use content::{content_digest, write_archive};
pub use entry::{EntryKind, FileSource, FileStamp, LayerEntry};
pub use error::LayerError;
pub use listed::ListedLayer;
pub use pack::{PackOptions, Packed, ReaderSource, pack, threads};
pub use recipe::{Compression, ExposedPort, LayerSource, Mode, Owner, Recipe};
pub use scan::special;
pub use tree::{Attributes, Tree, TreeNode, join, parent, parts};
pub use xattrs::Xattrs;

use self::archive::LayerArchive;
use self::config::LayerHistory;
use self::split::LayerSplitter;
use super::WorkControl;
use super::manifest::Image;
use super::store::Store;
use crate::oci::{Descriptor, media_type};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

#[derive(Clone, Debug)]
pub struct Built {
    /// The stored image.
    pub image: Image,
    /// The layers above the base, in the recipe's order.
    pub layers: Vec<BuiltLayer>,
}

/// A layer of the recipe.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BuiltLayer {
    pub descriptor: Descriptor,
    /// Number of entries: files, folders and links.
    pub entries: usize,
    /// Uncompressed size in bytes.
    pub unpacked: u64,
    /// Whether it was packed by an earlier build.
    pub reused: bool,
}

/// Builds the image of a recipe. The progress counts the bytes of each layer that has to be
/// packed.
pub fn build(
    store: &Store,
    recipe: &Recipe,
    control: &WorkControl<'_>,
) -> Result<Built, LayerError> {
    if recipe.created > recipe::MAX_CREATED_SECS {
        return Err(LayerError::Created { created: recipe.created });
    }
    let base = base::read(store, recipe)?;
    let mut tree = base.tree;
    let mut layers = base.layers;
    let (mut made, mut built) = (Vec::new(), Vec::new());
    let lists = list(store, recipe, &mut tree)?;
    let sources = recipe.layers.iter().zip(&lists);
    let sources: Vec<_> = sources.flat_map(|(it, lists)| lists.iter().map(move |_| it)).collect();
    let lists = lists.into_iter().flatten().collect();
    let options = PackOptions { early: control.early, ..PackOptions::new(recipe.compression) };
    let packed =
        make(store, LayerOptions { pack: options, created: recipe.created }, lists, control)?;
    for (source, (packed, report)) in sources.into_iter().zip(packed) {
        let created_by = format!("shipway: `{}` at `{}`", source.from.display(), source.to);
        made.push(LayerHistory { diff_id: packed.diff_id, created_by });
        layers.push(packed.layer);
        built.push(report);
    }
    let config = config::configuration(recipe, base.config, &made)?;
    let config = store.put(media_type::CONFIG, &config)?;
    let image = Image::write(store, &config, &layers)?;
    Ok(Built { image, layers: built })
}

/// Packs each list as one layer.
pub fn assemble(
    store: &Store,
    lists: &[Arc<ListedLayer>],
    created: u64,
    control: &WorkControl<'_>,
) -> Result<Vec<Packed>, LayerError> {
    if created > recipe::MAX_CREATED_SECS {
        return Err(LayerError::Created { created });
    }
    let lists = lists.iter().map(|list| ListedLayer::clone(list)).collect();
    let options = PackOptions::new(Compression::default());
    let made = make(store, LayerOptions { pack: options, created }, lists, control)?;
    Ok(made.into_iter().map(|(packed, _)| packed).collect())
}

/// How lists become layers.
#[derive(Clone, Copy)]
struct LayerOptions<'a> {
    pack: PackOptions<'a>,
    /// The time of every entry in seconds since 1970.
    created: u64,
}

/// A layer with known entries that may have to be packed.
struct PlannedLayer<'a> {
    cache: LayerCache<'a>,
    entries: usize,
    /// Whether a later change of the files can be detected. Otherwise the layer is not
    /// cached.
    settled: bool,
    found: Option<Packed>,
}

impl PlannedLayer<'_> {
    fn remember(&self, packed: &Packed) {
        if self.settled {
            self.cache.remember(packed);
        }
    }

    fn report(&self, packed: &Packed) -> BuiltLayer {
        BuiltLayer {
            descriptor: packed.layer.clone(),
            entries: self.entries,
            unpacked: packed.unpacked,
            reused: self.found.is_some(),
        }
    }
}

/// The entries of each source, as one layer or several if it is large.
fn list(
    store: &Store,
    recipe: &Recipe,
    tree: &mut Tree,
) -> Result<Vec<Vec<ListedLayer>>, LayerError> {
    let mut walked = Vec::new();
    for source in &recipe.layers {
        let started_at = SystemTime::now();
        walked.push((walk::walk(source, &recipe.folder, store, tree)?, started_at));
    }
    let below = recipe.base.as_ref().map_or(0, |base| base.layers.len());
    let mut splitter = LayerSplitter::new(walked.iter().map(|(entries, _)| entries), below);
    let cut = |(source, (entries, started_at)): (&LayerSource, _)| {
        let name = source.from.display().to_string();
        let lists = splitter.split(entries).into_iter();
        lists.map(|entries| ListedLayer { name: name.clone(), entries, started_at }).collect()
    };
    Ok(recipe.layers.iter().zip(walked).map(cut).collect())
}

/// The layers of the lists, in order. All that are not cached are packed at the same time.
fn make<'a>(
    store: &'a Store,
    options: LayerOptions<'_>,
    lists: Vec<ListedLayer>,
    control: &WorkControl<'_>,
) -> Result<Vec<(Packed, BuiltLayer)>, LayerError> {
    let (mut layers, mut streams): (Vec<PlannedLayer<'a>>, _) = (Vec::new(), Vec::new());
    let names = names(&lists);
    for (ListedLayer { entries, started_at, .. }, name) in lists.into_iter().zip(names) {
        let cache = LayerCache::new(store, &entries, options.pack.compression, options.created);
        let found = cache.recall();
        let settled = cache::settled(&entries, started_at);
        layers.push(PlannedLayer { cache, entries: entries.len(), settled, found });
        if layers.last().is_some_and(|layer| layer.found.is_none()) {
            let archive = LayerArchive::new(entries, options.created, control.stop);
            let done = control.tally.add(&name, archive.length());
            streams.push((archive.counted_by(done), store.writer()?));
        }
    }
    let mut packed = match streams.len() {
        0 => Vec::new(),
        _ => pack(options.pack, streams)?,
    }
    .into_iter();
    let mut made = Vec::new();
    for layer in layers {
        let packed = match &layer.found {
            Some(found) => found.clone(),
            None => packed.next().expect("one for each that was not found"),
        };
        layer.remember(&packed);
        let report = layer.report(&packed);
        made.push((packed, report));
    }
    Ok(made)
}

/// The name of each list for progress reports: its source, numbered if several layers have
/// the same source.
fn names(lists: &[ListedLayer]) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let name = |ListedLayer { name, .. }: &ListedLayer| name.clone();
    let mut names: Vec<String> = lists.iter().map(name).collect();
    for (list, name) in lists.iter().zip(&mut names) {
        let number = seen.entry(&list.name).or_default();
        *number += 1;
        let all = lists.iter().filter(|other| other.name == list.name).count();
        if all > 1 {
            *name = format!("{name} ({number} of {all})");
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{Built, LayerError, LayerSource, Recipe, build};
    use crate::http::{Retry, Retryable as _};
    use crate::image::WorkControl;
    use crate::image::store::Store;
    use crate::image::stream::unpacked;
    use crate::oci::{Digest, Platform};
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, SystemTime};
    use tempfile::TempDir;

    struct Plan {
        folder: TempDir,
        store: Store,
    }

    impl Plan {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::open(&folder.path().join(".shipway/images")).expect("a store");
            let plan = Self { folder, store };
            for (path, text) in files {
                plan.write(path, text);
            }
            plan
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }

        fn recipe(&self, layers: &[(&str, &str)]) -> Recipe {
            let source = |(from, to): &(&str, &str)| LayerSource {
                from: from.into(),
                to: (*to).to_owned(),
                ..LayerSource::default()
            };
            let layers = layers.iter().map(source).collect();
            Recipe { folder: self.folder.path().to_owned(), layers, ..Recipe::default() }
        }

        fn build(&self, recipe: &Recipe) -> Result<Built, LayerError> {
            build(&self.store, recipe, &WorkControl::new(&AtomicBool::new(false)))
        }

        /// Waits until files written so far count as settled.
        fn settle() {
            let until = SystemTime::now() + Duration::from_millis(150);
            while SystemTime::now() < until {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn the_same_files_give_the_same_image_wherever_they_are() {
        let one = Plan::new(&[("a/x", "1"), ("a/y", "2"), ("b/z", "3")]);
        let other = Plan::new(&[("b/z", "3"), ("a/y", "2"), ("a/x", "1")]);
        let layers = [("a", "/srv"), ("b/z", "/z")];

        let built = one.build(&one.recipe(&layers)).expect("built");

        let again = other.build(&other.recipe(&layers)).expect("built");
        assert_eq!(built.image, again.image);
        assert_eq!(one.store.load(&built.image.manifest.digest).expect("stored"), built.image);
        assert_eq!(built.layers.iter().map(|layer| layer.entries).collect::<Vec<_>>(), [3, 1]);
        // Pinned: a change would make the next push of every user upload everything.
        assert_eq!(
            built.layers[1].descriptor.digest.as_str(),
            "sha256:fddd198f5420032512a8cbc8cb40182f6f7e9b3614be0b39851d7e41458d01d6",
        );
    }

    #[test]
    fn only_a_changed_folder_is_read_again() {
        let plan = Plan::new(&[("a/x", "1")]);
        Plan::settle();
        let recipe = plan.recipe(&[("a", "/")]);
        let first = plan.build(&recipe).expect("built");
        assert!(!first.layers[0].reused);

        let second = plan.build(&recipe).expect("built");
        assert!(second.layers[0].reused);
        assert_eq!(second.image, first.image);

        let blob = plan.store.path(&first.layers[0].descriptor.digest).expect("a path");
        fs::remove_file(blob).expect("removed");
        assert!(!plan.build(&recipe).expect("built").layers[0].reused, "the blob is gone");

        plan.write("a/x", "2");
        let changed = plan.build(&recipe).expect("built");
        assert!(!changed.layers[0].reused);
        assert_ne!(changed.image, first.image);
    }

    #[test]
    fn a_program_that_gets_capabilities_is_packed_with_them() {
        let plan = Plan::new(&[("a/app", "1"), ("a/text", "2")]);
        let app = plan.folder.path().join("a/app");
        fs::set_permissions(&app, fs::Permissions::from_mode(0o755)).expect("executable");
        Plan::settle();
        let recipe = plan.recipe(&[("a", "/srv")]);
        let before = plan.build(&recipe).expect("built");
        let bind = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let flags = rustix::fs::XattrFlags::empty();
        let set = rustix::fs::setxattr(&app, "security.capability", &bind, flags).is_ok();

        let built = plan.build(&recipe).expect("built");

        // Only root may set them, and some file systems have none.
        assert_eq!(built.layers[0].reused, !set);
        assert_eq!(built.image != before.image, set);
        let layer = plan.store.locate(&built.image.layers[0]).expect("there");
        let file = File::open(layer).expect("readable");
        let mut archive = tar::Archive::new(unpacked(file).expect("a stream"));
        let mut found = Vec::new();
        for entry in archive.entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").into_owned();
            for record in entry.pax_extensions().expect("records").into_iter().flatten() {
                let record = record.expect("a record");
                let name = record.key().expect("text").to_owned();
                found.push((path.clone(), name, record.value_bytes().to_vec()));
            }
        }
        let name = "SCHILY.xattr.security.capability".to_owned();
        let record = ("srv/app".into(), name, bind.to_vec());
        assert_eq!(found, if set { vec![record] } else { Vec::new() });
    }

    #[test]
    fn only_packed_layers_are_counted() {
        let large = "x".repeat(3 << 20);
        let plan = Plan::new(&[("a/x", &large), ("b", "2")]);
        Plan::settle();
        let counted = |layers: &[(&str, &str)]| {
            let stop = AtomicBool::new(false);
            let control = WorkControl::new(&stop);
            let built = build(&plan.store, &plan.recipe(layers), &control).expect("built");
            let sizes = built.layers.iter().map(|layer| layer.unpacked).collect::<Vec<_>>();
            let parts = control.tally.progress().parts.into_iter();
            (sizes, parts.map(|part| (part.name, part.done, part.total)).collect::<Vec<_>>())
        };
        let part = |name: &str, size| (name.to_owned(), size, size);

        let (sizes, parts) = counted(&[("a", "/srv"), ("b", "/b")]);
        assert_eq!(parts, [part("a", sizes[0]), part("b", sizes[1])]);
        assert!(sizes[0] > 3 << 20, "{sizes:?}");

        // The first layer is cached.
        let (sizes, parts) = counted(&[("a", "/srv"), ("b", "/c"), ("b", "/d")]);
        assert_eq!(parts, [part("b (1 of 2)", sizes[1]), part("b (2 of 2)", sizes[2])]);
    }

    #[test]
    fn a_base_keeps_its_layers_and_folder_modes() {
        let plan = Plan::new(&[("base/tmp/x", "1"), ("app", "2")]);
        let below = plan.build(&plan.recipe(&[("base", "/")])).expect("built").image;
        let recipe = Recipe { base: Some(below.clone()), ..plan.recipe(&[("app", "/tmp/")]) };

        let image = plan.build(&recipe).expect("built").image;

        assert_eq!(image.layers[0], below.layers[0]);
        let file =
            File::open(plan.store.locate(&image.layers[1]).expect("there")).expect("readable");
        let mut archive = tar::Archive::new(unpacked(file).expect("a stream"));
        let paths: Vec<_> = archive
            .entries()
            .expect("an archive")
            .map(|entry| entry.expect("an entry").path().expect("a path").into_owned())
            .collect();
        assert_eq!(paths, [Path::new("tmp/"), Path::new("tmp/app")]);
        let config = plan.store.config(&image).expect("a configuration");
        assert_eq!(config["rootfs"]["diff_ids"].as_array().expect("a list").len(), 2);
        assert_eq!(config["history"].as_array().expect("a list").len(), 2);
    }

    #[test]
    fn a_base_for_another_platform_is_refused() {
        let plan = Plan::new(&[("app", "2")]);
        let base = plan.build(&plan.recipe(&[("app", "/")])).expect("built").image;
        let platform: Platform = "linux/arm64".parse().expect("a platform");
        let recipe = Recipe { base: Some(base), platform, ..plan.recipe(&[("app", "/b")]) };

        let error = plan.build(&recipe).expect_err("refused");

        assert_eq!(error.to_string(), "the base image is for linux/amd64, not for linux/arm64");
    }

    #[test]
    fn a_base_that_names_fewer_layers_than_it_has_is_refused() {
        let plan = Plan::new(&[("app", "2")]);
        let mut base = plan.build(&plan.recipe(&[("app", "/")])).expect("built").image;
        base.layers.push(base.layers[0].clone());
        let recipe = Recipe { base: Some(base), ..plan.recipe(&[("app", "/b")]) };

        let error = plan.build(&recipe).expect_err("refused");

        assert_eq!(error.to_string(), "the base image has 2 layers, and its configuration lists 1");
        assert_eq!(
            error.help().as_deref(),
            Some("use another base image: no runtime can run this one")
        );
    }

    #[test]
    fn a_damaged_base_layer_is_removed_and_retried() {
        let plan = Plan::new(&[("base/x", "1"), ("app", "2")]);
        let base = plan.build(&plan.recipe(&[("base", "/")])).expect("built").image;
        let blob = plan.store.path(&base.layers[0].digest).expect("a path");
        let mut bytes = fs::read(&blob).expect("stored");
        bytes[20] ^= 1;
        fs::write(&blob, bytes).expect("damaged");
        let recipe = Recipe { base: Some(base.clone()), ..plan.recipe(&[("app", "/b")]) };

        let error = plan.build(&recipe).expect_err("damaged");

        let digest = &base.layers[0].digest;
        assert_eq!(
            error.to_string(),
            format!("cannot read the layer `{digest}` of the base image")
        );
        assert_eq!(
            error.help().as_deref(),
            Some("the local copy was damaged and has been removed: run the step again to fetch it")
        );
        assert_eq!(error.retry(), Retry::Backoff);
        assert!(!blob.exists());
    }

    #[test]
    fn a_missing_source_is_named_with_its_folder() {
        let plan = Plan::new(&[]);
        let error = plan.build(&plan.recipe(&[("dist/server", "/server")])).expect_err("missing");
        assert_eq!(
            error.to_string(),
            format!("there is no `dist/server` in `{}`", plan.folder.path().display())
        );
    }

    #[test]
    fn a_stopped_build_stores_no_image() {
        let plan = Plan::new(&[("a", "1")]);
        let error = build(
            &plan.store,
            &plan.recipe(&[("a", "/")]),
            &WorkControl::new(&AtomicBool::new(true)),
        );
        assert!(matches!(error, Err(LayerError::Stopped)));
        let blobs = fs::read_dir(plan.store.root().join("blobs/sha256")).expect("a folder");
        assert_eq!(blobs.count(), 0);
    }

    #[test]
    fn scratch_alone_is_an_image_too() {
        let plan = Plan::new(&[]);
        let built = plan.build(&plan.recipe(&[])).expect("built");
        assert!(built.image.layers.is_empty());
        assert_eq!(
            *built.image.image_id(),
            Digest::of(&plan.store.read(built.image.image_id()).expect("stored"))
        );
    }
}
