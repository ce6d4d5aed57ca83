//! `COPY` and `ADD`: which files go where.
//!
//! As in `BuildKit`: a folder stands for what is in it, a file goes into what
//! ends in `/` or is a folder, and a folder that is made for it is 0755.

use super::draft::{Draft, absolute, cleaned};
use super::error::{NativeError, Place};
use super::files::{Files, Item, ItemKind, Where};
use super::workshop::Workshop;
use crate::image::ignore::Ignore;
use crate::image::layers::{Owner, join, parts};
use crate::image::stream::{Packing, sniff, unpacked};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

/// What is to be copied. Its words are as they came out.
pub(super) struct Order<'a> {
    pub(super) place: &'a Place,
    /// Whether archives are unpacked.
    pub(super) add: bool,
    pub(super) from: Arc<Files>,
    /// What `from` is, in words.
    pub(super) whence: String,
    /// What a context leaves out.
    pub(super) ignore: Option<Arc<Ignore>>,
    pub(super) sources: Vec<Source>,
    pub(super) to: String,
    pub(super) working_directory: String,
}

pub(super) enum Source {
    Path(String),
    Text(String, Where),
}

/// Puts everything that an order names into a draft.
pub(super) fn copy(
    order: &Order<'_>,
    draft: &mut Draft<'_>,
    workshop: &mut Workshop<'_>,
) -> Result<(), NativeError> {
    let Order { place, to, .. } = order;
    let into_folder = to.ends_with('/') || to == "." || to.ends_with("/.");
    let to = draft.resolve(&absolute(to, &order.working_directory))?;
    let into_folder = into_folder || draft.has_folder(&to);
    let mut found = Vec::new();
    for source in &order.sources {
        match source {
            Source::Text(name, file) => {
                let kind = ItemKind::File(file.clone());
                let item = Item { mode: 0o644, owner: Owner::default(), kind };
                found.push((name.clone().into_bytes(), item, Vec::new()));
            }
            Source::Path(path) => order.find(path, &mut found)?,
        }
    }
    let folders = found.iter().all(|(_, item, _)| matches!(item.kind, ItemKind::Folder));
    if !into_folder && (order.sources.len() > 1 || found.len() > 1 && !folders) {
        return Err(NativeError::ManyOntoOne { place: (*place).clone(), to: order.to.clone() });
    }
    if into_folder {
        draft.make_folder(&to);
    }
    for (path, item, real) in found {
        if matches!(item.kind, ItemKind::Folder) {
            fill(&order.from, &real, &to, draft)?;
            continue;
        }
        if order.add && order.unpack(&item, &to, draft, workshop)? {
            continue;
        }
        let name = parts(&path).next_back().unwrap_or_default();
        let target = if into_folder { join(&to, name) } else { to.clone() };
        draft.put(&target, &item)?;
    }
    Ok(())
}

/// Copies what is in a folder.
fn fill(from: &Files, folder: &[u8], to: &[u8], draft: &mut Draft<'_>) -> Result<(), NativeError> {
    draft.make_folder(to);
    for (path, item) in from.below(folder) {
        let within = path[folder.len()..].strip_prefix(b"/").unwrap_or(&path[folder.len()..]);
        draft.put(&join(to, within), item)?;
    }
    Ok(())
}

impl Order<'_> {
    /// Each path that is meant, what is there, and where that is.
    fn find(
        &self,
        path: &str,
        found: &mut Vec<(Vec<u8>, Item, Vec<u8>)>,
    ) -> Result<(), NativeError> {
        let pattern = cleaned(path.as_bytes());
        let before = found.len();
        for path in self.from.matching(&pattern) {
            if let Some((real, item)) = self.from.follow(&path) {
                found.push((path, item, real));
            }
        }
        if found.len() > before {
            return Ok(());
        }
        let ignored = self.ignore.as_ref().is_some_and(|ignore| ignore.leaves_out(&pattern));
        Err(NativeError::Missing {
            place: self.place.clone(),
            from: path.to_owned(),
            whence: self.whence.clone(),
            ignored,
        })
    }

    /// Unpacks an archive of the context; says whether it was one.
    fn unpack(
        &self,
        item: &Item,
        to: &[u8],
        draft: &mut Draft<'_>,
        workshop: &mut Workshop<'_>,
    ) -> Result<bool, NativeError> {
        let ItemKind::File(file) = &item.kind else { return Ok(false) };
        workshop.lay_down([file].into_iter())?;
        let (path, _) = workshop.laid(file);
        let read = |source| NativeError::Read { path: path.clone(), source };
        match archive(&path).map_err(read)? {
            Archive::None => Ok(false),
            Archive::Foreign(kind) => Err(NativeError::Beyond {
                place: self.place.clone(),
                what: format!("`ADD` of an archive packed by {kind}"),
                unfit: Vec::new(),
            }),
            Archive::Tar => {
                fill(&Files::of_archive(&path).map_err(read)?, b"", to, draft)?;
                Ok(true)
            }
        }
    }
}

enum Archive {
    None,
    Tar,
    /// One that engines unpack and this does not.
    Foreign(&'static str),
}

/// What a file is, by what is in it.
fn archive(path: &Path) -> io::Result<Archive> {
    let (packing, mut reader) = sniff(File::open(path)?)?;
    let start = io::BufRead::fill_buf(&mut reader)?;
    if start.starts_with(b"BZh") {
        return Ok(Archive::Foreign("bzip2"));
    }
    if start.starts_with(b"\xfd7zXZ\0") {
        return Ok(Archive::Foreign("xz"));
    }
    let mut block = Vec::new();
    let stream: Box<dyn io::Read> = match packing {
        Packing::Plain => Box::new(reader),
        Packing::Gzip | Packing::Zstd => unpacked(reader)?,
    };
    // What cannot be unpacked is no archive, but a file like any other.
    let whole = stream.take(512).read_to_end(&mut block).is_ok_and(|length| length == 512);
    let header = whole.then(|| tar::Header::from_byte_slice(&block));
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
        .sum();
    let is_tar = header.is_some_and(|header| header.cksum().is_ok_and(|found| found == sum));
    Ok(if is_tar && sum != 256 { Archive::Tar } else { Archive::None })
}
