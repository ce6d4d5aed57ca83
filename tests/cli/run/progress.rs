//! Progress events of a build in `--output json`.

use crate::support::Program;
use crate::support::fake_registry::{FakeRegistry, Fault};
use crate::support::images::noise;
use serde_json::{Value, json};
use shipway::testing::oci::{Digest, media_type};
use std::io::{BufRead as _, BufReader};
use std::process::ChildStdout;
use std::sync::Arc;
use tokio::sync::Notify;

/// After so many bytes of the base the registry stalls.
const HELD_BYTES: usize = 400_000;
/// The number of events in a minute of stalling.
const MAX_EVENTS: usize = 600;

/// An archive of one file.
fn archive(content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "below", content).expect("memory");
    archive.into_inner().expect("memory")
}

/// Puts an image as `base:1` into a registry. Gives its blobs and their sizes,
/// the layer first.
fn base(registry: &FakeRegistry) -> [(String, u64); 2] {
    let layer = archive(&noise(1 << 20, 1));
    let diff_ids = json!([Digest::of(&layer)]);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = config.to_string().into_bytes();
    let blobs = [&layer, &config].map(|it| (registry.put_blob("base", it), it.len() as u64));
    let text = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": { "mediaType": media_type::CONFIG, "digest": blobs[1].0, "size": blobs[1].1 },
        "layers": [{ "mediaType": media_type::LAYER, "digest": blobs[0].0, "size": blobs[0].1 }],
    });
    registry.put_manifest("base", "1", (media_type::MANIFEST, text.to_string().as_bytes()));
    blobs.map(|(digest, size)| (digest.to_string(), size))
}

fn program(host: &str) -> Program {
    Program::with_plan(&format!(
        "name: told
steps:
  - build: {{ base: '{host}/base:1', layers: [{{ from: page.html, to: /index.html }}] }}
  - tag: {host}/web:1
  - push:
"
    ))
    .file("page.html", "<h1>hello</h1>\n")
}

/// All that was told of bytes; `seen` is asked of each as it comes.
fn progress(stdout: ChildStdout, mut seen: impl FnMut(&Value)) -> Vec<Value> {
    let mut all = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let event: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        if event["event"] == "progressed" {
            seen(&event["progress"]);
            all.push(event["progress"].clone());
            assert!(all.len() < MAX_EVENTS, "it never ends: {:#?}", all.last());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_covers_the_pulled_base_and_the_packed_layers() {
    let registry = FakeRegistry::start().await;
    let [layer, config] = base(&registry);
    let (let_go, whole) = (Arc::new(Notify::new()), layer.1 + config.1);
    let held = Fault::Hold(HELD_BYTES, Arc::clone(&let_go));
    registry.fault(&format!("GET /v2/base/blobs/{}", layer.0), held);
    let program = program(&registry.host());

    let mut child = program.start(&["run", "--until", "build", "--output", "json"]);
    let stdout = child.stdout.take().expect("a pipe");
    let held = HELD_BYTES as u64 + config.1;
    let all = progress(stdout, |progress| {
        if progress["verb"] == "pulled" && progress["done"] == held {
            let_go.notify_one();
        }
    });

    program.finish(child).exits(0);
    let pulled: Vec<&Value> = all.iter().filter(|it| it["verb"] == "pulled").collect();
    assert!(pulled.iter().all(|it| it["total"] == whole), "{pulled:#?}");
    let names = |progress: &Value| -> Vec<(String, u64)> {
        let layers = progress["layers"].as_array().expect("a list").iter();
        let name = |it: &Value| it["name"].as_str().expect("a name").to_owned();
        layers.map(|it| (name(it), it["total"].as_u64().expect("a size"))).collect()
    };
    assert_eq!(names(pulled[0]), [layer, config]);
    assert!(pulled.iter().any(|it| it["done"] == held), "{pulled:#?}");
    assert_eq!(pulled.last().expect("told")["done"], whole);
    let packed: Vec<&Value> = all.iter().filter(|it| it["verb"] == "packed").collect();
    let last = packed.last().expect("told");
    assert_eq!(last["done"], last["total"], "{packed:#?}");
    let size = last["total"].as_u64().expect("a size");
    assert_eq!(names(packed[0]), [("page.html".to_owned(), size)]);
    assert_eq!(all.len(), pulled.len() + packed.len(), "{all:#?}");
}
