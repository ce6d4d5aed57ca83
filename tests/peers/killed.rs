//! A push that is killed in the middle of a large layer continues there.

use crate::peer::keeping_registry::KeepingRegistry;
use crate::support::state::output;
use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipway::testing::oci::{Digest, media_type};
use std::fs::{self, File};
use std::path::Path;

const MIB: u64 = 1 << 20;
const LAYER: u64 = 1_024 * MIB;

/// Writes a layout whose one layer is an empty tar archive of this size.
fn layout(folder: &Path, size: u64) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let put = |value: &Value| {
        let text = value.to_string();
        let digest = Digest::of(text.as_bytes());
        fs::write(blobs.join(digest.hex()), &text).expect("a file");
        (digest, text.len())
    };
    let layer = blobs.join("layer");
    File::create(&layer).and_then(|file| file.set_len(size)).expect("a file");
    let mut hash = Sha256::new();
    std::io::copy(&mut File::open(&layer).expect("a file"), &mut Hashing(&mut hash))
        .expect("hashed");
    let digest = Digest::from_sha256(&hash.finalize());
    fs::rename(&layer, blobs.join(digest.hex())).expect("a file");
    let config = put(&json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [digest] },
    }));
    let manifest = put(&json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": { "mediaType": media_type::CONFIG, "digest": config.0, "size": config.1 },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar",
                     "digest": digest, "size": size }],
    }));
    let index = json!({ "schemaVersion": 2, "manifests": [
        { "mediaType": media_type::MANIFEST, "digest": manifest.0, "size": manifest.1 }] });
    fs::write(folder.join("index.json"), index.to_string()).expect("a file");
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a file");
}

struct Hashing<'a>(&'a mut Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn killed_push_of_a_large_layer_sends_the_rest() {
    let registry = KeepingRegistry::start();
    let host = registry.host();
    let program = Program::with_plan(&format!(
        "name: large
azure: {{ resource-group: large, location: westeurope }}
steps:
  - build: {{ image: 'oci:layout' }}
  - tag: {{ image: {host}/web, tags: [v1] }}
  - push:
  - deploy: {{ aci: {{ dns-label: large, ports: [80] }} }}
"
    ));
    layout(&program.path("layout"), LAYER);

    let child = program.start(&["run", "--until", "push"]);
    eventually("a good part of the layer", || (registry.received() > 300 * MIB).then_some(()));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).expect("it is there");
    program.finish(child).exits(128 + 9);
    registry.log();
    program.run(&["run", "--until", "push"]).exits(0);

    let sent: u64 = output(&program, 0, "bytes-sent").parse().expect("a number");
    let config = registry.received() - LAYER;
    assert!(config < MIB, "no byte of the layer came twice");
    assert!(sent <= LAYER - 300 * MIB, "{sent}");
    let log = registry.log();
    let layer: Vec<&String> = log.iter().filter(|line| line.contains("/uploads/")).collect();
    assert!(layer[0].starts_with("GET /v2/web/blobs/uploads/"), "{log:#?}");
    assert!(log.contains(&"PUT /v2/web/manifests/v1".to_owned()), "{log:#?}");
    // The upload's location is a capability: it is not in the journal, and it is
    // removed once the upload is closed.
    let text = |name: &str| {
        let run = crate::support::state::newest(&program, "runs").expect("a run");
        fs::read_to_string(run.join(name)).expect("a file")
    };
    assert!(!text("journal.jsonl").contains("/uploads/"));
    let uploads = program.path(".shipway/registries/uploads");
    assert_eq!(fs::read_dir(uploads).expect("a folder").count(), 0);
}
