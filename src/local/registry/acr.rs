//! Azure's lists of repositories, tags and manifests, with more detail than those of the
//! distribution specification (Container Registry data plane, 2021-07-01).

use super::attributes::{self, Subject};
use super::call::RegistryCall;
use super::error::DistributionError;
use super::lists::{JSON, ListPage, json_answer, require_get};
use super::storage::{Storage, Times};
use crate::oci::Digest;
use axum::body::Body;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// `/acr/v1/NAME`: the attributes of a repository, or its deletion.
pub fn repository(
    storage: &Storage,
    call: &RegistryCall,
    repository: &str,
) -> Result<Response<Body>, DistributionError> {
    let (tags, manifests) =
        (storage.tags(&call.host, repository), storage.manifests(&call.host, repository));
    match *call.request.method() {
        Method::GET => {
            if !storage.has_repository(&call.host, repository) {
                return Err(DistributionError::unknown_name(repository));
            }
            let times = storage.repository_times(&call.host, repository);
            Ok(json_answer(
                StatusCode::OK,
                JSON,
                &json!({
                    "registry": call.host, "imageName": repository,
                    "createdTime": shown(times.created), "lastUpdateTime": shown(times.updated),
                    "manifestCount": manifests.len(), "tagCount": tags.len(),
                    "changeableAttributes":
                        attributes::read(storage, &call.host, repository).of(Subject::Repository),
                }),
            ))
        }
        Method::DELETE => {
            if !storage.remove(&call.host, Some(repository))? {
                return Err(DistributionError::unknown_name(repository));
            }
            let deleted = json!({"manifestsDeleted": manifests, "tagsDeleted": tags});
            Ok(json_answer(StatusCode::ACCEPTED, JSON, &deleted))
        }
        _ => Err(DistributionError::method()),
    }
}

/// `/acr/v1/NAME/_tags[/TAG]`
pub fn tags(
    storage: &Storage,
    call: &RegistryCall,
    repository: &str,
    tag: Option<&str>,
) -> Result<Response<Body>, DistributionError> {
    let all = attributes::read(storage, &call.host, repository);
    let describe = |tag: &str| {
        let digest = storage.tag(&call.host, repository, tag);
        let times = storage.tag_times(&call.host, repository, tag);
        json!({
            "name": tag, "digest": digest,
            "createdTime": shown(times.created), "lastUpdateTime": shown(times.updated),
            "signed": false, "changeableAttributes": all.of(Subject::Tag(tag)),
        })
    };
    if let Some(tag) = tag {
        if *call.request.method() == Method::DELETE {
            if storage.delete_tag(&call.host, repository, tag)? {
                return Ok(json_answer(StatusCode::ACCEPTED, JSON, &json!({})));
            }
            return Err(unknown_tag(tag));
        }
        require_get(call)?;
        if storage.tag(&call.host, repository, tag).is_none() {
            return Err(unknown_tag(tag));
        }
        let one = json!({"registry": call.host, "imageName": repository, "tag": describe(tag)});
        return Ok(json_answer(StatusCode::OK, JSON, &one));
    }
    require_get(call)?;
    if !storage.has_repository(&call.host, repository) {
        return Err(DistributionError::unknown_name(repository));
    }
    let tags = storage.tags(&call.host, repository);
    let tags = by_time(call, tags, |tag| storage.tag_times(&call.host, repository, tag));
    let page = ListPage::of(call, tags)?;
    let tags: Vec<Value> = page.names.iter().map(|tag| describe(tag)).collect();
    Ok(page.answer(&json!({"registry": call.host, "imageName": repository, "tags": tags})))
}

/// `/acr/v1/NAME/_manifests[/DIGEST]`
pub fn manifests(
    storage: &Storage,
    call: &RegistryCall,
    repository: &str,
    digest: Option<&str>,
) -> Result<Response<Body>, DistributionError> {
    require_get(call)?;
    if !storage.has_repository(&call.host, repository) {
        return Err(DistributionError::unknown_name(repository));
    }
    let all: Vec<String> =
        storage.manifests(&call.host, repository).iter().map(ToString::to_string).collect();
    let describe = |name: &str| describe_manifest(storage, call, repository, name);
    if let Some(digest) = digest {
        if !all.iter().any(|name| name == digest) {
            return Err(DistributionError::unknown_manifest(digest));
        }
        let (registry, manifest) = (&call.host, describe(digest));
        let one = json!({"registry": registry, "imageName": repository, "manifest": manifest});
        return Ok(json_answer(StatusCode::OK, JSON, &one));
    }
    let times = |digest: &str| storage.manifest_times(&call.host, repository, digest);
    let page = ListPage::of(call, by_time(call, all, times))?;
    let manifests: Vec<Value> = page.names.iter().map(|name| describe(name)).collect();
    let (registry, image) = (&call.host, repository);
    Ok(page.answer(&json!({"registry": registry, "imageName": image, "manifests": manifests})))
}

fn describe_manifest(
    storage: &Storage,
    call: &RegistryCall,
    repository: &str,
    digest: &str,
) -> Value {
    let tags = storage.tags(&call.host, repository).into_iter().filter(|tag| {
        storage.tag(&call.host, repository, tag).is_some_and(|found| found.as_str() == digest)
    });
    let tags: Vec<String> = tags.collect();
    let found = storage.manifest(&call.host, repository, digest);
    let content: Value = found
        .as_ref()
        .and_then(|found| serde_json::from_slice(&found.bytes).ok())
        .unwrap_or_default();
    let layers = content["layers"].as_array().into_iter().flatten();
    let parts = layers.chain(content.get("config"));
    let size: u64 = parts.filter_map(|part| part["size"].as_u64()).sum();
    let times = storage.manifest_times(&call.host, repository, digest);
    let own = attributes::read(storage, &call.host, repository);
    let mut described = json!({
        "digest": digest, "imageSize": size,
        "createdTime": shown(times.created), "lastUpdateTime": shown(times.updated),
        "mediaType": found.map(|found| found.media_type),
        "tags": tags, "changeableAttributes": own.of(Subject::Manifest(digest)),
    });
    if let Some(media_type) = content["config"]["mediaType"].as_str() {
        described["configMediaType"] = media_type.into();
        let config = content["config"]["digest"].as_str().and_then(|digest| digest.parse().ok());
        let platform = config.and_then(|digest| platform(storage, &digest));
        for (name, value) in platform.unwrap_or_default() {
            described[name] = value;
        }
    }
    described
}

/// With seven digits after the second, as Azure has it.
fn shown(time: jiff::Timestamp) -> String {
    format!("{time:.7}")
}

/// Sorted names in the order that `orderby` asks for: of their letters, or of time.
fn by_time(
    call: &RegistryCall,
    mut names: Vec<String>,
    times: impl Fn(&str) -> Times,
) -> Vec<String> {
    match call.query("orderby").as_deref() {
        Some("timedesc") => {
            names.sort_by_cached_key(|name| std::cmp::Reverse(times(name).updated));
        }
        Some("timeasc") => names.sort_by_cached_key(|name| times(name).updated),
        _ => {}
    }
    names
}

/// Architecture and operating system of an image, from its configuration.
fn platform(storage: &Storage, config: &Digest) -> Option<Vec<(&'static str, Value)>> {
    let bytes = std::fs::read(storage.content(config)).ok()?;
    let config: Value = serde_json::from_slice(&bytes).ok()?;
    let of = |name: &'static str| Some((name, config[name].as_str()?.into()));
    Some(["architecture", "os"].into_iter().filter_map(of).collect())
}

fn unknown_tag(tag: &str) -> DistributionError {
    DistributionError::new(StatusCode::NOT_FOUND, "TAG_UNKNOWN", "the specified tag does not exist")
        .about(json!({"name": tag}))
}
