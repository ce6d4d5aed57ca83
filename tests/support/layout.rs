//! An OCI layout of a small image, made here.

use serde_json::{Value, json};
use shipway::testing::oci::{Digest, media_type};
use std::fs;
use std::path::Path;

/// Writes an image of these files, all of which may be run, as a layout. `config` is the
/// part of the configuration that says what runs.
pub fn layout(folder: &Path, files: &[(&str, Vec<u8>)], config: &Value) {
    let tar = tar(files);
    let document = json!({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&tar)] },
    });
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let blob = |kind: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).expect("written");
        json!({ "mediaType": kind, "digest": digest, "size": bytes.len() })
    };
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &tar).expect("packed");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": blob(media_type::CONFIG, document.to_string().as_bytes()),
        "layers": [blob(media_type::LAYER_GZIP, &packed.finish().expect("packed"))],
    });
    let manifest = blob(media_type::MANIFEST, manifest.to_string().as_bytes());
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(folder.join("index.json"), index.to_string()).expect("written");
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
}

fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content.as_slice()).expect("appended");
    }
    builder.into_inner().expect("finished")
}
