//! Writes an image as an OCI layout: a folder that other programs and later runs read
//! (OCI image specification 1.1, "Image Layout").

use super::product::Product;
use super::store::Store;
use crate::http::{Retry, Retryable};
use crate::oci::{Descriptor, Digest, LAYOUT_INDEX, media_type};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// An image that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutWriteError {
    /// A blob that is not in the store.
    #[error("its blob {0} is not on this machine")]
    Elsewhere(Digest),
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    /// A commit may have brought it, and what it leads to would be written.
    #[error("`{}` is a symbolic link", .path.display())]
    Link { path: PathBuf },
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
            Self::Link { .. } => {
                "remove it, or name another folder with `--save-images`".to_owned()
            }
            Self::Write { .. } => "name another folder with `--save-images`".to_owned(),
        })
    }
}

/// Writes the layout of one image or index to the folder `name` of another, in place of one that
/// is there. What has the same digest is kept.
pub fn write_layout(
    store: &Store,
    product: &Product,
    folders: &Path,
    name: &str,
) -> Result<(), LayoutWriteError> {
    let folder = &folders.join(name);
    let blobs = folder.join("blobs/sha256");
    for part in [folders, folder, &folder.join("blobs"), &blobs] {
        if part.symlink_metadata().is_ok_and(|it| it.is_symlink()) {
            return Err(LayoutWriteError::Link { path: part.to_owned() });
        }
    }
    at(&blobs, fs::create_dir_all(&blobs))?;
    let mut needed = BTreeSet::new();
    for blob in product.blobs() {
        let from =
            store.locate(&blob).map_err(|_| LayoutWriteError::Elsewhere(blob.digest.clone()))?;
        copy(&from, &blob, &blobs)?;
        needed.insert(blob.digest.hex().to_owned());
    }
    let listed = product.manifest_levels().into_iter().flatten();
    let documents = listed.map(|entry| (&entry.manifest, &entry.bytes));
    for (manifest, bytes) in documents.chain([(product.manifest(), product.manifest_bytes())]) {
        write(&blobs.join(manifest.digest.hex()), bytes)?;
        needed.insert(manifest.digest.hex().to_owned());
    }
    write(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type::INDEX,
        "manifests": [product.manifest()],
    });
    write(&folder.join(LAYOUT_INDEX), index.to_string().as_bytes())?;
    for entry in at(&blobs, fs::read_dir(&blobs))?.flatten() {
        let is_needed = entry.file_name().to_str().is_some_and(|name| needed.contains(name));
        if !is_needed {
            at(&entry.path(), fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

/// Writes a file in place of what is there, which may be a link.
fn write(path: &Path, bytes: &[u8]) -> Result<(), LayoutWriteError> {
    put(path, |file| file.write_all(bytes))
}

fn put(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), LayoutWriteError> {
    let written = NamedTempFile::new_in(path.parent().unwrap_or(path)).and_then(|mut file| {
        fill(file.as_file_mut())?;
        // As other files: a later job may be another user's.
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        file.persist(path).map_err(|error| error.error)
    });
    at(path, written.map(drop))
}

/// A copy, and no link: the layout may be changed by others. Where the file system can, it
/// shares the content.
fn copy(from: &Path, blob: &Descriptor, blobs: &Path) -> Result<(), LayoutWriteError> {
    let to = blobs.join(blob.digest.hex());
    if to.symlink_metadata().is_ok_and(|there| there.is_file() && there.len() == blob.size) {
        return Ok(());
    }
    put(&to, |file| io::copy(&mut File::open(from)?, file).map(drop))
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, LayoutWriteError> {
    result.map_err(|source| LayoutWriteError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::{LayoutWriteError, write, write_layout};
    use crate::http::Retryable as _;
    use crate::image::Product;
    use crate::image::manifest::Image;
    use crate::image::store::Store;
    use crate::oci::media_type;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_replaced_and_never_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let store = Store::open(&at("images")).expect("a store");
        let config = br#"{"architecture":"amd64","os":"linux"}"#;
        let config = store.put(media_type::CONFIG, config).expect("stored");
        let layer = store.put(media_type::LAYER, b"layer").expect("stored");
        let image = Image::write(&store, &config, &[layer]).expect("an image");
        let product = Product::Image(Box::new(image));
        fs::write(at("precious"), "precious").expect("written");
        fs::create_dir_all(at("out/web/blobs/sha256")).expect("folders");
        symlink(at("precious"), at("out/web/index.json")).expect("a link");
        fs::write(at("out/web/blobs/sha256/old"), "old").expect("written");

        write_layout(&store, &product, &at("out"), "web").expect("written");

        assert_eq!(fs::read_to_string(at("precious")).expect("there"), "precious");
        let index = at("out/web/index.json");
        assert!(index.symlink_metadata().is_ok_and(|it| it.is_file()));
        // The manifest, the configuration, and the layer.
        assert_eq!(fs::read_dir(at("out/web/blobs/sha256")).expect("there").count(), 3);

        fs::create_dir(at("linked")).expect("a folder");
        symlink(at("precious"), at("linked/web")).expect("a link");
        let error = write_layout(&store, &product, &at("linked"), "web").expect_err("a link");
        assert!(matches!(&error, LayoutWriteError::Link { path } if *path == at("linked/web")));
        let link = at("linked/web");
        assert_eq!(error.to_string(), format!("`{}` is a symbolic link", link.display()));
        let help = "remove it, or name another folder with `--save-images`";
        assert_eq!(error.help().as_deref(), Some(help));
        let error = write(&at("missing/file"), b"").expect_err("no folder");
        let file = at("missing/file");
        assert_eq!(error.to_string(), format!("cannot write `{}`", file.display()));
    }
}
