//! Sixty-four concurrent pushes: all content is stored, in bounded memory.

use crate::conformance::Registry;
use crate::conformance::registry::{and, header};
use crate::support::cloud::state;
use crate::support::images::noise;
use futures::future::join_all;
use serde_json::json;
use shipway::testing::local::InitialState;
use shipway::testing::local::process::{CloudStart, spawn};
use shipway::testing::oci::{Digest, media_type};
use std::time::Duration;

const PUSHES: usize = 64;

/// Where the image of that number goes: half of them into one repository.
fn repository(number: usize) -> String {
    if number.is_multiple_of(2) { "shared".to_owned() } else { format!("own/{}", number % 8) }
}

/// Pushes an image of two layers that many have and one that is its own, as
/// clients do: what is there is not sent again.
async fn push(registry: &Registry, number: usize) -> Digest {
    let repository = repository(number);
    let own = number.to_string().repeat(50_000).into_bytes();
    let mut layers = Vec::new();
    for layer in [noise(200_000, 1), noise(100_000, 2), own] {
        let digest = Digest::of(&layer);
        layers.push(json!({
            "mediaType": media_type::LAYER, "digest": digest, "size": layer.len(),
        }));
        if registry.has_blob(&repository, digest.as_str()).await {
            continue;
        }
        let session = registry.session(&repository).await;
        let half = layer.len() / 2;
        let range = format!("0-{}", half - 1);
        let sent =
            registry.with("PATCH", &session, &layer[..half], &[("content-range", &range)]).await;
        assert_eq!(sent.status(), 202);
        let close = and(&header(&sent, "location"), &format!("digest={digest}"));
        let closed = registry.send("PUT", &close, &layer[half..]).await;
        assert_eq!(closed.status(), 201);
    }
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": registry.blob(&repository, media_type::CONFIG, b"{}").await, "layers": layers,
    });
    let bytes = manifest.to_string().into_bytes();
    // Two tags: its own, and one that all of a repository fight for.
    for tag in [format!("v{number}"), "latest".to_owned()] {
        let put = registry.put(&repository, &tag, media_type::MANIFEST, &bytes).await;
        assert_eq!(put.status(), 201, "{:?}", put.text().await);
    }
    Digest::of(&bytes)
}

/// Only here: when many push one blob at the same time, docker-registry 2.8 may
/// forget for a moment that it has it.
#[tokio::test]
async fn concurrent_pushes_are_all_stored() {
    let registry = &super::registry();
    let digests = join_all((0..PUSHES).map(|number| push(registry, number))).await;

    let accept = [("accept", media_type::MANIFEST)];
    for (number, digest) in digests.iter().enumerate() {
        let repository = repository(number);
        let path = format!("/v2/{repository}/manifests/v{number}");
        let got = registry.with("GET", &path, b"", &accept).await;
        assert_eq!(header(&got, "docker-content-digest"), digest.as_str());
        let manifest: serde_json::Value = got.json().await.expect("JSON");
        for layer in manifest["layers"].as_array().expect("layers") {
            let digest: Digest = layer["digest"].as_str().expect("text").parse().expect("one");
            assert_eq!(Digest::of(&registry.read(&repository, digest.as_str()).await), digest);
        }
    }
    let mut expected: Vec<String> = (0..PUSHES).step_by(2).map(|it| format!("v{it}")).collect();
    expected.push("latest".to_owned());
    expected.sort();
    assert_eq!(registry.tags("shared").await, expected);
    let latest = registry.with("HEAD", "/v2/shared/manifests/latest", b"", &accept).await;
    let latest = header(&latest, "docker-content-digest");
    assert!(digests.iter().step_by(2).any(|digest| digest.as_str() == latest));
    let repositories = registry.json("/v2/_catalog").await["repositories"].clone();
    assert_eq!(repositories, json!(["own/1", "own/3", "own/5", "own/7", "shared"]));
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a line");
    line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn large_blobs_need_little_memory() {
    let folder = state();
    let world =
        serde_json::json!({"other-registries": [{"host": "127.0.0.1:5000"}], "runtime": "plain"});
    let world: InitialState = serde_json::from_value(world).expect("a world");
    let running = spawn(CloudStart {
        program: env!("CARGO_BIN_EXE_shipway").into(),
        arguments: &["local"],
        initial_state: &world,
        state: folder.path().to_owned(),
        within: Duration::from_secs(30),
    });
    let running = running.await.expect("a local cloud");
    drop(rustls::crypto::ring::default_provider().install_default());
    let proxy = reqwest::Proxy::all(running.cloud.proxy.expose()).expect("a proxy");
    let client = reqwest::Client::builder().proxy(proxy).build().expect("a client");
    let whole = bytes::Bytes::from(noise(4_000_000, 3));
    let push = |number: usize| {
        let (client, whole) = (client.clone(), whole.clone());
        async move {
            let digest = Digest::of(&whole);
            let base = "http://127.0.0.1:5000/v2";
            let url = format!("{base}/large{number}/blobs/uploads/?digest={digest}");
            client.post(url).body(whole).send().await.expect("an answer").status().as_u16()
        }
    };
    // The pages of the program that an upload needs count too.
    assert_eq!(push(PUSHES).await, 201);
    let before = peak(running.pid().expect("it runs"));
    assert_eq!(join_all((0..PUSHES).map(push)).await, [201; PUSHES]);

    let grown = peak(running.pid().expect("it runs")) - before;
    // 35 to 56 MiB in practice, of 244 MiB that are sent.
    assert!(grown < 96 * 1024, "{grown} KiB more than before for {PUSHES} uploads at once");
    drop(running.stop().await);
}
