//! The files that remain in an image after all its layers are applied (image specification,
//! "Applying Changesets").

use super::error::SbomError;
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::image::stream::unpacked;
use crate::oci::LayerReader;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use tar::EntryType;

/// Prefix of whiteout files (image specification, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Larger package databases are not read.
const MAX_DATABASE_BYTES: u64 = 64 << 20;

/// A file of the final image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImageFile {
    pub sha256: [u8; 32],
    pub sha1: [u8; 20],
    /// Index of the layer that contains it, the lowest is 0.
    pub layer: usize,
}

/// The files of an image.
#[derive(Debug, Default)]
pub struct Contents {
    /// By path, without a leading slash.
    pub files: BTreeMap<Vec<u8>, ImageFile>,
    /// Content of package databases and `os-release`.
    pub kept: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What a layer adds at a path.
enum LayerItem {
    File(ImageFile, Option<Vec<u8>>),
    Folder,
    /// A symbolic link or device, which has no content.
    Other,
}

/// What a layer removes from those below.
enum Removal {
    /// A path and everything below it.
    Path(Vec<u8>),
    /// Everything below a folder, but not the folder.
    Below(Vec<u8>),
}

pub fn scan(store: &Store, image: &Image, stop: &AtomicBool) -> Result<Contents, SbomError> {
    let mut contents = Contents::default();
    for (index, layer) in image.layers.iter().enumerate() {
        let blob = store.open_blob(layer)?;
        let read = unpacked(blob).and_then(|stream| contents.apply(stream, index, stop));
        if stop.load(Ordering::Relaxed) {
            return Err(SbomError::Stopped);
        }
        read.map_err(|source| SbomError::Layer { digest: layer.digest.to_string(), source })?;
    }
    Ok(contents)
}

impl Contents {
    /// Applies one layer. Whiteouts affect only lower layers, so they are applied before
    /// what the layer adds, wherever they are in the archive.
    pub fn apply(&mut self, stream: impl Read, layer: usize, stop: &AtomicBool) -> io::Result<()> {
        let (mut brought, mut taken) = (BTreeMap::new(), Vec::new());
        for entry in tar::Archive::new(LayerReader::new(stream)).entries()? {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let mut entry = entry?;
            let path = plain(&entry.path_bytes());
            let (folder, name) = split(&path);
            if name == OPAQUE {
                taken.push(Removal::Below(folder.to_vec()));
            } else if let Some(name) = name.strip_prefix(WHITEOUT) {
                taken.push(Removal::Path(join(folder, name)));
            } else {
                let found = match entry.header().entry_type() {
                    EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                        read(&mut entry, &path, layer)?
                    }
                    EntryType::Directory => LayerItem::Folder,
                    EntryType::Link => {
                        let target = plain(&entry.link_name_bytes().unwrap_or_default());
                        self.linked(&target, layer, &brought)
                    }
                    EntryType::XGlobalHeader => continue,
                    _ => LayerItem::Other,
                };
                brought.insert(path, found);
            }
        }
        for one in taken {
            match one {
                Removal::Path(path) => self.remove(&path),
                Removal::Below(folder) => self.clear(&folder),
            }
        }
        for (path, found) in brought {
            self.place(path, found);
        }
        Ok(())
    }

    /// A hard link, to a file that the same layer or a lower one contains.
    fn linked(
        &self,
        target: &[u8],
        layer: usize,
        before: &BTreeMap<Vec<u8>, LayerItem>,
    ) -> LayerItem {
        match (before.get(target), self.files.get(target)) {
            (Some(LayerItem::File(file, _)), _) | (None, Some(file)) => {
                LayerItem::File(ImageFile { layer, ..*file }, None)
            }
            (_, _) => LayerItem::Other,
        }
    }

    fn place(&mut self, path: Vec<u8>, found: LayerItem) {
        match found {
            // A folder keeps existing content, and replaces a file.
            LayerItem::Folder => {
                self.files.remove(&path);
                self.kept.remove(&path);
            }
            LayerItem::Other => self.remove(&path),
            LayerItem::File(file, text) => {
                self.remove(&path);
                if let Some(text) = text {
                    self.kept.insert(path.clone(), text);
                }
                self.files.insert(path, file);
            }
        }
    }

    fn remove(&mut self, path: &[u8]) {
        self.files.remove(path);
        self.kept.remove(path);
        self.clear(path);
    }

    fn clear(&mut self, folder: &[u8]) {
        clear(&mut self.files, folder);
        clear(&mut self.kept, folder);
    }
}

fn clear<T>(map: &mut BTreeMap<Vec<u8>, T>, folder: &[u8]) {
    let doomed: Vec<Vec<u8>> = map.range(below(folder)).map(|(path, _)| path.clone()).collect();
    for path in doomed {
        map.remove(&path);
    }
}

/// The range of paths below a folder. The path of the root is empty.
fn below(folder: &[u8]) -> std::ops::Range<Vec<u8>> {
    if folder.is_empty() {
        return Vec::new()..vec![0xff; 8];
    }
    // `0` is the byte after `/`, so the range ends after the last path with the prefix.
    [folder, b"/"].concat()..[folder, b"0"].concat()
}

fn read(entry: &mut impl Read, path: &[u8], layer: usize) -> io::Result<LayerItem> {
    let (mut sha256, mut sha1) = (Context::new(&SHA256), Context::new(&SHA1_FOR_LEGACY_USE_ONLY));
    let mut text = describes_packages(path).then(Vec::new);
    let mut buffer = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        let count = match entry.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(&buffer[..count]);
        sha1.update(&buffer[..count]);
        length += count as u64;
        if length > MAX_DATABASE_BYTES {
            text = None;
        }
        if let Some(text) = &mut text {
            text.extend_from_slice(&buffer[..count]);
        }
    }
    let mut file = ImageFile { sha256: [0; 32], sha1: [0; 20], layer };
    file.sha256.copy_from_slice(sha256.finish().as_ref());
    file.sha1.copy_from_slice(sha1.finish().as_ref());
    Ok(LayerItem::File(file, text))
}

/// Whether the content of a file is needed to find packages.
fn describes_packages(path: &[u8]) -> bool {
    matches!(
        path,
        b"etc/os-release"
            | b"usr/lib/os-release"
            | b"var/lib/dpkg/status"
            | b"lib/apk/db/installed"
            | b"usr/lib/apk/db/installed"
    ) || path.starts_with(b"var/lib/dpkg/status.d/") && !path.ends_with(b".md5sums")
}

/// Normalises a path: without `.`, `..`, and slashes at the ends.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}
