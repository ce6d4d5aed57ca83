//! What the registry keeps, and the requests that ask for it.

use super::wire::{Answer, Asked, answer, error};
use crate::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// The blobs and manifests, by repository and digest or tag.
#[derive(Default)]
pub struct Store {
    pub blobs: BTreeMap<(String, String), Vec<u8>>,
    pub manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    pub uploads: BTreeMap<u32, Vec<u8>>,
    pub next: u32,
    pub tokens: u32,
    /// Whether a blob may be sent with the request that opens its upload.
    pub single: bool,
    pub good: BTreeSet<String>,
}

pub fn part_of(asked: &Asked, digest: &str, bytes: &[u8]) -> Answer {
    let from: usize = asked
        .headers
        .get("range")
        .and_then(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().ok())
        .unwrap_or(0);
    let mut answer = answer(if from > 0 { 206 } else { 200 }, &[], "");
    answer.body = bytes[from..].to_vec();
    answer.headers.push(("docker-content-digest".into(), digest.into()));
    if from > 0 {
        let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
        answer.headers.push(("content-range".into(), range));
    }
    if asked.method == "HEAD" {
        answer.headers.push(("content-length".into(), bytes.len().to_string()));
    }
    answer
}

pub fn upload(store: &mut Store, asked: &Asked, repository: &str, id: &str) -> Answer {
    if asked.method == "POST" {
        if let (Some(digest), Some(from)) = (asked.query.get("mount"), asked.query.get("from"))
            && let Some(bytes) = store.blobs.get(&(from.clone(), digest.clone())).cloned()
        {
            store.blobs.insert((repository.to_owned(), digest.clone()), bytes);
            return answer(201, &[], "");
        }
        if let Some(digest) = asked.query.get("digest")
            && store.single
        {
            let key = (repository.to_owned(), digest.clone());
            assert_eq!(*digest, Digest::of(&asked.body).to_string(), "what it says it is");
            store.blobs.insert(key, asked.body.clone());
            return answer(201, &[("docker-content-digest", digest)], "");
        }
        store.next += 1;
        store.uploads.insert(store.next, Vec::new());
        // As distribution does: the state is in the query.
        let location = format!("/v2/{repository}/blobs/uploads/{}?_state=a%2Bb%3D=", store.next);
        return answer(202, &[("location", &location)], "");
    }
    if asked.query.get("_state").map(String::as_str) != Some("a%2Bb%3D=") {
        return error(400, "BLOB_UPLOAD_INVALID", "the state is lost");
    }
    let Some(bytes) = id.parse().ok().and_then(|id: u32| store.uploads.get_mut(&id)) else {
        return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    };
    if asked.method == "PATCH" {
        let from = asked.headers.get("content-range").and_then(|it| it.split_once('-'));
        if from.and_then(|(from, _)| from.parse().ok()) != Some(bytes.len()) {
            return error(416, "RANGE_INVALID", "invalid content range");
        }
    }
    bytes.extend_from_slice(&asked.body);
    let location = format!("/v2/{repository}/blobs/uploads/{id}?_state=a%2Bb%3D=");
    let range = format!("0-{}", bytes.len().saturating_sub(1));
    let headers = [("location", location.as_str()), ("range", range.as_str())];
    match asked.method.as_str() {
        "PATCH" => answer(202, &headers, ""),
        "GET" => answer(204, &headers, ""),
        _ => {
            let digest = Digest::of(bytes).to_string();
            let (said, bytes) = (asked.query.get("digest").cloned(), bytes.clone());
            if said.map(|it| it.replace("%3A", ":")) != Some(digest.clone()) {
                return error(400, "DIGEST_INVALID", "provided digest did not match content");
            }
            store.blobs.insert((repository.to_owned(), digest.clone()), bytes);
            answer(201, &[("docker-content-digest", &digest)], "")
        }
    }
}

pub fn manifest(store: &mut Store, asked: &Asked, repository: &str, name: &str) -> Answer {
    let key = (repository.to_owned(), name.to_owned());
    if asked.method == "PUT" {
        let text = String::from_utf8_lossy(&asked.body);
        // As distribution does: one error for each.
        let unknown: Vec<String> = text
            .match_indices("sha256:")
            .filter_map(|(at, _)| text.get(at..at + 71))
            .filter(|it| {
                let key = (repository.to_owned(), (*it).to_owned());
                !store.blobs.contains_key(&key) && !store.manifests.contains_key(&key)
            })
            .map(|it| format!(r#"{{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":{{"digest":"{it}"}}}}"#))
            .collect();
        if !unknown.is_empty() {
            return answer(404, &[], &format!(r#"{{"errors":[{}]}}"#, unknown.join(",")));
        }
        let kind = asked.headers.get("content-type").cloned().unwrap_or_default();
        let digest = Digest::of(&asked.body).to_string();
        store.manifests.insert(key, (kind.clone(), asked.body.clone()));
        store.manifests.insert((repository.to_owned(), digest.clone()), (kind, asked.body.clone()));
        return answer(201, &[("docker-content-digest", &digest), ("location", "/")], "");
    }
    if asked.method == "DELETE" {
        return answer(if store.manifests.remove(&key).is_some() { 202 } else { 404 }, &[], "");
    }
    let Some((kind, bytes)) = store.manifests.get(&key) else {
        return error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    };
    let mut answer = part_of(asked, Digest::of(bytes).as_str(), bytes);
    answer.headers.push(("content-type".into(), kind.clone()));
    answer
}
