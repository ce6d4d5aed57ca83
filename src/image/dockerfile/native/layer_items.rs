//! What the entries of a layer are, kept in the store so that a layer is read only once.

use crate::image::layers::{Owner, Xattrs, join, parent, parts};
use crate::image::note::{Note, NoteReader, NoteWriter};
use crate::image::store::Store;
use crate::image::stream::unpacked;
use crate::oci::{Descriptor, LayerReader};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use tar::EntryType;

/// Must change when the items of the same layer change.
const FORMAT: &str = "items-1";
/// Whiteout files (OCI image specification, "Whiteouts").
pub const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What an archive holds.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Contents {
    /// A layer, in which some names mark others as removed.
    Layer,
    Files,
}

/// An entry of an archive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LayerItem {
    pub path: Vec<u8>,
    pub kind: LayerItemKind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LayerItemKind {
    /// Removes what lower layers have at this path.
    Removed,
    /// Removes what lower layers have in this folder.
    Emptied,
    /// Another name of the file with this path.
    Same(Vec<u8>),
    Own(ItemAttributes, FileKind),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileKind {
    Folder,
    Link(Vec<u8>),
    /// Which entry of the archive it is.
    File(usize),
    Pipe,
    Device,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ItemAttributes {
    pub mode: u32,
    pub owner: Owner,
    pub xattrs: Xattrs,
}

/// The items of a stored layer.
pub fn of_layer(store: &Store, layer: &Descriptor) -> io::Result<Vec<LayerItem>> {
    let note = store.notes().join(format!("{FORMAT}-{}", layer.digest.hex()));
    if let Some(items) = recall(&note) {
        return Ok(items);
    }
    let path = store.locate(layer).map_err(io::Error::other)?;
    let items = of_archive(&path, Contents::Layer)?;
    remember(store, &note, &items);
    Ok(items)
}

/// The kinds of items in a note.
const REMOVED: u64 = 0;
const EMPTIED: u64 = 1;
const SAME: u64 = 2;
const FOLDER: u64 = 3;
const LINK: u64 = 4;
const FILE: u64 = 5;
const PIPE: u64 = 6;
const DEVICE: u64 = 7;

fn recall(note: &Path) -> Option<Vec<LayerItem>> {
    let note = Note::read(note)?;
    let mut fields = note.fields();
    let mut items: Vec<LayerItem> = Vec::new();
    while !fields.is_at_end() {
        let before = items.last().map(|item| item.path.as_slice()).unwrap_or_default();
        let path = fields.path(before)?;
        let kind = match fields.number()? {
            REMOVED => LayerItemKind::Removed,
            EMPTIED => LayerItemKind::Emptied,
            SAME => LayerItemKind::Same(fields.bytes()?.to_vec()),
            kind => {
                let attributes = attributes(&mut fields)?;
                let kind = match kind {
                    FOLDER => FileKind::Folder,
                    LINK => FileKind::Link(fields.bytes()?.to_vec()),
                    FILE => FileKind::File(fields.number()?.try_into().ok()?),
                    PIPE => FileKind::Pipe,
                    DEVICE => FileKind::Device,
                    _ => return None,
                };
                LayerItemKind::Own(attributes, kind)
            }
        };
        items.push(LayerItem { path, kind });
    }
    Some(items)
}

fn attributes(fields: &mut NoteReader<'_>) -> Option<ItemAttributes> {
    let mode = fields.small()?;
    let owner = Owner { uid: fields.small()?, gid: fields.small()? };
    let mut xattrs = BTreeMap::new();
    for _ in 0..fields.number()? {
        let name = String::from_utf8(fields.bytes()?.to_vec()).ok()?;
        xattrs.insert(name, fields.bytes()?.to_vec());
    }
    Some(ItemAttributes { mode, owner, xattrs: Xattrs::of(xattrs) })
}

fn remember(store: &Store, path: &Path, items: &[LayerItem]) {
    let mut note = NoteWriter::default();
    let mut before: &[u8] = b"";
    for LayerItem { path, kind } in items {
        note.path(path, before);
        before = path;
        match kind {
            LayerItemKind::Removed => note.number(REMOVED),
            LayerItemKind::Emptied => note.number(EMPTIED),
            LayerItemKind::Same(target) => {
                note.number(SAME);
                note.bytes(target);
            }
            LayerItemKind::Own(attributes, kind) => own(&mut note, attributes, kind),
        }
    }
    note.keep(store, path);
}

fn own(note: &mut NoteWriter, attributes: &ItemAttributes, kind: &FileKind) {
    note.number(match kind {
        FileKind::Folder => FOLDER,
        FileKind::Link(_) => LINK,
        FileKind::File(_) => FILE,
        FileKind::Pipe => PIPE,
        FileKind::Device => DEVICE,
    });
    let ItemAttributes { mode, owner, xattrs } = attributes;
    for number in [*mode, owner.uid, owner.gid] {
        note.number(number.into());
    }
    note.number(xattrs.iter().len() as u64);
    for (name, value) in xattrs.iter() {
        note.bytes(name.as_bytes());
        note.bytes(value);
    }
    match kind {
        FileKind::Link(target) => note.bytes(target),
        FileKind::File(number) => note.number(*number as u64),
        FileKind::Folder | FileKind::Pipe | FileKind::Device => {}
    }
}

/// The items of an archive.
pub fn of_archive(path: &Path, contents: Contents) -> io::Result<Vec<LayerItem>> {
    let stream = unpacked(File::open(path)?)?;
    let mut items = Vec::new();
    for (number, entry) in tar::Archive::new(LayerReader::new(stream)).entries()?.enumerate() {
        let mut entry = entry?;
        let path = inside(&entry.path_bytes())?;
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let removed = name.strip_prefix(WHITEOUT).filter(|_| contents == Contents::Layer);
        if name == OPAQUE && removed.is_some() {
            let path = parent(&path).to_vec();
            items.push(LayerItem { path, kind: LayerItemKind::Emptied });
        } else if let Some(name) = removed {
            let path = join(parent(&path), name);
            items.push(LayerItem { path, kind: LayerItemKind::Removed });
        } else if !path.is_empty() {
            let kind = kind(&mut entry, number)?;
            items.extend(kind.map(|kind| LayerItem { path, kind }));
        }
    }
    Ok(items)
}

fn kind(
    entry: &mut tar::Entry<'_, impl io::Read>,
    number: usize,
) -> io::Result<Option<LayerItemKind>> {
    let xattrs = Xattrs::of_entry(entry)?;
    let header = entry.header();
    let target = || entry.link_name_bytes().unwrap_or_default();
    let kind = match header.entry_type() {
        EntryType::Link => return Ok(Some(LayerItemKind::Same(inside(&target())?))),
        EntryType::Directory => FileKind::Folder,
        EntryType::Symlink => FileKind::Link(target().into_owned()),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => FileKind::File(number),
        EntryType::Fifo => FileKind::Pipe,
        EntryType::Char | EntryType::Block => FileKind::Device,
        _ => return Ok(None),
    };
    let id = |id: u64| u32::try_from(id).unwrap_or(0);
    let owner = Owner { uid: id(header.uid()?), gid: id(header.gid()?) };
    let mode = header.mode()? & 0o7777;
    Ok(Some(LayerItemKind::Own(ItemAttributes { mode, owner, xattrs }, kind)))
}

/// Normalises a path of an archive, and refuses one that leads out of it.
fn inside(path: &[u8]) -> io::Result<Vec<u8>> {
    if parts(path).any(|part| part == b"..") {
        let message = format!("`{}` leads out of the archive", String::from_utf8_lossy(path));
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(parts(path).fold(Vec::new(), |path, part| join(&path, part)))
}

#[cfg(test)]
mod tests {
    use super::{FileKind, LayerItemKind, of_layer};
    use crate::image::layers::Owner;
    use crate::image::layers::tar_header::{EntryHeader, write_header};
    use crate::image::store::Store;
    use std::fs;
    use tar::EntryType;

    fn layer(paths: &[&[u8]]) -> Vec<u8> {
        let mut archive = Vec::new();
        for path in paths {
            let (owner, kind) = (Owner { uid: 1, gid: 2 }, EntryType::Regular);
            let (mode, size, target) = (0o644, 0, b"".as_slice());
            let (xattrs, device) = (None, None);
            let header = EntryHeader { path, kind, mode, owner, size, target, xattrs, device };
            write_header(&mut archive, &header, 0);
        }
        archive.resize(archive.len() + 1024, 0);
        archive
    }

    #[test]
    fn layer_is_read_once_and_a_damaged_note_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let bytes = layer(&[b"a", b"b/\xff%\n", b"c/.wh.d", b"c/.wh..wh..opq"]);
        let blob = store.put("layer", &bytes).expect("stored");
        let read = of_layer(&store, &blob).expect("read");
        let paths: Vec<&[u8]> = read.iter().map(|item| item.path.as_slice()).collect();
        assert_eq!(paths, [b"a".as_slice(), b"b/\xff%\n", b"c/d", b"c"]);
        assert!(matches!(&read[1].kind, LayerItemKind::Own(it, FileKind::File(1))
            if (it.mode, it.owner) == (0o644, Owner { uid: 1, gid: 2 })));
        assert_eq!(
            [&read[2].kind, &read[3].kind],
            [&LayerItemKind::Removed, &LayerItemKind::Emptied]
        );

        let path = store.path(&blob.digest).expect("a path");
        fs::rename(&path, path.with_extension("away")).expect("moved");
        assert_eq!(of_layer(&store, &blob).expect("noted"), read);
        fs::rename(path.with_extension("away"), &path).expect("back");
        let note = fs::read_dir(store.notes()).expect("notes").next().expect("one").expect("read");
        let mut bytes = fs::read(note.path()).expect("there");
        *bytes.last_mut().expect("some") ^= 1;
        fs::write(note.path(), bytes).expect("written");
        assert_eq!(of_layer(&store, &blob).expect("read again"), read);
    }
}
