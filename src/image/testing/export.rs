//! Writes images as other programs do: an OCI layout, or an archive that docker and podman load.

use crate::image::{Image, Store};
use crate::oci::{Descriptor, media_type};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Writes an OCI layout with one image, under a tag if one is given.
pub fn oci_layout(
    store: &Store,
    image: &Image,
    tag: Option<&str>,
    folder: &Path,
) -> io::Result<()> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    for (descriptor, file) in image.blobs(store).map_err(io::Error::other)? {
        fs::copy(file, blobs.join(descriptor.digest.hex()))?;
    }
    let mut entry = image.manifest.clone();
    entry.platform = Some(image.platform.clone());
    if let Some(tag) = tag {
        entry.annotations.insert("org.opencontainers.image.ref.name".into(), tag.to_owned());
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type::INDEX,
        "manifests": [entry],
    });
    fs::write(blobs.join(image.manifest.digest.hex()), &image.manifest_bytes)?;
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    fs::write(folder.join("index.json"), index.to_string())
}

/// Writes an archive that `docker load` and `podman load` accept. `names` are full references.
///
/// Layers are decompressed, because older engines accept no others.
pub fn docker_archive(
    store: &Store,
    image: &Image,
    names: &[String],
    file: &Path,
) -> io::Result<()> {
    let mut archive = tar::Builder::new(File::create(file)?);
    let config = store.read(&image.config.digest).map_err(io::Error::other)?;
    let fields: Value = serde_json::from_slice(&config)?;
    let diff_ids = fields["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
    let mut layers: Vec<String> = Vec::new();
    for (layer, diff_id) in image.layers.iter().zip(&diff_ids) {
        let diff_id = diff_id.as_str().unwrap_or_default();
        let name = format!("{}/layer.tar", diff_id.trim_start_matches("sha256:"));
        if !layers.contains(&name) {
            append(&mut archive, &name, &decompressed(store, layer)?)?;
        }
        layers.push(name);
    }
    let config_name = format!("{}.json", image.config.digest.hex());
    let manifest = json!([{ "Config": config_name, "RepoTags": names, "Layers": layers }]);
    append(&mut archive, &config_name, &config)?;
    append(&mut archive, "manifest.json", manifest.to_string().as_bytes())?;
    archive.finish()
}

fn decompressed(store: &Store, layer: &Descriptor) -> io::Result<Vec<u8>> {
    let mut blob = File::open(store.locate(layer).map_err(io::Error::other)?)?;
    let mut bytes = Vec::new();
    match layer.media_type.as_str() {
        media_type::LAYER_GZIP => MultiGzDecoder::new(blob).read_to_end(&mut bytes)?,
        media_type::LAYER_ZSTD => zstd::Decoder::new(blob)?.read_to_end(&mut bytes)?,
        _ => blob.read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn append(archive: &mut tar::Builder<File>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    archive.append_data(&mut header, name, bytes)
}
