//! Cuts what would be a very large layer into several.
//!
//! Layers are hashed, stored and fetched one beside the other, but none by more
//! than one core at a time; and of a layer in which one file has changed all
//! goes up again. So a large folder becomes several layers. Where they are cut
//! depends on the paths and sizes of files, mostly of those around the cut: a
//! file that comes, goes or grows changes the layer that it is in, at times the
//! next, and leaves the others as they are.

use super::tree::parent;
use super::walk::{Entry, Kind};
use std::collections::{HashMap, HashSet};

/// Up to this many bytes in files stay one layer.
const LARGE: u64 = 256 << 20;
/// About how much goes into a layer of a larger one, at least.
const USUAL: u64 = 64 << 20;
/// About how many layers are made of all that an image is made from.
const WANTED: u64 = 16;
/// No image becomes one of more layers than this by cutting: engines refuse more
/// than 125.
const MOST: usize = 100;

/// How the folders of one image are cut.
pub(super) struct Cutting {
    /// About how much goes into a layer.
    usual: u64,
    /// How often may still be cut.
    left: usize,
}

impl Cutting {
    /// For these lists over a base of so many layers.
    pub(super) fn new<'a>(lists: impl Iterator<Item = &'a Vec<Entry>>, below: usize) -> Self {
        let (mut total, mut layers) = (0, below);
        for entries in lists {
            total += length(entries);
            layers += 1;
        }
        // A power of two, so that it stays the same while the whole grows.
        let usual = (total / WANTED).next_power_of_two().max(USUAL);
        Self { usual, left: MOST.saturating_sub(layers) }
    }

    /// The layers of a list that is in the order of its paths: itself, unless it
    /// is large. Each names the folders that its entries are in, so that it does
    /// not depend on the others.
    pub(super) fn split(&mut self, entries: Vec<Entry>) -> Vec<Vec<Entry>> {
        // The two ends of a hard link have to be in one layer.
        let linked = entries.iter().any(|entry| matches!(entry.kind, Kind::HardLink { .. }));
        if length(&entries) <= LARGE || linked {
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

    /// Whether a layer that is filled so far ends before this file: as likely as
    /// the file is large, and for the same path always alike.
    fn is_cut(&self, filled: u64, path: &[u8], size: u64) -> bool {
        let full = filled + size > 2 * self.usual;
        let falls =
            || u128::from(hash(path)) * u128::from(self.usual) < u128::from(size) << u64::BITS;
        filled >= self.usual / 4 && (full || falls())
    }
}

fn length(entries: &[Entry]) -> u64 {
    entries.iter().map(size).sum()
}

fn size(entry: &Entry) -> u64 {
    match &entry.kind {
        Kind::File { stamp, .. } => stamp.size,
        Kind::Folder | Kind::Symlink { .. } | Kind::HardLink { .. } => 0,
    }
}

/// FNV-1a with the last step of Murmur3, which spreads it over all bits.
fn hash(path: &[u8]) -> u64 {
    let fnv = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

fn folders(entries: &[Entry]) -> HashMap<Box<[u8]>, Entry> {
    let folders = entries.iter().filter(|entry| entry.kind == Kind::Folder);
    folders.map(|entry| (entry.path.clone(), entry.clone())).collect()
}

/// Adds the folders above each entry that are not there.
fn name_folders(layer: &mut Vec<Entry>, folders: &HashMap<Box<[u8]>, Entry>) {
    let mut named: HashSet<&[u8]> = HashSet::new();
    let mut missing = Vec::new();
    for entry in layer.iter() {
        if entry.kind == Kind::Folder {
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
    use super::{Cutting, LARGE, MOST, USUAL};
    use crate::image::layers::recipe::Owner;
    use crate::image::layers::walk::{Entry, Kind, Source, Stamp};
    use std::collections::BTreeSet;
    use std::path::Path;

    const MIB: u64 = 1 << 20;

    fn entry(path: &str, kind: Kind) -> Entry {
        let mode = if kind == Kind::Folder { 0o755 } else { 0o644 };
        Entry { path: path.as_bytes().into(), mode, owner: Owner::default(), kind }
    }

    fn file(path: &str, size: u64) -> Entry {
        let source = Source::At(Path::new(path).into());
        let (device, inode, links) = (1, 1, 1);
        let stamp = Stamp { device, inode, links, size, modified: (1, 0), changed: (1, 0) };
        entry(path, Kind::File { source, stamp })
    }

    /// Folders of files of `size`, in the order of their paths.
    fn list(folders: usize, files: usize, size: u64) -> Vec<Entry> {
        let mut entries = vec![entry("srv", Kind::Folder)];
        for folder in 0..folders {
            entries.push(entry(&format!("srv/{folder:03}"), Kind::Folder));
            let name = |number| format!("srv/{folder:03}/{number:03}");
            entries.extend((0..files).map(|number| file(&name(number), size)));
        }
        entries
    }

    fn split(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
        Cutting::new([&entries].into_iter(), 0).split(entries)
    }

    fn bytes(layer: &[Entry]) -> u64 {
        super::length(layer)
    }

    fn paths(layer: &[Entry]) -> Vec<&str> {
        layer.iter().map(|entry| std::str::from_utf8(&entry.path).expect("text")).collect()
    }

    #[test]
    fn up_to_a_size_a_folder_is_one_layer() {
        let entries = list(4, 64, MIB);
        assert_eq!(bytes(&entries), LARGE);
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
            assert!((USUAL / 8..=2 * USUAL).contains(&bytes(layer)), "{}", bytes(layer));
            let paths = paths(layer);
            for path in &paths {
                let above = path.rsplit_once('/').map(|(above, _)| above);
                assert!(above.is_none_or(|above| paths.contains(&above)), "{path}");
            }
            for (path, entry) in paths.into_iter().zip(layer) {
                match entry.kind {
                    Kind::Folder => drop(folders.insert(path)),
                    _ => all.push(path),
                }
            }
        }
        let (expected_folders, expected): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| entry.kind == Kind::Folder);
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
    fn what_is_larger_becomes_larger_layers_rather_than_more() {
        assert!(split(list(100, 100, 2 * MIB)).len() <= 32);
        assert!(split(list(100, 100, 200 * MIB)).len() <= 32);
        // No file is ever cut.
        assert_eq!(split(vec![file("a", 9 * USUAL), file("b", 9 * USUAL)]).len(), 2);
        assert_eq!(split(vec![file("a", 99 * USUAL)]).len(), 1);
    }

    #[test]
    fn an_image_does_not_become_one_of_too_many_layers() {
        let lists = vec![list(50, 40, MIB); 30];
        let cut = |below| {
            let mut cutting = Cutting::new(lists.iter(), below);
            lists.iter().map(|list| cutting.split(list.clone()).len()).collect::<Vec<_>>()
        };

        // All of them together are very large, so each is cut less than alone.
        assert!(split(lists[0].clone()).len() > 8);
        assert!(cut(0).iter().all(|layers| *layers <= 3), "{:?}", cut(0));
        assert_eq!(cut(MOST - 30), [1; 30]);
        assert_eq!(cut(2 * MOST), [1; 30]);
        let of_one = [1, 2, 3].map(|left| {
            let mut cutting = Cutting::new(lists[..1].iter(), MOST - left);
            cutting.split(lists[0].clone()).len()
        });
        assert_eq!(of_one, [1, 2, 3]);
    }

    #[test]
    fn hard_links_keep_everything_in_one_layer() {
        let mut entries = list(50, 40, MIB / 2);
        entries
            .push(entry("srv/link", Kind::HardLink { target: b"srv/000/000".as_slice().into() }));
        assert_eq!(split(entries).len(), 1);
    }
}
