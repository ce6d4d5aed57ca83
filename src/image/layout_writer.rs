//! Writes an image as an OCI layout: a folder that other programs and later runs read
//! (OCI image specification 1.1, "Image Layout").

use super::product::Product;
use super::store::Store;
use crate::http::{Retry, Retryable};
use crate::oci::{Descriptor, Digest, LAYOUT_INDEX, media_type};
use serde_json::json;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// An image that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutWriteError {
    /// A blob that is not in the store.
    #[error("its blob {0} is not on this machine")]
    Elsewhere(Digest),
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Retryable for LayoutWriteError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::Elsewhere(_) => {
                "`--save-images` saves what is built here, and no image of a registry".to_owned()
            }
            Self::Write { .. } => "name another folder with `--save-images`".to_owned(),
        })
    }
}

/// Writes the layout of one image or index, in place of another in the same folder. What is
/// there already is kept where it has the same digest.
pub fn write_layout(
    store: &Store,
    product: &Product,
    folder: &Path,
) -> Result<(), LayoutWriteError> {
    let blobs = folder.join("blobs/sha256");
    at(&blobs, fs::create_dir_all(&blobs))?;
    for blob in product.blobs() {
        let from =
            store.locate(&blob).map_err(|_| LayoutWriteError::Elsewhere(blob.digest.clone()))?;
        copy(&from, &blob, &blobs)?;
    }
    let listed = product.manifest_levels().into_iter().flatten();
    let documents = listed.map(|entry| (&entry.manifest, &entry.bytes));
    for (manifest, bytes) in documents.chain([(product.manifest(), product.manifest_bytes())]) {
        let path = blobs.join(manifest.digest.hex());
        at(&path, fs::write(&path, bytes))?;
    }
    let layout = folder.join("oci-layout");
    at(&layout, fs::write(&layout, r#"{"imageLayoutVersion":"1.0.0"}"#))?;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type::INDEX,
        "manifests": [product.manifest()],
    });
    let path = folder.join(LAYOUT_INDEX);
    at(&path, fs::write(&path, index.to_string()))
}

/// A copy, and no link: the layout may be changed by others. Where the file system can, it
/// shares the content.
fn copy(from: &Path, blob: &Descriptor, blobs: &Path) -> Result<(), LayoutWriteError> {
    let to = blobs.join(blob.digest.hex());
    if fs::metadata(&to).is_ok_and(|there| there.len() == blob.size) {
        return Ok(());
    }
    let copied = File::open(from)
        .and_then(|mut from| io::copy(&mut from, &mut File::create(&to)?))
        .map(drop);
    at(&to, copied)
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, LayoutWriteError> {
    result.map_err(|source| LayoutWriteError::Write { path: path.to_owned(), source })
}
