//! Reads the base image: its configuration, its layers, and the paths in them.
//!
//! Of the layers only paths are read, no content. The result is cached in the store,
//! because reading a base takes longer than the rest of a build.

use super::error::LayerError;
use super::recipe::{Owner, Recipe};
use super::scan::WHITEOUT;
use super::tree::{Attributes, Tree, TreeNode, join, parent, parts};
use crate::image::hash::Hasher;
use crate::image::manifest::Image;
use crate::image::note::{Note, NoteWriter};
use crate::image::store::Store;
use crate::image::stream::unpacked;
use crate::oci::{Descriptor, LayerReader, media_type};
use serde_json::{Map, Value};
use std::io;
use std::path::{Path, PathBuf};
use tar::EntryType;

const OPAQUE: &[u8] = b".wh..wh..opq";

#[derive(Default)]
pub struct BaseImage {
    pub tree: Tree,
    pub layers: Vec<Descriptor>,
    pub config: Map<String, Value>,
}

/// Reads the base of a recipe; an empty one without a base.
pub fn read(store: &Store, recipe: &Recipe) -> Result<BaseImage, LayerError> {
    let Some(image) = &recipe.base else { return Ok(BaseImage::default()) };
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
    Ok(BaseImage { tree, layers, config })
}

/// Replaces docker's media type of a layer by OCI's, as an OCI manifest requires. The bytes
/// are the same.
pub fn as_oci(layer: &Descriptor) -> Descriptor {
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

/// The paths of an image, cached.
pub fn tree(store: &Store, image: &Image) -> Result<Tree, LayerError> {
    let note = note(store, image);
    if let Some(tree) = recall(&note) {
        return Ok(tree);
    }
    let mut tree = Tree::default();
    for layer in &image.layers {
        add_layer(store, layer, &mut tree)?;
    }
    remember(store, &note, &tree);
    Ok(tree)
}

/// Applies a stored layer to the paths below it.
pub fn add_layer(store: &Store, layer: &Descriptor, tree: &mut Tree) -> Result<(), LayerError> {
    let blob = store.open_blob(layer)?;
    unpacked(blob).and_then(|stream| apply(stream, tree)).map_err(|source| {
        let damaged = store.drop_damaged(&layer.digest);
        LayerError::BaseLayer { digest: layer.digest.to_string(), source, damaged }
    })
}

/// The paths of one layer.
pub fn paths(layer: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut tree = Tree::default();
    apply(unpacked(layer)?, &mut tree)?;
    Ok(tree.nodes().map(|(path, _)| path.to_vec()).collect())
}

/// Applies one layer. Whiteouts affect only lower layers, so they are applied before what
/// the layer adds, wherever they are in the archive.
fn apply(stream: impl io::Read, tree: &mut Tree) -> io::Result<()> {
    let mut brought: Vec<(Vec<u8>, TreeNode)> = Vec::new();
    for entry in tar::Archive::new(LayerReader::new(stream)).entries()? {
        let entry = entry?;
        let path = parts(&entry.path_bytes()).fold(Vec::new(), |path, part| match part {
            // Runtimes do the same: nothing is above the root.
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
        tree.insert(&path, node);
    }
    Ok(())
}

/// The node of an entry; `None` if it is no path of the image.
fn node(entry: &tar::Entry<'_, impl io::Read>) -> io::Result<Option<TreeNode>> {
    let header = entry.header();
    let id = |id: u64| u32::try_from(id).unwrap_or(0);
    Ok(match header.entry_type() {
        EntryType::Directory => {
            let owner = Owner { uid: id(header.uid()?), gid: id(header.gid()?) };
            let mode = header.mode()? & 0o7777;
            Some(TreeNode::Folder(Attributes { mode, owner }))
        }
        EntryType::Symlink => {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            Some(TreeNode::Link(target))
        }
        EntryType::XGlobalHeader => None,
        _ => Some(TreeNode::File),
    })
}

fn note(store: &Store, image: &Image) -> PathBuf {
    let mut hasher = Hasher::new();
    for layer in &image.layers {
        hasher.update(layer.digest.as_str().as_bytes());
    }
    store.notes().join(format!("paths-2-{}", hasher.finish().0.hex()))
}

/// The kinds of nodes in a note.
const FOLDER: u64 = 0;
const LINK: u64 = 1;
const FILE: u64 = 2;

fn recall(note: &Path) -> Option<Tree> {
    let note = Note::read(note)?;
    let mut fields = note.fields();
    let mut nodes: Vec<(Vec<u8>, TreeNode)> = Vec::new();
    while !fields.is_at_end() {
        let before = nodes.last().map(|(path, _)| path.as_slice()).unwrap_or_default();
        let path = fields.path(before)?;
        let node = match fields.number()? {
            FOLDER => {
                let mode = fields.small()?;
                let owner = Owner { uid: fields.small()?, gid: fields.small()? };
                TreeNode::Folder(Attributes { mode, owner })
            }
            LINK => TreeNode::Link(fields.bytes()?.to_vec()),
            FILE => TreeNode::File,
            _ => return None,
        };
        nodes.push((path, node));
    }
    Some(nodes.into_iter().collect())
}

fn remember(store: &Store, path: &Path, tree: &Tree) {
    let mut note = NoteWriter::default();
    let mut before: &[u8] = b"";
    for (path, node) in tree.nodes() {
        note.path(path, before);
        before = path;
        match node {
            TreeNode::Folder(Attributes { mode, owner }) => {
                note.number(FOLDER);
                for number in [*mode, owner.uid, owner.gid] {
                    note.number(number.into());
                }
            }
            TreeNode::Link(target) => {
                note.number(LINK);
                note.bytes(target);
            }
            TreeNode::File => note.number(FILE),
        }
    }
    note.keep(store, path);
}

#[cfg(test)]
mod tests {
    use super::{apply, note, recall, tree};
    use crate::image::layers::recipe::Owner;
    use crate::image::layers::tar_header::{EntryHeader, write_header};
    use crate::image::layers::tree::{Attributes, Tree, TreeNode};
    use crate::image::manifest::Image;
    use crate::image::store::Store;
    use crate::oci::media_type;
    use tar::EntryType;

    fn layer(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut archive = Vec::new();
        for (path, kind, target) in entries {
            let (path, target) = (path.as_bytes(), target.as_bytes());
            let owner = Owner { uid: 1, gid: 2 };
            let (mode, size, xattrs) = (0o1777, 0, None);
            let (kind, device) = (*kind, None);
            let header = EntryHeader { path, kind, mode, owner, size, target, xattrs, device };
            write_header(&mut archive, &header, 0);
        }
        archive.resize(archive.len() + 1024, 0);
        archive
    }

    const FOLDER: EntryType = EntryType::Directory;
    const FILE: EntryType = EntryType::Regular;
    const LINK: EntryType = EntryType::Symlink;

    #[test]
    fn layers_remove_and_add() {
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
    fn a_tree_is_cached() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let config = store
            .put(media_type::CONFIG, br#"{"architecture":"amd64","os":"linux"}"#)
            .expect("stored");
        let entries = [("tmp", FOLDER, ""), ("bin", LINK, "usr/b in%\u{1}"), ("tmp/x%", FILE, "")];
        let bytes = layer(&entries);
        let blob = store.put(media_type::LAYER, &bytes).expect("stored");
        let image = Image::write(&store, &config, &[blob]).expect("an image");
        assert_eq!(recall(&note(&store, &image)), None);

        let read = tree(&store, &image).expect("read");

        assert_eq!(recall(&note(&store, &image)), Some(read.clone()));
        let mut with_bytes = read;
        with_bytes.insert(b"\xff", TreeNode::Folder(Attributes::default()));
        super::remember(&store, &note(&store, &image), &with_bytes);
        assert_eq!(recall(&note(&store, &image)), Some(with_bytes));
    }
}
