//! Splits a very large layer into several.
//!
//! Several layers are hashed, stored and fetched in parallel, a single one is not; and if
//! one file in a layer changes, the whole layer is uploaded again. Where a list is split
//! depends on the paths and sizes of the files near the split: adding, removing or changing
//! a file changes its own layer, sometimes the next, and no other.

use super::entry::{EntryKind, LayerEntry};
use super::tree::parent;
use std::collections::{HashMap, HashSet};

/// A source with up to this many bytes becomes one layer.
const MAX_SINGLE_LAYER_BYTES: u64 = 256 << 20;
/// The smallest target size of a layer that results from a split.
const MIN_SPLIT_LAYER_BYTES: u64 = 64 << 20;
/// The target number of layers for all sources of an image.
const SPLIT_LAYERS: u64 = 16;
/// Splitting never creates an image with more layers: engines accept at most 125.
const MAX_LAYERS: usize = 100;

/// Splits the layers of one image.
pub struct LayerSplitter {
    /// The target size of a layer.
    usual: u64,
    /// The number of splits that are still allowed.
    left: usize,
}

impl LayerSplitter {
    /// For these lists above a base with `below` layers.
    pub fn new<'a>(lists: impl Iterator<Item = &'a Vec<LayerEntry>>, below: usize) -> Self {
        let (mut total, mut layers) = (0, below);
        for entries in lists {
            total += length(entries);
            layers += 1;
        }
        // A power of two, so that it rarely changes as the image grows.
        let usual = (total / SPLIT_LAYERS).next_power_of_two().max(MIN_SPLIT_LAYER_BYTES);
        Self { usual, left: MAX_LAYERS.saturating_sub(layers) }
    }

    /// Splits a list that is sorted by path; a small one stays whole. Each layer lists the
    /// parent folders of its entries, so that it is independent of the others.
    pub fn split(&mut self, entries: Vec<LayerEntry>) -> Vec<Vec<LayerEntry>> {
        // A hard link and its target must be in the same layer.
        let linked = entries.iter().any(|entry| matches!(entry.kind, EntryKind::HardLink { .. }));
        if length(&entries) <= MAX_SINGLE_LAYER_BYTES || linked {
            return vec![entries];
        }
        let folders = folders(&entries);
        let (mut layers, mut layer, mut filled) = (Vec::new(), Vec::new(), 0);
        for entry in entries {
            let size = size(&entry);
            if self.left > 0 && self.is_cut(filled, &entry.path, size) {
                self.left -= 1;
                layers.push(std::mem::take(&mut layer));
                filled = 0;
            }
            filled += size;
            layer.push(entry);
        }
        layers.push(layer);
        for layer in &mut layers {
            name_folders(layer, &folders);
        }
        layers
    }

    /// Whether to start a new layer before this file. The decision depends only on the path
    /// and size, with a probability proportional to the size.
    fn is_cut(&self, filled: u64, path: &[u8], size: u64) -> bool {
        let full = filled + size > 2 * self.usual;
        let falls =
            || u128::from(hash(path)) * u128::from(self.usual) < u128::from(size) << u64::BITS;
        filled >= self.usual / 4 && (full || falls())
    }
}

fn length(entries: &[LayerEntry]) -> u64 {
    entries.iter().map(size).sum()
}

fn size(entry: &LayerEntry) -> u64 {
    match &entry.kind {
        EntryKind::File { stamp, .. } => stamp.size,
        EntryKind::Folder | EntryKind::Symlink { .. } | EntryKind::HardLink { .. } => 0,
    }
}

/// FNV-1a with the finalizer of `MurmurHash3`, which spreads the hash over all bits.
fn hash(path: &[u8]) -> u64 {
    let fnv = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

fn folders(entries: &[LayerEntry]) -> HashMap<Box<[u8]>, LayerEntry> {
    let folders = entries.iter().filter(|entry| entry.kind == EntryKind::Folder);
    folders.map(|entry| (entry.path.clone(), entry.clone())).collect()
}

/// Adds the missing parent folders of all entries.
fn name_folders(layer: &mut Vec<LayerEntry>, folders: &HashMap<Box<[u8]>, LayerEntry>) {
    let mut named: HashSet<&[u8]> = HashSet::new();
    let mut missing = Vec::new();
    for entry in layer.iter() {
        if entry.kind == EntryKind::Folder {
            named.insert(&entry.path);
        }
    }
    for entry in layer.iter() {
        let mut folder = parent(&entry.path);
        while let Some(above) = folders.get(folder).filter(|above| named.insert(&above.path)) {
            missing.push(above.clone());
            folder = parent(folder);
        }
    }
    layer.append(&mut missing);
    layer.sort_by(|one, other| one.path.cmp(&other.path));
}

#[cfg(test)]
mod tests {
    use super::{LayerSplitter, MAX_LAYERS, MAX_SINGLE_LAYER_BYTES, MIN_SPLIT_LAYER_BYTES};
    use crate::image::layers::entry::{EntryKind, FileSource, FileStamp, LayerEntry};
    use crate::image::layers::recipe::Owner;
    use crate::image::layers::xattrs::Xattrs;
    use std::collections::BTreeSet;
    use std::path::Path;

    const MIB: u64 = 1 << 20;

    fn entry(path: &str, kind: EntryKind) -> LayerEntry {
        let mode = if kind == EntryKind::Folder { 0o755 } else { 0o644 };
        let (owner, xattrs) = (Owner::default(), Xattrs::default());
        LayerEntry { path: path.as_bytes().into(), mode, owner, xattrs, kind }
    }

    fn file(path: &str, size: u64) -> LayerEntry {
        let source = FileSource::At(Path::new(path).into());
        let (device, inode, links) = (1, 1, 1);
        let stamp = FileStamp { device, inode, links, size, modified: (1, 0), changed: (1, 0) };
        entry(path, EntryKind::File { source, stamp })
    }

    /// Folders of files of `size`, in the order of their paths.
    fn list(folders: usize, files: usize, size: u64) -> Vec<LayerEntry> {
        let mut entries = vec![entry("srv", EntryKind::Folder)];
        for folder in 0..folders {
            entries.push(entry(&format!("srv/{folder:03}"), EntryKind::Folder));
            let name = |number| format!("srv/{folder:03}/{number:03}");
            entries.extend((0..files).map(|number| file(&name(number), size)));
        }
        entries
    }

    fn split(entries: Vec<LayerEntry>) -> Vec<Vec<LayerEntry>> {
        LayerSplitter::new([&entries].into_iter(), 0).split(entries)
    }

    fn bytes(layer: &[LayerEntry]) -> u64 {
        super::length(layer)
    }

    fn paths(layer: &[LayerEntry]) -> Vec<&str> {
        layer.iter().map(|entry| std::str::from_utf8(&entry.path).expect("text")).collect()
    }

    #[test]
    fn up_to_a_size_a_folder_is_one_layer() {
        let entries = list(4, 64, MIB);
        assert_eq!(bytes(&entries), MAX_SINGLE_LAYER_BYTES);
        assert_eq!(split(entries.clone()), std::slice::from_ref(&entries));
        let mut larger = entries;
        larger.push(file("srv/003/064", MIB));
        assert!(split(larger).len() > 1);
    }

    #[test]
    fn a_large_folder_is_several_layers_that_hold_it_all() {
        let entries = list(50, 40, MIB / 2);
        let layers = split(entries.clone());

        assert!((6..=24).contains(&layers.len()), "{}", layers.len());
        let mut all: Vec<&str> = Vec::new();
        let mut folders: BTreeSet<&str> = BTreeSet::new();
        for layer in &layers {
            assert!(layer.is_sorted_by_key(|entry| &entry.path));
            assert!(
                (MIN_SPLIT_LAYER_BYTES / 8..=2 * MIN_SPLIT_LAYER_BYTES).contains(&bytes(layer)),
                "{}",
                bytes(layer)
            );
            let paths = paths(layer);
            for path in &paths {
                let above = path.rsplit_once('/').map(|(above, _)| above);
                assert!(above.is_none_or(|above| paths.contains(&above)), "{path}");
            }
            for (path, entry) in paths.into_iter().zip(layer) {
                match entry.kind {
                    EntryKind::Folder => drop(folders.insert(path)),
                    _ => all.push(path),
                }
            }
        }
        let (expected_folders, expected): (Vec<LayerEntry>, Vec<LayerEntry>) =
            entries.into_iter().partition(|entry| entry.kind == EntryKind::Folder);
        assert_eq!(all, paths(&expected));
        assert_eq!(folders.into_iter().collect::<Vec<_>>(), paths(&expected_folders));
    }

    #[test]
    fn a_file_that_comes_or_grows_changes_few_layers() {
        let entries = list(50, 40, MIB / 2);
        let before = split(entries.clone());
        for place in [2, 700, 2_000] {
            let mut more = entries.clone();
            more.insert(place, file(&format!("{}-new", paths(&entries)[place - 1]), 5 * MIB));
            let after = split(more);
            let changed = after.iter().filter(|layer| !before.contains(layer)).count();
            assert!(changed <= 2, "{changed} of {}", after.len());
        }
    }

    #[test]
    fn larger_sources_become_larger_layers() {
        assert!(split(list(100, 100, 2 * MIB)).len() <= 32);
        assert!(split(list(100, 100, 200 * MIB)).len() <= 32);
        // No file is ever cut.
        assert_eq!(
            split(vec![file("a", 9 * MIN_SPLIT_LAYER_BYTES), file("b", 9 * MIN_SPLIT_LAYER_BYTES)])
                .len(),
            2
        );
        assert_eq!(split(vec![file("a", 99 * MIN_SPLIT_LAYER_BYTES)]).len(), 1);
    }

    #[test]
    fn the_number_of_layers_is_limited() {
        let lists = vec![list(50, 40, MIB); 30];
        let cut = |below| {
            let mut splitter = LayerSplitter::new(lists.iter(), below);
            lists.iter().map(|list| splitter.split(list.clone()).len()).collect::<Vec<_>>()
        };

        // All of them together are very large, so each is cut less than alone.
        assert!(split(lists[0].clone()).len() > 8);
        assert!(cut(0).iter().all(|layers| *layers <= 3), "{:?}", cut(0));
        assert_eq!(cut(MAX_LAYERS - 30), [1; 30]);
        assert_eq!(cut(2 * MAX_LAYERS), [1; 30]);
        let of_one = [1, 2, 3].map(|left| {
            let mut splitter = LayerSplitter::new(lists[..1].iter(), MAX_LAYERS - left);
            splitter.split(lists[0].clone()).len()
        });
        assert_eq!(of_one, [1, 2, 3]);
    }

    #[test]
    fn hard_links_keep_everything_in_one_layer() {
        let mut entries = list(50, 40, MIB / 2);
        entries.push(entry(
            "srv/link",
            EntryKind::HardLink { target: b"srv/000/000".as_slice().into() },
        ));
        assert_eq!(split(entries).len(), 1);
    }
}
