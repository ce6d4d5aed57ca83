//! What lies below the recipe's layers: the base image's configuration, its
//! layers, and the folders and links in them.
//!
//! Only the folders and links are read out of a base, once; they are noted in
//! the store, because unpacking a base takes longer than the rest of a build.

use super::error::LayerError;
use super::recipe::{Owner, Recipe};
use super::scan::WHITEOUT;
use super::tree::{Attributes, Node, Tree, join, parent, parts};
use crate::image::hash::Hasher;
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::image::stream::unpacked;
use crate::oci::{Descriptor, Digest, media_type};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use tar::EntryType;

/// Names of files need not be text, and JSON must be.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What lies below.
#[derive(Default)]
pub(super) struct Base {
    pub(super) tree: Tree,
    pub(super) layers: Vec<Descriptor>,
    pub(super) config: Map<String, Value>,
}

/// Reads the base of a recipe.
pub(super) fn read(store: &Store, recipe: &Recipe) -> Result<Base, LayerError> {
    let Some(image) = &recipe.base else { return Ok(Base::default()) };
    if !recipe.platform.takes(&image.platform) {
        let (base, wanted) = (image.platform.to_string(), recipe.platform.to_string());
        return Err(LayerError::BasePlatform { base, wanted });
    }
    let config = store.config(image)?;
    let diff_ids = config.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids"));
    let diff_ids = diff_ids.and_then(Value::as_array).map_or(0, Vec::len);
    if diff_ids != image.layers.len() {
        return Err(LayerError::BaseLayers { layers: image.layers.len(), diff_ids });
    }
    let tree = if recipe.layers.is_empty() { Tree::default() } else { tree(store, image)? };
    let layers = image.layers.iter().map(as_oci).collect();
    Ok(Base { tree, layers, config })
}

/// A manifest of OCI's names its layers by OCI's types. The bytes are the same.
pub(in crate::image) fn as_oci(layer: &Descriptor) -> Descriptor {
    const NAMES: [(&str, &str); 3] = [
        ("application/vnd.docker.image.rootfs.diff.tar", media_type::LAYER),
        (media_type::DOCKER_LAYER_GZIP, media_type::LAYER_GZIP),
        ("application/vnd.docker.image.rootfs.diff.tar.zstd", media_type::LAYER_ZSTD),
    ];
    let mut layer = layer.clone();
    if let Some((_, oci)) = NAMES.iter().find(|(docker, _)| *docker == layer.media_type) {
        (*oci).clone_into(&mut layer.media_type);
    }
    layer
}

/// The folders and links of an image.
pub(in crate::image) fn tree(store: &Store, image: &Image) -> Result<Tree, LayerError> {
    let note = note(store, image);
    if let Some(tree) = recall(&note) {
        return Ok(tree);
    }
    let mut tree = Tree::default();
    for layer in &image.layers {
        let blob = store.open_blob(layer)?;
        unpacked(blob).and_then(|stream| apply(stream, &mut tree)).map_err(|source| {
            let damaged = store.drop_damaged(&layer.digest);
            LayerError::BaseLayer { digest: layer.digest.to_string(), source, damaged }
        })?;
    }
    remember(store, &note, &tree);
    Ok(tree)
}

/// The folders and links that a layer brings.
pub(in crate::image) fn paths(layer: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut tree = Tree::default();
    apply(unpacked(layer)?, &mut tree)?;
    Ok(tree.nodes().map(|(path, _)| path.to_vec()).collect())
}

/// Applies one layer: first what it takes away from those below, wherever that
/// stands in it, then what it brings.
fn apply(stream: impl io::Read, tree: &mut Tree) -> io::Result<()> {
    let mut brought: Vec<(Vec<u8>, Option<Node>)> = Vec::new();
    for entry in tar::Archive::new(stream).entries()? {
        let entry = entry?;
        let path = parts(&entry.path_bytes()).fold(Vec::new(), |path, part| match part {
            // As runtimes read it: nothing is above the root.
            b".." => parent(&path).to_vec(),
            part => join(&path, part),
        });
        let folder = parent(&path);
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if name == OPAQUE {
            tree.clear(folder);
        } else if let Some(name) = name.strip_prefix(WHITEOUT) {
            tree.remove(&join(folder, name));
        } else if let Some(node) = node(&entry)? {
            brought.push((path, node));
        }
    }
    for (path, node) in brought {
        match node {
            Some(node) => tree.insert(&path, node),
            None => tree.remove(&path),
        }
    }
    Ok(())
}

/// What an entry is in a tree; inner `None` for what is neither folder nor link
/// but takes the place of one.
#[expect(clippy::option_option, reason = "nothing at a path, and no path at all, are two things")]
fn node(entry: &tar::Entry<'_, impl io::Read>) -> io::Result<Option<Option<Node>>> {
    let header = entry.header();
    let id = |id: u64| u32::try_from(id).unwrap_or(0);
    Ok(match header.entry_type() {
        EntryType::Directory => {
            let owner = Owner { uid: id(header.uid()?), gid: id(header.gid()?) };
            let mode = header.mode()? & 0o7777;
            Some(Some(Node::Folder(Attributes { mode, owner })))
        }
        EntryType::Symlink => {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            Some(Some(Node::Link(target)))
        }
        EntryType::XGlobalHeader => None,
        _ => Some(None),
    })
}

/// A tree as it is noted.
#[derive(Deserialize, Serialize)]
struct Note {
    tree: Vec<Noted>,
    check: Digest,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Noted {
    Folder(String, u32, u32, u32),
    Link(String, String),
}

fn note(store: &Store, image: &Image) -> PathBuf {
    let mut hasher = Hasher::new();
    for layer in &image.layers {
        hasher.update(layer.digest.as_str().as_bytes());
    }
    store.notes().join(format!("tree-{}.json", hasher.finish().0.hex()))
}

fn check(tree: &[Noted]) -> Digest {
    Digest::of(&serde_json::to_vec(tree).expect("a note is text by text"))
}

fn recall(note: &PathBuf) -> Option<Tree> {
    let note: Note = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    if note.check != check(&note.tree) {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let mut tree = Tree::default();
    for noted in &note.tree {
        match noted {
            Noted::Folder(path, mode, uid, gid) => {
                let owner = Owner { uid: *uid, gid: *gid };
                tree.insert(&decode(path), Node::Folder(Attributes { mode: *mode, owner }));
            }
            Noted::Link(path, target) => tree.insert(&decode(path), Node::Link(decode(target))),
        }
    }
    Some(tree)
}

/// Not to succeed costs the next run some time and nothing else.
fn remember(store: &Store, note: &PathBuf, tree: &Tree) {
    let encode = |bytes: &[u8]| percent_encode(bytes, ESCAPED).to_string();
    let noted = |(path, node): (&[u8], &Node)| match node {
        Node::Folder(Attributes { mode, owner }) => {
            Noted::Folder(encode(path), *mode, owner.uid, owner.gid)
        }
        Node::Link(target) => Noted::Link(encode(path), encode(target)),
    };
    let tree: Vec<Noted> = tree.nodes().map(noted).collect();
    let check = check(&tree);
    let text = serde_json::to_vec(&Note { tree, check }).expect("a note is text by text");
    if let Ok(mut file) = store.temporary()
        && file.write_all(&text).is_ok()
    {
        file.persist(note).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::{apply, note, recall, tree};
    use crate::image::layers::recipe::Owner;
    use crate::image::layers::tape::{Head, write_head};
    use crate::image::layers::tree::{Attributes, Node, Tree};
    use crate::image::manifest::Image;
    use crate::image::store::Store;
    use crate::oci::media_type;
    use tar::EntryType;

    fn layer(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut archive = Vec::new();
        for (path, kind, target) in entries {
            let (path, target) = (path.as_bytes(), target.as_bytes());
            let owner = Owner { uid: 1, gid: 2 };
            let head = Head { path, kind: *kind, mode: 0o1777, owner, size: 0, target };
            write_head(&mut archive, &head, 0);
        }
        archive.resize(archive.len() + 1024, 0);
        archive
    }

    const FOLDER: EntryType = EntryType::Directory;
    const FILE: EntryType = EntryType::Regular;
    const LINK: EntryType = EntryType::Symlink;

    #[test]
    fn layers_take_away_and_bring() {
        let mut tree = Tree::default();
        let bottom = layer(&[
            ("tmp", FOLDER, ""),
            ("a/b", FOLDER, ""),
            ("bin", LINK, "usr/bin"),
            ("o/x", FOLDER, ""),
        ]);
        let top = layer(&[
            ("a/c", FOLDER, ""),
            ("o/y", FOLDER, ""),
            ("o/.wh..wh..opq", FILE, ""),
            ("a/.wh.b", FILE, ""),
            ("bin", FILE, ""),
        ]);

        apply(&bottom[..], &mut tree).expect("applied");
        assert!(tree.folder(b"a/b").is_some() && tree.folder(b"o/x").is_some());
        assert_eq!(tree.resolve(b"bin/x").expect("no circle"), b"usr/bin/x");
        apply(&top[..], &mut tree).expect("applied");

        let owner = Owner { uid: 1, gid: 2 };
        assert_eq!(tree.folder(b"tmp"), Some(Attributes { mode: 0o1777, owner }));
        assert!(tree.folder(b"a/b").is_none() && tree.folder(b"o/x").is_none());
        assert!(tree.folder(b"a/c").is_some() && tree.folder(b"o/y").is_some());
        assert_eq!(tree.resolve(b"bin/x").expect("no circle"), b"bin/x");
    }

    #[test]
    fn names_that_lead_upwards_stay_below_the_root() {
        let mut tree = Tree::default();
        let layer = layer(&[("../../out", FOLDER, ""), ("a/../b", FOLDER, "")]);
        apply(layer.as_slice(), &mut tree).expect("applied");

        let paths: Vec<&[u8]> = tree.nodes().map(|(path, _)| path).collect();
        assert_eq!(paths, [b"b".as_slice(), b"out".as_slice()]);
    }

    #[test]
    fn a_tree_is_noted_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let config = store
            .put(media_type::CONFIG, br#"{"architecture":"amd64","os":"linux"}"#)
            .expect("stored");
        let bytes = layer(&[("tmp", FOLDER, ""), ("bin", LINK, "usr/b in%\u{1}")]);
        let blob = store.put(media_type::LAYER, &bytes).expect("stored");
        let image = Image::write(&store, &config, &[blob]).expect("an image");
        assert_eq!(recall(&note(&store, &image)), None);

        let read = tree(&store, &image).expect("read");

        assert_eq!(recall(&note(&store, &image)), Some(read.clone()));
        let mut with_bytes = read;
        with_bytes.insert(b"\xff", Node::Folder(Attributes::default()));
        super::remember(&store, &note(&store, &image), &with_bytes);
        assert_eq!(recall(&note(&store, &image)), Some(with_bytes));
    }
}
