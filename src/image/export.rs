//! Writes images for other programs: an OCI layout, or an archive that docker
//! and podman load.

use super::manifest::{Image, ManifestError};
use super::store::{Store, StoreError};
use super::stream::unpacked;
use crate::http::{Retry, Retryable};
use crate::oci::Descriptor;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// An image that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Its place cannot be written.
    #[error("write `{}`", path.display())]
    Write {
        /// The place.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A layer cannot be read.
    #[error("unpack the layer `{digest}`")]
    Layer {
        /// Which.
        digest: String,
        /// Why not.
        source: io::Error,
    },
    /// A blob is not there.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Retryable for ExportError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Write { .. } | Self::Layer { .. } => None,
            Self::Store(error) => error.help(),
            Self::Manifest(error) => error.help(),
        }
    }
}

/// Writes an OCI layout with one image, under a tag where one is given. A file
/// that is there is taken for what its name says.
pub fn oci_layout(
    store: &Store,
    image: &Image,
    tag: Option<&str>,
    folder: &Path,
) -> Result<(), ExportError> {
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| ExportError::Write { path, source }
    };
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(write(&blobs))?;
    for (descriptor, file) in image.blobs(store)? {
        let path = blobs.join(descriptor.digest.hex());
        fs::copy(&file, &path).map_err(write(&path))?;
    }
    let mut entry = image.manifest.clone();
    entry.platform = Some(image.platform.clone());
    if let Some(tag) = tag {
        entry.annotations.insert("org.opencontainers.image.ref.name".into(), tag.to_owned());
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": crate::oci::media_type::INDEX,
        "manifests": [entry],
    });
    // The index last: until it is there, there is no layout.
    for (path, bytes) in [
        (blobs.join(image.manifest.digest.hex()), image.manifest_bytes.to_vec()),
        (folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        (folder.join("index.json"), index.to_string().into_bytes()),
    ] {
        fs::write(&path, bytes).map_err(write(&path))?;
    }
    Ok(())
}

/// Writes an archive that `docker load` and `podman load` take, with the given
/// whole names.
///
/// Layers are unpacked, because older engines take no others.
pub fn docker_archive(
    store: &Store,
    image: &Image,
    names: &[String],
    file: &Path,
) -> Result<(), ExportError> {
    let write = |source| ExportError::Write { path: file.to_owned(), source };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let target = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(write)?;
    let mut archive = Archive { builder: tar::Builder::new(target) };
    let config = store.config(image)?;
    let mut layers: Vec<String> = Vec::new();
    for (layer, diff_id) in image.layers.iter().zip(diff_ids(&config)) {
        let name = format!("{}/layer.tar", diff_id.trim_start_matches("sha256:"));
        if !layers.contains(&name) {
            let mut plain = plain(store, layer)?;
            archive.file(&name, &mut plain).map_err(write)?;
        }
        layers.push(name);
    }
    let config = format!("{}.json", image.config.digest.hex());
    let manifest = json!([{ "Config": config, "RepoTags": names, "Layers": layers }]);
    archive.bytes(&config, &store.read(&image.config.digest)?).map_err(write)?;
    archive.bytes("manifest.json", manifest.to_string().as_bytes()).map_err(write)?;
    let target = archive.builder.into_inner().map_err(write)?;
    target.persist(file).map(drop).map_err(|error| write(error.error))
}

fn diff_ids(config: &serde_json::Map<String, Value>) -> impl Iterator<Item = &str> {
    let ids = config.get("rootfs").and_then(|rootfs| rootfs["diff_ids"].as_array());
    ids.into_iter().flatten().filter_map(Value::as_str)
}

/// A layer unpacked into a file: a tar header has the length before the bytes.
fn plain(store: &Store, layer: &Descriptor) -> Result<File, ExportError> {
    let mut file = store.temporary()?.into_file();
    let blob = store.open_blob(layer)?;
    unpacked(blob)
        .and_then(|mut stream| io::copy(&mut stream, &mut file))
        .and_then(|_| file.rewind())
        .map_err(|source| ExportError::Layer { digest: layer.digest.to_string(), source })?;
    Ok(file)
}

struct Archive<W: Write> {
    builder: tar::Builder<W>,
}

impl<W: Write> Archive<W> {
    fn file(&mut self, name: &str, file: &mut File) -> io::Result<()> {
        let length = file.metadata()?.len();
        self.append(name, length, file)
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.append(name, bytes.len() as u64, bytes)
    }

    fn append(&mut self, name: &str, length: u64, reader: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(length);
        header.set_mode(0o644);
        header.set_mtime(0);
        self.builder.append_data(&mut header, name, reader)
    }
}
