//! Images to push, and clients to push them with.

use crate::http;
use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::progress::Progress;
use crate::registry::{
    Blob, BlobSource, Client, HostAccess, Login, Push, PushManifest, RegistryTiming, Settings,
};
use crate::secret::Redactor;
use bytes::Bytes;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A client of one registry that retries without a pause.
pub fn client(host: &str, login: Login) -> Client {
    client_with(host, login, &Redactor::default())
}

/// Like [`client`], with the redactor that knows the login.
pub fn client_with(host: &str, login: Login, redactor: &Redactor) -> Client {
    let timing = RegistryTiming { pauses: vec![Duration::ZERO; 2], ..RegistryTiming::default() };
    client_timed(host, login, redactor, timing)
}

/// Like [`client_with`], with these time limits.
pub fn client_timed(
    host: &str,
    login: Login,
    redactor: &Redactor,
    timing: RegistryTiming,
) -> Client {
    client_of(host, login, redactor, Settings { timing, ..Settings::default() })
}

/// A client with these settings and the login of one host.
pub fn client_of(host: &str, login: Login, redactor: &Redactor, settings: Settings) -> Client {
    let access = HostAccess { login, insecure: false, trusting: None };
    let hosts = BTreeMap::from([(host.to_owned(), access)]);
    let http = http::Client::new(http::Settings::default()).expect("a client");
    Client::new(http, redactor.clone(), Settings { hosts, ..settings })
}

pub fn reference(text: &str) -> Reference {
    text.parse().expect("a reference")
}

fn blob_of(bytes: &[u8], media_type: &str, folder: &Path) -> Blob {
    let digest = Digest::of(bytes);
    let path = folder.join(digest.hex());
    std::fs::write(&path, bytes).expect("a file");
    let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
    Blob { descriptor, source: BlobSource::File(path) }
}

/// An image whose layers are these bytes; the configuration is its last blob.
pub fn image(layers: &[Vec<u8>], folder: &Path, targets: &[String]) -> Push {
    let mut blobs: Vec<Blob> =
        layers.iter().map(|layer| blob_of(layer, media_type::LAYER, folder)).collect();
    let hashes: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": hashes },
    });
    let config = serde_json::to_vec(&config).expect("JSON");
    let size = config.len() as u64;
    let descriptor = Descriptor::new(media_type::CONFIG, Digest::of(&config), size);
    let layers: Vec<&Descriptor> = blobs.iter().map(|blob| &blob.descriptor).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": descriptor, "layers": layers,
    });
    let bytes = Bytes::from(serde_json::to_vec(&manifest).expect("JSON"));
    blobs.push(Blob { descriptor, source: BlobSource::Bytes(config.into()) });
    let digest = Digest::of(&bytes);
    let manifest = PushManifest { media_type: media_type::MANIFEST.to_owned(), bytes, digest };
    Push {
        blobs,
        manifest,
        children: Vec::new(),
        targets: targets.iter().map(|it| reference(it)).collect(),
    }
}

/// Pseudo-random bytes, the same for each seed.
pub fn noise(length: usize, seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    // One page repeated: a debug build is slow at generating more.
    let page: Vec<u8> = (0..length.min(4_093)).map(|_| next()).collect();
    let mut noise = page.repeat(length.div_ceil(page.len().max(1)));
    noise.truncate(length);
    noise
}

/// Ignores the progress of a push.
pub fn silent(_: Progress) {}

/// An error and its causes, a line each.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}\n{cause}");
        next = cause.source();
    }
    text
}
