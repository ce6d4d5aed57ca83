//! Lists of repositories, tags and referrers.

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

pub const JSON: &str = "application/json; charset=utf-8";

pub fn require_get(call: &RegistryCall) -> Result<(), DistributionError> {
    match *call.request.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(DistributionError::method()),
    }
}

/// One page of a list.
pub struct ListPage {
    pub names: Vec<String>,
    next: Option<String>,
}

impl ListPage {
    /// Cuts out the page that `n` and `last` ask for. The names stay in their order.
    pub fn of(call: &RegistryCall, mut names: Vec<String>) -> Result<Self, DistributionError> {
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
            let after = names.iter().position(|name| *name == last).map(|at| at + 1);
            let after = after.unwrap_or_else(|| names.partition_point(|name| *name <= last));
            names.drain(..after);
        }
        let more = names.len() > count;
        names.truncate(count);
        let path = call.request.uri().path();
        let next = names.last().filter(|_| more).map(|last| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("last", last).append_pair("n", &count.to_string());
            for name in ["artifactType", "orderby"] {
                if let Some(value) = call.query(name) {
                    query.append_pair(name, &value);
                }
            }
            format!("<{path}?{}>; rel=\"next\"", query.finish())
        });
        Ok(Self { names, next })
    }

    pub fn answer(&self, body: &Value) -> Response<Body> {
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

pub fn json_answer(status: StatusCode, media_type: &str, body: &Value) -> Response<Body> {
    let text = body.to_string();
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    let headers: &mut HeaderMap = answer.headers_mut();
    set_header(headers, header::CONTENT_TYPE, media_type);
    set_header(headers, header::CONTENT_LENGTH, &text.len().to_string());
    *answer.body_mut() = Body::from(text);
    answer
}
