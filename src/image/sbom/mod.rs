//! The software bill of materials of an image, as an SPDX 2.3 document: its layers, the
//! files that remain of each, and the packages listed in its package databases.
//!
//! The document depends on the image alone, so the same image always gives the same bytes.
//! Layers are read as a stream; only paths and hashes of files are kept.

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

pub const MEDIA_TYPE: &str = "application/spdx+json";

/// A stored document.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sbom {
    pub document: Descriptor,
    /// The creation time in the document, which is that of the image.
    pub created: String,
    /// Number of files listed.
    pub files: usize,
    /// Number of packages listed.
    pub packages: usize,
    /// Package databases in a format that is not read.
    pub unread: Vec<String>,
}

/// Describes an image whose layers are all stored. `name` is the last part of its
/// repository.
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
    // The note only saves time: without it the image is read again.
    if let Ok(text) = serde_json::to_vec(&sbom) {
        fs::write(&note, text).ok();
    }
    Ok(sbom)
}

/// The creation time of the image in SPDX's format, which has whole seconds.
fn created(store: &Store, image: &Image) -> Result<String, SbomError> {
    let config = store.config(image)?;
    let said = config.get("created").and_then(|created| created.as_str());
    let time = said.and_then(|text| text.parse::<Timestamp>().ok());
    let seconds = time.map_or(0, Timestamp::as_second);
    Ok(Timestamp::from_second(seconds).unwrap_or_default().to_string())
}

/// The note that names the document of an image.
fn note(store: &Store, image: &Image, name: &str) -> PathBuf {
    let key = format!("{} {name} {}", image.manifest.digest, env!("CARGO_PKG_VERSION"));
    store.notes().join(format!("sbom-{}", Digest::of(key.as_bytes()).hex()))
}

/// The document from an earlier run, unless the note is damaged or the blob was removed.
fn recall(store: &Store, note: &PathBuf) -> Option<Sbom> {
    let sbom: Sbom = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    store.has(&sbom.document).then_some(sbom)
}

#[cfg(test)]
mod tests;
