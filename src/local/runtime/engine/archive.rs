//! Writes an image as the archive that `docker load` and `podman load` read:
//! `manifest.json`, the configuration, the layers.

use crate::local::runtime::image::Image;
use crate::oci::open_layer;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::fs::File;
use std::io;
use std::io::{BufWriter, Seek as _, Write as _};
use std::path::Path;
use tar::{Builder, Header};

/// Layers are written uncompressed, because not every engine supports zstd.
pub fn write(image: &Image, name: &str, path: &Path) -> io::Result<()> {
    let mut builder = Builder::new(BufWriter::new(File::create(path)?));
    let config = fs::read(&image.config)?;
    let config_name = format!("{}.json", hex::encode(Sha256::digest(&config)));
    append(&mut builder, &config_name, config.len() as u64, config.as_slice())?;
    let mut layers = Vec::new();
    for (number, layer) in image.layers.iter().enumerate() {
        let layer_name = format!("{number}/layer.tar");
        let mut plain = tempfile::tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
        let size = io::copy(&mut open_layer(layer)?, &mut plain)?;
        plain.rewind()?;
        append(&mut builder, &layer_name, size, plain)?;
        layers.push(layer_name);
    }
    let manifest = json!([{ "Config": config_name, "RepoTags": [name], "Layers": layers }]);
    let manifest = manifest.to_string();
    append(&mut builder, "manifest.json", manifest.len() as u64, manifest.as_bytes())?;
    builder.into_inner()?.flush()
}

fn append<W: io::Write>(
    builder: &mut Builder<W>,
    name: &str,
    size: u64,
    content: impl io::Read,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, content)
}
