//! Manifests: kept to the byte under the media type that they came with.

use super::blobs::put;
use super::refused::Refused;
use super::server::Call;
use super::storage::{Storage, StoredManifest};
use crate::local::shared::Shared;
use crate::oci::{Descriptor, Digest, Reference, media_type};
use axum::body::Body;
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha384, Sha512};

/// The largest manifest that is taken, as at Azure: 4 MiB.
const LIMIT: usize = 4 * 1024 * 1024;

pub(super) async fn answer(
    shared: &Shared,
    call: Call,
    repository: &str,
    reference: &str,
) -> Result<Response<Body>, Refused> {
    let storage = &shared.storage;
    match *call.request.method() {
        Method::GET | Method::HEAD => {
            shared.upstream.manifest(&call.host, repository, reference).await?;
            let manifest = storage
                .manifest(&call.host, repository, reference)
                .ok_or_else(|| Refused::unknown_manifest(reference))?;
            Ok(send(manifest))
        }
        Method::PUT => keep(shared, call, repository, reference).await,
        Method::DELETE => {
            let deleted = match reference.parse::<Digest>() {
                Ok(digest) => storage.delete_manifest(&call.host, repository, &digest)?,
                Err(_) if Reference::is_tag(reference) => {
                    storage.delete_tag(&call.host, repository, reference)?
                }
                Err(error) => return Err(Refused::invalid_digest(&error.to_string())),
            };
            if !deleted {
                return Err(Refused::unknown_manifest(reference));
            }
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::ACCEPTED;
            Ok(answer)
        }
        _ => Err(Refused::method()),
    }
}

fn send(manifest: StoredManifest) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    put(headers, header::CONTENT_TYPE, &manifest.media_type);
    put(headers, header::CONTENT_LENGTH, &manifest.bytes.len().to_string());
    put(headers, header::ETAG, &format!("\"{}\"", manifest.digest));
    put(headers, "docker-content-digest", manifest.digest.as_str());
    *answer.body_mut() = Body::from(manifest.bytes);
    answer
}

async fn keep(
    shared: &Shared,
    mut call: Call,
    repository: &str,
    reference: &str,
) -> Result<Response<Body>, Refused> {
    let body = std::mem::replace(call.request.body_mut(), Body::empty());
    let bytes = Limited::new(body, LIMIT).collect().await.map_err(|_| {
        let message = "the manifest is longer than 4 MiB";
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message)
    })?;
    let bytes = bytes.to_bytes().to_vec();
    let (digest, mut tags) = name(reference, &bytes)?;
    tags.extend(call.queries("tag"));
    if let Some(wrong) = tags.iter().find(|tag| !Reference::is_tag(tag)) {
        let invalid = Refused::new(StatusCode::BAD_REQUEST, "TAG_INVALID", "invalid tag name");
        return Err(invalid.about(json!({"tag": wrong})));
    }
    let content: Value = serde_json::from_slice(&bytes)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| invalid("the manifest is no JSON object"))?;
    let given = call.request.headers().get(header::CONTENT_TYPE);
    let given = given.and_then(|value| value.to_str().ok());
    let media_type = media_type_of(given, &content)?;
    let storage = &shared.storage;
    for digest in blobs(&content).filter_map(|part| part["digest"].as_str()?.parse().ok()) {
        shared.upstream.whole(&call.host, repository, &digest).await?;
    }
    complete(storage, &call.host, repository, &content)?;
    let manifest = StoredManifest { media_type, digest, bytes };
    let subject = referrer(&manifest, &content)?;
    let refers_to = subject.as_ref().map(|(subject, descriptor)| (subject, descriptor));
    storage.put_manifest(&call.host, repository, &manifest, refers_to)?;
    for tag in &tags {
        storage.set_tag(&call.host, repository, tag, &manifest.digest)?;
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::CREATED;
    let headers = answer.headers_mut();
    let path = call.path(repository, &format!("manifests/{}", manifest.digest));
    put(headers, header::LOCATION, &path);
    put(headers, "docker-content-digest", manifest.digest.as_str());
    if let Some((subject, _)) = &subject {
        put(headers, "oci-subject", subject.as_str());
    }
    for tag in call.queries("tag") {
        if let Ok(tag) = http::HeaderValue::from_str(&tag) {
            headers.append("oci-tag", tag);
        }
    }
    Ok(answer)
}

/// The digest of some bytes by the algorithm of that name.
pub(super) fn digest_as(algorithm: &str, bytes: &[u8]) -> Digest {
    let own = || Digest::of(bytes);
    let text = match algorithm {
        "sha384" => format!("sha384:{}", hex::encode(Sha384::digest(bytes))),
        "sha512" => format!("sha512:{}", hex::encode(Sha512::digest(bytes))),
        _ => return own(),
    };
    text.parse().unwrap_or_else(|_| own())
}

/// What a manifest is called: the digest in the path, which must be right, or
/// its own, and then the tag in the path.
fn name(reference: &str, bytes: &[u8]) -> Result<(Digest, Vec<String>), Refused> {
    if !reference.contains(':') {
        return Ok((Digest::of(bytes), vec![reference.to_owned()]));
    }
    let given: Digest =
        reference.parse().map_err(|error| Refused::invalid_digest(&format!("{error}")))?;
    if digest_as(given.algorithm(), bytes) == given {
        return Ok((given, Vec::new()));
    }
    Err(Refused::invalid_digest("provided digest did not match uploaded content"))
}

/// What the client calls it, else what it calls itself.
fn media_type_of(given: Option<&str>, content: &Value) -> Result<String, Refused> {
    let own = content["mediaType"].as_str();
    match (given.filter(|given| !given.is_empty()), own) {
        (Some(given), Some(own)) if given != own => {
            Err(invalid("the media type differs from that in the manifest"))
        }
        (Some(given), _) => Ok(given.to_owned()),
        (None, Some(own)) => Ok(own.to_owned()),
        (None, None) if content["manifests"].is_array() => Ok(media_type::INDEX.to_owned()),
        (None, None) => Ok(media_type::MANIFEST.to_owned()),
    }
}

/// The blobs that a manifest names.
fn blobs(content: &Value) -> impl Iterator<Item = &Value> {
    content["layers"].as_array().into_iter().flatten().chain(content.get("config"))
}

/// Whether all that a manifest names is there. Each that is not is named.
fn complete(
    storage: &Storage,
    host: &str,
    repository: &str,
    content: &Value,
) -> Result<(), Refused> {
    let mut missing = Vec::new();
    for part in blobs(content) {
        let digest = part["digest"].as_str().unwrap_or_default();
        // What is distributed elsewhere need not be here.
        let elsewhere = part["urls"].as_array().is_some_and(|urls| !urls.is_empty())
            || part["mediaType"].as_str().is_some_and(|kind| {
                kind.contains("nondistributable") || kind.contains("rootfs.foreign")
            });
        let there = digest
            .parse()
            .is_ok_and(|digest| storage.blob_path(host, repository, &digest).is_some());
        if !there && !elsewhere {
            missing.push(digest.to_owned());
        }
    }
    for part in content["manifests"].as_array().into_iter().flatten() {
        let digest = part["digest"].as_str().unwrap_or_default();
        let there = digest.contains(':') && storage.manifest(host, repository, digest).is_some();
        if !there {
            missing.push(digest.to_owned());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let unknown = Refused::new(
        StatusCode::BAD_REQUEST,
        "MANIFEST_BLOB_UNKNOWN",
        "manifest references a manifest or blob unknown to registry",
    );
    Err(missing.into_iter().fold(unknown, |all, digest| all.about(json!({"digest": digest}))))
}

/// What it refers to, and how it is listed there.
fn referrer(
    manifest: &StoredManifest,
    content: &Value,
) -> Result<Option<(Digest, Descriptor)>, Refused> {
    let Some(subject) = content.get("subject").filter(|subject| !subject.is_null()) else {
        return Ok(None);
    };
    let subject: Digest = subject["digest"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .map_err(|error| Refused::invalid_digest(&format!("{error}")))?;
    let size = manifest.bytes.len() as u64;
    let mut descriptor = Descriptor::new(&manifest.media_type, manifest.digest.clone(), size);
    let kind = content["artifactType"].as_str().or(content["config"]["mediaType"].as_str());
    if let Some(kind) = kind {
        descriptor.other.insert("artifactType".to_owned(), json!(kind));
    }
    let annotations = content["annotations"].as_object().into_iter().flatten();
    descriptor.annotations = annotations
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    Ok(Some((subject, descriptor)))
}

fn invalid(why: &str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", why)
}
