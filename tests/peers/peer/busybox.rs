//! A small image with a shell and a web server, made of this machine's static
//! busybox.

use serde_json::{Value, json};
use shipway::testing::local::runtime::Image;
use shipway::testing::oci::{Digest, media_type};
use std::fs;
use std::path::{Path, PathBuf};

/// The programs that the image has besides busybox itself.
const APPLETS: [&str; 29] = [
    "awk", "cat", "chown", "chroot", "date", "dd", "echo", "env", "grep", "hostname", "httpd",
    "id", "killall", "ls", "mkdir", "mknod", "mount", "nsenter", "ps", "pwd", "reboot", "sh",
    "sleep", "stat", "touch", "tr", "umount", "unshare", "wget",
];

/// A layer with busybox and a file for users.
pub fn layer() -> Vec<u8> {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let header = |kind, mode, size| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header
    };
    let busybox = fs::read("/usr/bin/busybox").expect("busybox-static is installed");
    let mut file = header(tar::EntryType::Regular, 0o755, busybox.len() as u64);
    builder.append_data(&mut file, "bin/busybox", busybox.as_slice()).expect("appended");
    for applet in APPLETS {
        let mut link = header(tar::EntryType::Symlink, 0o777, 0);
        builder.append_link(&mut link, format!("bin/{applet}"), "busybox").expect("appended");
    }
    let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n";
    let mut file = header(tar::EntryType::Regular, 0o644, passwd.len() as u64);
    builder.append_data(&mut file, "etc/passwd", passwd.as_bytes()).expect("appended");
    builder.into_inner().expect("finished").finish().expect("finished")
}

/// Writes the image's blobs into a folder. `config` is the part of the
/// configuration that says what runs.
pub fn image(folder: &Path, config: &Value) -> Image {
    let layer = layer();
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(layer.as_slice());
    std::io::copy(&mut decoder, &mut plain).expect("unpacked");
    let document = json!({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&plain)] },
    });
    let document = document.to_string().into_bytes();
    let blob = |bytes: &[u8]| -> PathBuf {
        let path = folder.join(Digest::of(bytes).hex());
        fs::write(&path, bytes).expect("written");
        path
    };
    Image {
        reference: "demo.azurecr.io/busybox:1".to_owned(),
        digest: Digest::of(&document),
        config: blob(&document),
        layers: vec![blob(&layer)],
    }
}

/// Writes the image as an OCI layout and says what its manifest is called.
pub fn layout(folder: &Path, config: &Value) -> Digest {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let image = image(&blobs, config);
    let described = |kind: &str, path: &Path| {
        let hex = path.file_name().expect("a name").to_string_lossy();
        let size = fs::metadata(path).expect("written").len();
        json!({ "mediaType": kind, "digest": format!("sha256:{hex}"), "size": size })
    };
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": described(media_type::CONFIG, &image.config),
        "layers": [described(media_type::LAYER_GZIP, &image.layers[0])],
    });
    let bytes = manifest.to_string();
    let digest = Digest::of(bytes.as_bytes());
    let manifest = blobs.join(digest.hex());
    fs::write(&manifest, &bytes).expect("written");
    let index = json!({
        "schemaVersion": 2, "manifests": [described(media_type::MANIFEST, &manifest)],
    });
    fs::write(folder.join("index.json"), index.to_string()).expect("written");
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
    digest
}
