//! Makes an image out of files, without a container engine.
//!
//! The way of a layer: `walk` lists what goes into it, `split` makes several of a
//! very large one, `cache` knows whether that list became a layer before,
//! `archive` is that list as an archive, of which `pack` reads, hashes and
//! compresses the blocks on all cores. `config` says how the image is run. The
//! same recipe over the same files gives the same bytes, whoever makes it, where
//! and when.
//!
//! Blocking, and busy on every core: for a thread of its own.

mod archive;
mod base;
mod cache;
mod config;
mod error;
mod globs;
mod pack;
mod recipe;
mod scan;
mod split;
mod tape;
mod tree;
mod walk;

pub(super) use base::{as_oci, paths, tree};
pub(super) use cache::Cache;
pub(super) use config::{DROPPED, ordered, timestamp};
pub use error::LayerError;
pub(super) use pack::{PackOptions, Packed, Reading, pack, threads};
pub use recipe::{Compression, ExposedPort, LayerSource, Mode, Owner, Recipe};
pub(super) use scan::special;
pub(super) use tree::{Attributes, Node, Tree, join, parent, parts};
pub(super) use walk::{Entry, Kind, Source, Stamp};

use self::archive::Archive;
use self::config::Made;
use self::split::Cutting;
use super::Watch;
use super::manifest::Image;
use super::store::Store;
use crate::oci::{Descriptor, media_type};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// What was made.
#[derive(Clone, Debug)]
pub struct Built {
    /// The image, in the store.
    pub image: Image,
    /// The layers over the base, in the recipe's order.
    pub layers: Vec<BuiltLayer>,
}

/// One layer that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BuiltLayer {
    /// As stored.
    pub descriptor: Descriptor,
    /// Entries in it: files, folders and links.
    pub entries: usize,
    /// Its length before it was compressed.
    pub unpacked: u64,
    /// Whether nothing had changed since it was made before.
    pub reused: bool,
}

/// Makes the image of a recipe. What is counted are the bytes of each layer that
/// has to be packed, before it is.
pub fn build(store: &Store, recipe: &Recipe, watch: &Watch<'_>) -> Result<Built, LayerError> {
    if recipe.created > recipe::LATEST {
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
    let options = PackOptions { early: watch.early, ..PackOptions::new(recipe.compression) };
    let packed = make(store, (options, recipe.created), lists, watch)?;
    for (source, (packed, report)) in sources.into_iter().zip(packed) {
        let created_by = format!("shipway: `{}` at `{}`", source.from.display(), source.to);
        made.push(Made { diff_id: packed.diff_id, created_by });
        layers.push(packed.layer);
        built.push(report);
    }
    let config = config::configuration(recipe, base.config, &made)?;
    let config = store.put(media_type::CONFIG, &config)?;
    let image = Image::write(store, &config, &layers)?;
    Ok(Built { image, layers: built })
}

/// Entries that were listed elsewhere.
#[derive(Clone)]
pub(super) struct Listed {
    /// What they come from.
    pub(super) name: String,
    pub(super) entries: Vec<Entry>,
    /// A time before they were listed.
    pub(super) begun: SystemTime,
}

/// Packs each list into a layer.
pub(super) fn assemble(
    store: &Store,
    lists: &[Arc<Listed>],
    created: u64,
    watch: &Watch<'_>,
) -> Result<Vec<Packed>, LayerError> {
    if created > recipe::LATEST {
        return Err(LayerError::Created { created });
    }
    let lists = lists.iter().map(|list| Listed::clone(list)).collect();
    let options = PackOptions::new(Compression::default());
    let made = make(store, (options, created), lists, watch)?;
    Ok(made.into_iter().map(|(packed, _)| packed).collect())
}

/// One layer, of which it is known what goes into it.
struct Layer<'a> {
    cache: Cache<'a>,
    entries: usize,
    /// Whether what was listed can be told from what it may yet become.
    settled: bool,
    found: Option<Packed>,
}

impl Layer<'_> {
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

/// What each source of a recipe puts into the image, in order: one layer, or
/// several where it is large.
fn list(store: &Store, recipe: &Recipe, tree: &mut Tree) -> Result<Vec<Vec<Listed>>, LayerError> {
    let mut walked = Vec::new();
    for source in &recipe.layers {
        let begun = SystemTime::now();
        walked.push((walk::walk(source, &recipe.folder, store, tree)?, begun));
    }
    let below = recipe.base.as_ref().map_or(0, |base| base.layers.len());
    let mut cutting = Cutting::new(walked.iter().map(|(entries, _)| entries), below);
    let cut = |(source, (entries, begun)): (&LayerSource, _)| {
        let name = source.from.display().to_string();
        let lists = cutting.split(entries).into_iter();
        lists.map(|entries| Listed { name: name.clone(), entries, begun }).collect()
    };
    Ok(recipe.layers.iter().zip(walked).map(cut).collect())
}

/// The layers of lists, in order. What is not remembered is packed, all of it at
/// once.
fn make<'a>(
    store: &'a Store,
    (options, created): (PackOptions<'_>, u64),
    lists: Vec<Listed>,
    watch: &Watch<'_>,
) -> Result<Vec<(Packed, BuiltLayer)>, LayerError> {
    let (mut layers, mut streams): (Vec<Layer<'a>>, _) = (Vec::new(), Vec::new());
    let names = names(&lists);
    for (Listed { entries, begun, .. }, name) in lists.into_iter().zip(names) {
        let cache = Cache::new(store, &entries, options.compression, created);
        let found = cache.recall();
        let settled = cache::settled(&entries, begun);
        layers.push(Layer { cache, entries: entries.len(), settled, found });
        if layers.last().is_some_and(|layer| layer.found.is_none()) {
            let archive = Archive::new(entries, created, watch.stop);
            let done = watch.tally.add(&name, archive.length());
            streams.push((archive.counted_by(done), store.writer()?));
        }
    }
    let mut packed = match streams.len() {
        0 => Vec::new(),
        _ => pack(options, streams)?,
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

/// What each list is called: what it comes from, and where several come from the
/// same, which of them it is.
fn names(lists: &[Listed]) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let name = |Listed { name, .. }: &Listed| name.clone();
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
    use crate::image::Watch;
    use crate::image::store::Store;
    use crate::image::stream::unpacked;
    use crate::oci::{Digest, Platform};
    use std::fs::{self, File};
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
            build(&self.store, recipe, &Watch::new(&AtomicBool::new(false)))
        }

        /// Waits until the clock has moved on from the last change.
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
        // Pinned, because a change to it makes every user's next push a full one.
        assert_eq!(
            built.layers[1].descriptor.digest.as_str(),
            "sha256:fddd198f5420032512a8cbc8cb40182f6f7e9b3614be0b39851d7e41458d01d6",
        );
    }

    #[test]
    fn an_unchanged_folder_is_not_read_again_and_a_changed_one_is() {
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
    fn what_is_packed_is_counted_and_what_is_not_packed_is_not() {
        let large = "x".repeat(3 << 20);
        let plan = Plan::new(&[("a/x", &large), ("b", "2")]);
        Plan::settle();
        let counted = |layers: &[(&str, &str)]| {
            let stop = AtomicBool::new(false);
            let watch = Watch::new(&stop);
            let built = build(&plan.store, &plan.recipe(layers), &watch).expect("built");
            let sizes = built.layers.iter().map(|layer| layer.unpacked).collect::<Vec<_>>();
            let parts = watch.tally.progress().parts.into_iter();
            (sizes, parts.map(|part| (part.name, part.done, part.total)).collect::<Vec<_>>())
        };
        let part = |name: &str, size| (name.to_owned(), size, size);

        let (sizes, parts) = counted(&[("a", "/srv"), ("b", "/b")]);
        assert_eq!(parts, [part("a", sizes[0]), part("b", sizes[1])]);
        assert!(sizes[0] > 3 << 20, "{sizes:?}");

        // The first is remembered.
        let (sizes, parts) = counted(&[("a", "/srv"), ("b", "/c"), ("b", "/d")]);
        assert_eq!(parts, [part("b (1 of 2)", sizes[1]), part("b (2 of 2)", sizes[2])]);
    }

    #[test]
    fn a_base_stays_below_with_its_folders_modes() {
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

        assert_eq!(
            error.to_string(),
            "the base image is for linux/amd64, and the image is to be for linux/arm64"
        );
    }

    #[test]
    fn a_base_that_names_fewer_layers_than_it_has_is_refused() {
        let plan = Plan::new(&[("app", "2")]);
        let mut base = plan.build(&plan.recipe(&[("app", "/")])).expect("built").image;
        base.layers.push(base.layers[0].clone());
        let recipe = Recipe { base: Some(base), ..plan.recipe(&[("app", "/b")]) };

        let error = plan.build(&recipe).expect_err("refused");

        assert_eq!(
            error.to_string(),
            "the base image has 2 layers where its configuration names 1"
        );
        assert_eq!(error.help().as_deref(), Some("name another base: no runtime can run this one"));
    }

    #[test]
    fn a_damaged_copy_of_a_base_is_removed_and_the_step_may_be_tried_again() {
        let plan = Plan::new(&[("base/x", "1"), ("app", "2")]);
        let base = plan.build(&plan.recipe(&[("base", "/")])).expect("built").image;
        let blob = plan.store.path(&base.layers[0].digest).expect("a path");
        let mut bytes = fs::read(&blob).expect("stored");
        bytes[20] ^= 1;
        fs::write(&blob, bytes).expect("damaged");
        let recipe = Recipe { base: Some(base.clone()), ..plan.recipe(&[("app", "/b")]) };

        let error = plan.build(&recipe).expect_err("damaged");

        let digest = &base.layers[0].digest;
        assert_eq!(error.to_string(), format!("read the base image's layer `{digest}`"));
        assert_eq!(
            error.help().as_deref(),
            Some(
                "the copy of it here was damaged and is removed: run the step again, which fetches it anew"
            )
        );
        assert_eq!(error.retry(), Retry::Backoff);
        assert!(!blob.exists());
    }

    #[test]
    fn what_is_missing_is_named_with_its_folder() {
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
        let error =
            build(&plan.store, &plan.recipe(&[("a", "/")]), &Watch::new(&AtomicBool::new(true)));
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
