//! Getting, pushing and deleting manifests, which are stored byte for byte.

use super::call::RegistryCall;
use super::digest::digest_as;
use super::error::DistributionError;
use super::headers::set_header;
use super::registries::Registries;
use super::storage::{Storage, StoredManifest};
use crate::oci::{Descriptor, Digest, Reference, media_type};
use axum::body::Body;
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

/// The limit of Azure's registries.
const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

pub async fn answer(
    registries: &Registries,
    call: RegistryCall,
    repository: &str,
    reference: &str,
) -> Result<Response<Body>, DistributionError> {
    let storage = &registries.storage;
    match *call.request.method() {
        Method::GET | Method::HEAD => {
            registries.upstream.manifest(&call.host, repository, reference).await?;
            let manifest = storage
                .manifest(&call.host, repository, reference)
                .ok_or_else(|| DistributionError::unknown_manifest(reference))?;
            Ok(send(manifest))
        }
        Method::PUT => push(registries, call, repository, reference).await,
        Method::DELETE => {
            let deleted = match reference.parse::<Digest>() {
                Ok(digest) => storage.delete_manifest(&call.host, repository, &digest)?,
                Err(_) if Reference::is_tag(reference) => {
                    storage.delete_tag(&call.host, repository, reference)?
                }
                Err(error) => return Err(DistributionError::invalid_digest(&error.to_string())),
            };
            if !deleted {
                return Err(DistributionError::unknown_manifest(reference));
            }
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::ACCEPTED;
            Ok(answer)
        }
        _ => Err(DistributionError::method()),
    }
}

fn send(manifest: StoredManifest) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    set_header(headers, header::CONTENT_TYPE, &manifest.media_type);
    set_header(headers, header::CONTENT_LENGTH, &manifest.bytes.len().to_string());
    set_header(headers, header::ETAG, &format!("\"{}\"", manifest.digest));
    set_header(headers, "docker-content-digest", manifest.digest.as_str());
    *answer.body_mut() = Body::from(manifest.bytes);
    answer
}

async fn push(
    registries: &Registries,
    mut call: RegistryCall,
    repository: &str,
    reference: &str,
) -> Result<Response<Body>, DistributionError> {
    let body = std::mem::replace(call.request.body_mut(), Body::empty());
    let bytes = Limited::new(body, MAX_MANIFEST_BYTES).collect().await.map_err(|_| {
        let message = "the manifest is longer than 4 MiB";
        DistributionError::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message)
    })?;
    let bytes = bytes.to_bytes().to_vec();
    let (digest, mut tags) = digest_and_tags(reference, &bytes)?;
    tags.extend(call.queries("tag"));
    if let Some(wrong) = tags.iter().find(|tag| !Reference::is_tag(tag)) {
        let invalid =
            DistributionError::new(StatusCode::BAD_REQUEST, "TAG_INVALID", "invalid tag name");
        return Err(invalid.about(json!({"tag": wrong})));
    }
    let content: Value = serde_json::from_slice(&bytes)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| invalid("the manifest is not a JSON object"))?;
    let given = call.request.headers().get(header::CONTENT_TYPE);
    let given = given.and_then(|value| value.to_str().ok());
    let media_type = media_type_of(given, &content)?;
    let storage = &registries.storage;
    for digest in blobs(&content).filter_map(|part| part["digest"].as_str()?.parse().ok()) {
        registries.upstream.whole(&call.host, repository, &digest).await?;
    }
    check_references(storage, &call.host, repository, &content)?;
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
    set_header(headers, header::LOCATION, &path);
    set_header(headers, "docker-content-digest", manifest.digest.as_str());
    if let Some((subject, _)) = &subject {
        set_header(headers, "oci-subject", subject.as_str());
    }
    for tag in call.queries("tag") {
        if let Ok(tag) = http::HeaderValue::from_str(&tag) {
            headers.append("oci-tag", tag);
        }
    }
    Ok(answer)
}

/// The digest and tags of a manifest that is pushed by digest or tag. A digest in
/// the path must match the content.
fn digest_and_tags(
    reference: &str,
    bytes: &[u8],
) -> Result<(Digest, Vec<String>), DistributionError> {
    if !reference.contains(':') {
        return Ok((Digest::of(bytes), vec![reference.to_owned()]));
    }
    let given: Digest = reference
        .parse()
        .map_err(|error| DistributionError::invalid_digest(&format!("{error}")))?;
    if digest_as(given.algorithm(), bytes) == given {
        return Ok((given, Vec::new()));
    }
    Err(DistributionError::invalid_digest("provided digest did not match uploaded content"))
}

/// `Content-Type`, else `mediaType` of the manifest. They must not differ.
fn media_type_of(given: Option<&str>, content: &Value) -> Result<String, DistributionError> {
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

fn blobs(content: &Value) -> impl Iterator<Item = &Value> {
    content["layers"].as_array().into_iter().flatten().chain(content.get("config"))
}

/// Fails with all blobs and manifests that the manifest refers to and that do not
/// exist.
fn check_references(
    storage: &Storage,
    host: &str,
    repository: &str,
    content: &Value,
) -> Result<(), DistributionError> {
    let mut missing = Vec::new();
    for part in blobs(content) {
        let digest = part["digest"].as_str().unwrap_or_default();
        // Layers that are distributed elsewhere need not exist here.
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
    let unknown = DistributionError::new(
        StatusCode::BAD_REQUEST,
        "MANIFEST_BLOB_UNKNOWN",
        "manifest references a manifest or blob unknown to registry",
    );
    Err(missing.into_iter().fold(unknown, |all, digest| all.about(json!({"digest": digest}))))
}

/// The subject of a manifest, and the descriptor to list among its referrers.
fn referrer(
    manifest: &StoredManifest,
    content: &Value,
) -> Result<Option<(Digest, Descriptor)>, DistributionError> {
    let Some(subject) = content.get("subject").filter(|subject| !subject.is_null()) else {
        return Ok(None);
    };
    let subject: Digest = subject["digest"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .map_err(|error| DistributionError::invalid_digest(&format!("{error}")))?;
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

fn invalid(why: &str) -> DistributionError {
    DistributionError::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", why)
}
