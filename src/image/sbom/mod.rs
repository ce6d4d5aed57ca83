//! What is in an image, as an SPDX 2.3 document: its layers, the files that are
//! left of each, and the packages that a package database in it names.
//!
//! A function of the image alone: the same image has the same document, byte
//! for byte, whoever asks and whenever. Layers are read as a stream; what is
//! kept of a file is its path and its hashes.

mod error;
mod packages;
mod purl;
mod scan;
mod spdx;

pub use error::SbomError;

use super::manifest::Image;
use super::store::Store;
use crate::oci::{Descriptor, Digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// SPDX as JSON.
pub const MEDIA_TYPE: &str = "application/spdx+json";

/// A document in the store.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sbom {
    /// Its blob.
    pub document: Descriptor,
    /// When it says that it was made: when the image was.
    pub created: String,
    /// How many files it lists.
    pub files: usize,
    /// How many packages it lists.
    pub packages: usize,
    /// Package databases that are there and were not read.
    pub unread: Vec<String>,
}

/// Describes an image, all of whose layers are in the store. `name` is what
/// its repository is called there, the last part alone.
pub fn describe(
    store: &Store,
    image: &Image,
    name: &str,
    stop: &AtomicBool,
) -> Result<Sbom, SbomError> {
    let note = note(store, image, name);
    if let Some(sbom) = recall(store, &note) {
        return Ok(sbom);
    }
    let contents = scan::scan(store, image, stop)?;
    let found = packages::find(&contents);
    let created = created(store, image)?;
    let document = spdx::Document {
        image,
        name,
        created: &created,
        contents: &contents,
        packages: &found.packages,
        unread: &found.unread,
    };
    let mut writer = BufWriter::with_capacity(1 << 18, store.writer()?);
    let written = document.write(&mut writer).and_then(|()| writer.flush());
    if let Err(source) = written {
        return Err(writer.get_ref().write_error(source).into());
    }
    let blob = match writer.into_inner() {
        Ok(blob) => blob.finish(MEDIA_TYPE)?,
        Err(error) => {
            let (source, writer) = error.into_parts();
            return Err(writer.get_ref().write_error(source).into());
        }
    };
    let sbom = Sbom {
        document: blob,
        created,
        files: contents.files.len(),
        packages: found.packages.len(),
        unread: found.unread,
    };
    // A note is a shortcut: without it the image is read once more.
    if let Ok(text) = serde_json::to_vec(&sbom) {
        fs::write(&note, text).ok();
    }
    Ok(sbom)
}

/// When the image was made, in the form that SPDX wants.
fn created(store: &Store, image: &Image) -> Result<String, SbomError> {
    let config = store.config(image)?;
    let said = config.get("created").and_then(|created| created.as_str());
    let time = said.and_then(|text| text.parse::<Timestamp>().ok());
    let seconds = time.map_or(0, Timestamp::as_second);
    Ok(Timestamp::from_second(seconds).unwrap_or_default().to_string())
}

/// Where it is noted which document belongs to an image.
fn note(store: &Store, image: &Image, name: &str) -> PathBuf {
    let key = format!("{} {name} {}", image.manifest.digest, env!("CARGO_PKG_VERSION"));
    store.notes().join(format!("sbom-{}", Digest::of(key.as_bytes()).hex()))
}

/// A document from before. A note that is torn, or speaks of a blob that is not
/// there any longer, is none.
fn recall(store: &Store, note: &PathBuf) -> Option<Sbom> {
    let sbom: Sbom = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    store.has(&sbom.document).then_some(sbom)
}

#[cfg(test)]
mod tests;
