//! What may be done with a repository, a tag or a manifest: its `changeableAttributes`, as
//! `az acr repository update` sets them.

use super::call::RegistryCall;
use super::error::DistributionError;
use super::route::Route;
use super::storage::Storage;
use crate::local::files::{FileError, read_json, write_json};
use crate::oci::Digest;
use axum::body::Body;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

const MAX_BODY_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a lock of its own")]
pub struct Attributes {
    pub delete_enabled: bool,
    pub write_enabled: bool,
    pub read_enabled: bool,
    pub list_enabled: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { delete_enabled: true, write_enabled: true, read_enabled: true, list_enabled: true }
    }
}

/// The body of a PATCH: what is to change.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AttributeChange {
    delete_enabled: Option<bool>,
    write_enabled: Option<bool>,
    read_enabled: Option<bool>,
    list_enabled: Option<bool>,
}

impl AttributeChange {
    pub fn apply(self, to: Attributes) -> Attributes {
        Attributes {
            delete_enabled: self.delete_enabled.unwrap_or(to.delete_enabled),
            write_enabled: self.write_enabled.unwrap_or(to.write_enabled),
            read_enabled: self.read_enabled.unwrap_or(to.read_enabled),
            list_enabled: self.list_enabled.unwrap_or(to.list_enabled),
        }
    }
}

/// Those of one repository that differ from the default.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RepositoryAttributes {
    pub repository: Attributes,
    pub tags: BTreeMap<String, Attributes>,
    /// By digest.
    pub manifests: BTreeMap<String, Attributes>,
}

/// What attributes belong to.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    Repository,
    Tag(&'a str),
    Manifest(&'a str),
}

impl RepositoryAttributes {
    pub fn of(&self, subject: Subject<'_>) -> Attributes {
        match subject {
            Subject::Repository => self.repository,
            Subject::Tag(tag) => self.tags.get(tag).copied().unwrap_or_default(),
            Subject::Manifest(digest) => self.manifests.get(digest).copied().unwrap_or_default(),
        }
    }

    fn set(&mut self, subject: Subject<'_>, attributes: Attributes) {
        match subject {
            Subject::Repository => self.repository = attributes,
            Subject::Tag(tag) => {
                self.tags.insert(tag.to_owned(), attributes);
            }
            Subject::Manifest(digest) => {
                self.manifests.insert(digest.to_owned(), attributes);
            }
        }
    }

    /// Whether the repository, or anything in it, is locked against a change.
    fn is_any(&self, is_locked: impl Fn(Attributes) -> bool) -> bool {
        let within = self.tags.values().chain(self.manifests.values());
        is_locked(self.repository) || within.copied().any(is_locked)
    }

    /// Whether a manifest, or one of its tags, is locked against a change.
    fn is_image(&self, image: &Image<'_>, is_locked: impl Fn(Attributes) -> bool) -> bool {
        let tags = image.tags.iter().map(|tag| self.of(Subject::Tag(tag)));
        let manifest = image.digest.map(|digest| self.of(Subject::Manifest(digest)));
        is_locked(self.repository) || tags.chain(manifest).any(is_locked)
    }
}

/// The tags and the manifest that a request is about.
struct Image<'a> {
    tags: Vec<String>,
    digest: Option<&'a str>,
}

fn path(storage: &Storage, host: &str, repository: &str) -> PathBuf {
    // A folder, which is removed with the repository like its others.
    storage.repository(host, repository).join("_attributes").join("attributes.json")
}

pub fn read(storage: &Storage, host: &str, repository: &str) -> RepositoryAttributes {
    read_json(&path(storage, host, repository)).ok().flatten().unwrap_or_default()
}

pub fn change(
    storage: &Storage,
    host: &str,
    repository: &str,
    subject: Subject<'_>,
    change: AttributeChange,
) -> Result<Attributes, FileError> {
    let mut all = read(storage, host, repository);
    let changed = change.apply(all.of(subject));
    all.set(subject, changed);
    write_json(&path(storage, host, repository), &all)?;
    Ok(changed)
}

/// A request that changes or reads a manifest, or a part of one.
pub struct Touched<'a> {
    pub host: &'a str,
    pub repository: &'a str,
    /// A tag or digest; `None` for the repository itself.
    pub reference: Option<&'a str>,
}

/// Refuses a request that the attributes do not permit. What is locked against writing
/// cannot be deleted either.
pub fn check(
    storage: &Storage,
    touched: &Touched<'_>,
    method: &Method,
) -> Result<(), DistributionError> {
    let Touched { host, repository, reference } = *touched;
    let all = read(storage, host, repository);
    let is_delete = |it: Attributes| !it.delete_enabled || !it.write_enabled;
    let is_write = |it: Attributes| !it.write_enabled;
    let is_read = |it: Attributes| !it.read_enabled;
    let Some(reference) = reference else {
        let locked = match *method {
            Method::DELETE => all.is_any(is_delete),
            Method::GET | Method::HEAD => is_read(all.repository),
            _ => is_write(all.repository),
        };
        return if locked { Err(disallowed()) } else { Ok(()) };
    };
    let named = storage.tag(host, repository, reference);
    let digest = named.as_ref().map_or(reference, Digest::as_str);
    let tags = match &named {
        Some(_) => vec![reference.to_owned()],
        // A manifest is deleted with its tags.
        None if *method == Method::DELETE => tags_of(storage, host, repository, reference),
        None => Vec::new(),
    };
    // Deleting a tag leaves its manifest, and a push gives the tag to another one.
    let leaves_manifest = named.is_some() && *method != Method::GET && *method != Method::HEAD;
    let image = Image { tags, digest: (!leaves_manifest).then_some(digest) };
    let locked = match *method {
        Method::DELETE => all.is_image(&image, is_delete),
        Method::GET | Method::HEAD => all.is_image(&image, is_read),
        _ => all.is_image(&image, is_write),
    };
    if locked { Err(disallowed()) } else { Ok(()) }
}

fn tags_of(storage: &Storage, host: &str, repository: &str, digest: &str) -> Vec<String> {
    let mut tags = storage.tags(host, repository);
    tags.retain(|tag| storage.tag(host, repository, tag).is_some_and(|it| it.as_str() == digest));
    tags
}

/// Changes the attributes that a PATCH names. What is left of the request is a GET, whose
/// answer is that of the PATCH, too. Other routes, such as that of an upload, are passed on.
pub async fn update_attributes(
    storage: &Storage,
    route: &Route,
    mut call: RegistryCall,
) -> Result<RegistryCall, DistributionError> {
    let (repository, subject) = match route {
        Route::AcrRepository { repository } => (repository, Subject::Repository),
        Route::AcrTags { repository, tag: Some(tag) } => (repository, Subject::Tag(tag)),
        Route::AcrManifests { repository, digest: Some(digest) } => {
            (repository, Subject::Manifest(digest))
        }
        _ => return Ok(call),
    };
    let body = std::mem::replace(call.request.body_mut(), Body::empty());
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let invalid = |message: &str| {
        DistributionError::new(StatusCode::BAD_REQUEST, "INVALID_ATTRIBUTES", message)
    };
    let asked: AttributeChange =
        serde_json::from_slice(&body).map_err(|_| invalid("the attributes are no JSON object"))?;
    if asked.list_enabled == Some(false) {
        return Err(invalid("the local cloud leaves nothing out of lists"));
    }
    let is_there = match subject {
        Subject::Repository => storage.has_repository(&call.host, repository),
        Subject::Tag(tag) => storage.tag(&call.host, repository, tag).is_some(),
        Subject::Manifest(digest) => storage.manifest(&call.host, repository, digest).is_some(),
    };
    // A GET says what is missing.
    if is_there {
        change(storage, &call.host, repository, subject, asked)?;
    }
    *call.request.method_mut() = Method::GET;
    Ok(call)
}

/// Code and words are those of reported errors.
fn disallowed() -> DistributionError {
    DistributionError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "REGISTRY_DISALLOWED_OPERATION",
        "The operation is disallowed on this registry, repository or image. View troubleshooting \
         steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation",
    )
}

#[cfg(test)]
mod tests {
    use super::{AttributeChange, Subject, Touched, change, check};
    use crate::local::registry::storage::{Storage, StoredManifest};
    use crate::oci::Digest;
    use http::Method;

    const HOST: &str = "demo.azurecr.io";

    #[test]
    fn locked_tag_is_neither_pushed_nor_deleted() {
        let state = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(state.path()).expect("made");
        let bytes = b"{}".to_vec();
        let manifest = StoredManifest { media_type: "m".into(), digest: Digest::of(&bytes), bytes };
        storage.put_manifest(HOST, "web", &manifest, None).expect("kept");
        storage.set_tag(HOST, "web", "v1", &manifest.digest).expect("tagged");
        let may = |method: Method, reference: Option<&str>| {
            check(&storage, &Touched { host: HOST, repository: "web", reference }, &method).is_ok()
        };
        let set = |subject: Subject<'_>, text: &str| {
            let to: AttributeChange = serde_json::from_str(text).expect("a change");
            change(&storage, HOST, "web", subject, to).expect("kept");
        };
        let digest = manifest.digest.as_str();

        set(Subject::Tag("v1"), r#"{"writeEnabled": false}"#);
        assert!(may(Method::GET, Some("v1")) && may(Method::PUT, Some("v2")));
        assert!(!may(Method::PUT, Some("v1")) && !may(Method::DELETE, Some("v1")));
        // With the manifest, the tag would go.
        assert!(!may(Method::DELETE, Some(digest)) && !may(Method::DELETE, None));

        set(Subject::Tag("v1"), r#"{"writeEnabled": true, "deleteEnabled": false}"#);
        assert!(may(Method::PUT, Some("v1")) && !may(Method::DELETE, Some("v1")));
        set(Subject::Tag("v1"), r#"{"deleteEnabled": true}"#);
        set(Subject::Manifest(digest), r#"{"readEnabled": false}"#);
        assert!(!may(Method::GET, Some("v1")) && may(Method::DELETE, Some("v1")));
        set(Subject::Repository, r#"{"writeEnabled": false}"#);
        assert!(!may(Method::POST, None) && !may(Method::PUT, Some("v2")));
    }
}
