//! Lists of repositories, tags and referrers, and Azure's more detailed ones
//! (Container Registry data plane, 2021-07-01).

use super::call::RegistryCall;
use super::error::DistributionError;
use super::headers::set_header;
use super::storage::Storage;
use crate::oci::{Descriptor, Digest, media_type};
use axum::body::Body;
use http::{HeaderMap, Method, Response, StatusCode, header};
use serde_json::{Value, json};

/// The number of results without the parameter `n`.
const DEFAULT_PAGE_SIZE: usize = 1_000;

pub fn ping() -> Response<Body> {
    json_answer(StatusCode::OK, "application/json; charset=utf-8", &json!({}))
}

/// `/v2/_catalog`
pub fn catalog(
    storage: &Storage,
    call: &RegistryCall,
) -> Result<Response<Body>, DistributionError> {
    let page = ListPage::of(call, storage.repositories(&call.host))?;
    Ok(page.answer(&json!({"repositories": page.names})))
}

/// `/v2/NAME/tags/list`
pub fn tags(
    storage: &Storage,
    call: &RegistryCall,
    repository: &str,
) -> Result<Response<Body>, DistributionError> {
    require_get(call)?;
    if !storage.has_repository(&call.host, repository) {
        return Err(DistributionError::unknown_name(repository));
    }
    let page = ListPage::of(call, storage.tags(&call.host, repository))?;
    Ok(page.answer(&json!({"name": repository, "tags": page.names})))
}

/// `/v2/NAME/referrers/DIGEST`: an index, which is empty for an unknown digest.
pub fn referrers(
    storage: &Storage,
    call: &RegistryCall,
    repository: &str,
    digest: &str,
) -> Result<Response<Body>, DistributionError> {
    require_get(call)?;
    let digest: Digest =
        digest.parse().map_err(|error| DistributionError::invalid_digest(&format!("{error}")))?;
    let mut manifests = storage.referrers(&call.host, repository, &digest);
    let wanted = call.query("artifactType").filter(|wanted| !wanted.is_empty());
    if let Some(wanted) = &wanted {
        manifests
            .retain(|found: &Descriptor| found.other.get("artifactType") == Some(&json!(wanted)));
    }
    // Pages are cut by digest, the order in which referrers are stored.
    let names = manifests.iter().map(|found| found.digest.to_string()).collect();
    let page = ListPage::of(call, names)?;
    manifests.retain(|found| page.names.iter().any(|name| name == found.digest.as_str()));
    let index = json!({"schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": manifests});
    let mut answer = page.answer_as(media_type::INDEX, &index);
    if wanted.is_some() {
        set_header(answer.headers_mut(), "oci-filters-applied", "artifactType");
    }
    Ok(answer)
}

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
            Ok(json_answer(
                StatusCode::OK,
                JSON,
                &json!({
                    "registry": call.host, "imageName": repository,
                    "createdTime": EPOCH, "lastUpdateTime": EPOCH,
                    "manifestCount": manifests.len(), "tagCount": tags.len(),
                    "changeableAttributes": changeable(),
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
pub fn acr_tags(
    storage: &Storage,
    call: &RegistryCall,
    repository: &str,
    tag: Option<&str>,
) -> Result<Response<Body>, DistributionError> {
    let describe = |tag: &str| {
        let digest = storage.tag(&call.host, repository, tag);
        json!({
            "name": tag, "digest": digest, "createdTime": EPOCH, "lastUpdateTime": EPOCH,
            "signed": false, "changeableAttributes": changeable(),
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
    let page = ListPage::of(call, storage.tags(&call.host, repository))?;
    let tags: Vec<Value> = page.names.iter().map(|tag| describe(tag)).collect();
    Ok(page.answer(&json!({"registry": call.host, "imageName": repository, "tags": tags})))
}

/// `/acr/v1/NAME/_manifests[/DIGEST]`
pub fn acr_manifests(
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
    let page = ListPage::of(call, all)?;
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
    json!({
        "digest": digest, "imageSize": size, "createdTime": EPOCH, "lastUpdateTime": EPOCH,
        "mediaType": found.map(|found| found.media_type),
        "configMediaType": content["config"]["mediaType"],
        "tags": tags, "changeableAttributes": changeable(),
    })
}

const JSON: &str = "application/json; charset=utf-8";

/// Creation times are not stored.
const EPOCH: &str = "1970-01-01T00:00:00.0000000Z";

fn changeable() -> Value {
    json!({"deleteEnabled": true, "writeEnabled": true, "readEnabled": true, "listEnabled": true})
}

fn unknown_tag(tag: &str) -> DistributionError {
    DistributionError::new(StatusCode::NOT_FOUND, "TAG_UNKNOWN", "the specified tag does not exist")
        .about(json!({"name": tag}))
}

fn require_get(call: &RegistryCall) -> Result<(), DistributionError> {
    match *call.request.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(DistributionError::method()),
    }
}

/// One page of a list.
struct ListPage {
    names: Vec<String>,
    next: Option<String>,
}

impl ListPage {
    /// Cuts out the page that `n` and `last` ask for.
    fn of(call: &RegistryCall, mut names: Vec<String>) -> Result<Self, DistributionError> {
        let count = match call.query("n") {
            None => DEFAULT_PAGE_SIZE,
            Some(text) => text.parse().map_err(|_| {
                let code = "PAGINATION_NUMBER_INVALID";
                DistributionError::new(
                    StatusCode::BAD_REQUEST,
                    code,
                    "invalid number of results requested",
                )
            })?,
        };
        if let Some(last) = call.query("last").filter(|last| !last.is_empty()) {
            names.retain(|name| *name > last);
        }
        let more = names.len() > count;
        names.truncate(count);
        let path = call.request.uri().path();
        let next = names.last().filter(|_| more).map(|last| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("last", last).append_pair("n", &count.to_string());
            if let Some(kind) = call.query("artifactType") {
                query.append_pair("artifactType", &kind);
            }
            format!("<{path}?{}>; rel=\"next\"", query.finish())
        });
        Ok(Self { names, next })
    }

    fn answer(&self, body: &Value) -> Response<Body> {
        self.answer_as(JSON, body)
    }

    fn answer_as(&self, media_type: &str, body: &Value) -> Response<Body> {
        let mut answer = json_answer(StatusCode::OK, media_type, body);
        if let Some(next) = &self.next {
            set_header(answer.headers_mut(), header::LINK, next);
        }
        answer
    }
}

fn json_answer(status: StatusCode, media_type: &str, body: &Value) -> Response<Body> {
    let text = body.to_string();
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    let headers: &mut HeaderMap = answer.headers_mut();
    set_header(headers, header::CONTENT_TYPE, media_type);
    set_header(headers, header::CONTENT_LENGTH, &text.len().to_string());
    *answer.body_mut() = Body::from(text);
    answer
}
