//! Receives requests to registries, checks what the sender may do, and passes
//! them to the endpoint.

use super::attributes::{self, Touched, update_attributes};
use super::call::RegistryCall;
use super::error::DistributionError;
use super::login::{self, Logins, Permission};
use super::registries::Registries;
use super::route::Route;
use super::storage::Storage;
use super::upload_session::UploadSessions;
use super::{acr, blobs, lists, manifests, uploads};
use crate::local::entra::Tokens;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response};
use std::sync::Arc;

/// All registries of the local cloud. A cheap handle.
#[derive(Clone, Debug)]
pub struct RegistryServer {
    pub(super) registries: Arc<Registries>,
    tokens: Arc<Tokens>,
    sessions: Arc<UploadSessions>,
}

impl RegistryServer {
    pub fn new(registries: Arc<Registries>, tokens: Arc<Tokens>) -> Self {
        let sessions = Arc::new(UploadSessions::new(registries.storage.clone()));
        Self { registries, tokens, sessions }
    }

    pub(super) fn logins<'a>(&'a self, host: &'a str) -> Logins<'a> {
        Logins { accounts: &self.registries.accounts, tokens: &self.tokens, host }
    }

    /// The response of the registry with this host name.
    pub async fn answer(&self, host: &str, request: Request<Body>) -> Response<Body> {
        let head = request.method() == Method::HEAD;
        let answered = self.route(host, request).await;
        finish(answered.unwrap_or_else(DistributionError::answer), head)
    }

    async fn route(
        &self,
        host: &str,
        request: Request<Body>,
    ) -> Result<Response<Body>, DistributionError> {
        let route =
            Route::parse(request.uri().path()).ok_or_else(DistributionError::nothing_here)?;
        let azure = self.registries.accounts.is_azure(host);
        match route {
            Route::Token if self.registries.accounts.issues_tokens(host) => {
                return login::token(&self.logins(host), request).await;
            }
            Route::Exchange if azure => return login::exchange(&self.logins(host), request).await,
            Route::Token | Route::Exchange => return Err(DistributionError::nothing_here()),
            _ => {}
        }
        let need = need(&route, request.method());
        let access = self.logins(host).check(request.headers(), need)?;
        let (host, prefix) = (host.to_owned(), String::new());
        self.perform(route, RegistryCall { host, prefix, access, request }).await
    }

    pub(super) async fn perform(
        &self,
        route: Route,
        call: RegistryCall,
    ) -> Result<Response<Body>, DistributionError> {
        if let Some(repository) = route.repository()
            && !Storage::is_repository(repository)
        {
            return Err(DistributionError::invalid_name(repository));
        }
        let storage = &self.registries.storage;
        let call = if *call.request.method() == Method::PATCH {
            update_attributes(storage, &route, call).await?
        } else {
            call
        };
        if let Some(touched) = touched(&route, &call.host, call.request.method()) {
            attributes::check(storage, &touched, call.request.method())?;
        }
        match route {
            Route::Ping => Ok(lists::ping()),
            Route::Catalog | Route::AcrCatalog => lists::catalog(storage, &call),
            Route::Tags { repository } => lists::tags(storage, &call, &repository),
            Route::Referrers { repository, digest } => {
                lists::referrers(storage, &call, &repository, &digest)
            }
            Route::AcrRepository { repository } => acr::repository(storage, &call, &repository),
            Route::AcrTags { repository, tag } => {
                acr::tags(storage, &call, &repository, tag.as_deref())
            }
            Route::AcrManifests { repository, digest } => {
                acr::manifests(storage, &call, &repository, digest.as_deref())
            }
            Route::Blob { repository, digest } => {
                blobs::answer(&self.registries, call, &repository, &digest).await
            }
            Route::Uploads { repository } => {
                if let (Some(from), Some(digest)) = (call.query("from"), call.query("mount"))
                    && let Ok(digest) = digest.parse()
                    && call.access.allows(Permission::Repository(&from, "pull"))
                {
                    self.registries.upstream.whole(&call.host, &from, &digest).await?;
                }
                uploads::open(&self.sessions, call, &repository).await
            }
            Route::Upload { repository, id } => {
                uploads::resume(&self.sessions, call, &repository, &id).await
            }
            Route::Manifest { repository, reference } => {
                manifests::answer(&self.registries, call, &repository, &reference).await
            }
            Route::Token | Route::Exchange => Err(DistributionError::nothing_here()),
        }
    }
}

/// What a request reads or changes that may be locked. Attributes themselves are always shown
/// and changed.
fn touched<'a>(route: &'a Route, host: &'a str, method: &Method) -> Option<Touched<'a>> {
    let is_delete = *method == Method::DELETE;
    let (repository, reference) = match route {
        Route::Manifest { repository, reference } => (repository, Some(reference.as_str())),
        Route::Uploads { repository } | Route::Upload { repository, .. } => (repository, None),
        Route::AcrRepository { repository } if is_delete => (repository, None),
        Route::AcrTags { repository, tag } if is_delete => (repository, tag.as_deref()),
        _ => return None,
    };
    // Cancelling an upload deletes nothing that was pushed.
    if is_delete && matches!(route, Route::Upload { .. }) {
        return None;
    }
    Some(Touched { host, repository, reference })
}

/// The permission that a request needs.
pub fn need<'a>(route: &'a Route, method: &Method) -> Permission<'a> {
    let Some(repository) = route.repository() else {
        return match route {
            Route::Catalog | Route::AcrCatalog => Permission::Catalog,
            _ => Permission::Login,
        };
    };
    let azure = matches!(
        route,
        Route::AcrRepository { .. } | Route::AcrTags { .. } | Route::AcrManifests { .. }
    );
    let action = match *method {
        Method::GET | Method::HEAD if azure => "metadata_read",
        Method::PATCH if azure => "metadata_write",
        // Asking for the status of an upload is part of pushing.
        Method::GET if matches!(route, Route::Upload { .. }) => "push",
        Method::GET | Method::HEAD => "pull",
        // Cancelling an upload deletes nothing that was pushed.
        Method::DELETE if !matches!(route, Route::Upload { .. }) => "delete",
        _ => "push",
    };
    Permission::Repository(repository, action)
}

/// Adds what all responses have, and removes the body for HEAD.
pub fn finish(mut answer: Response<Body>, head: bool) -> Response<Body> {
    let headers = answer.headers_mut();
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    if head {
        // `Content-Length` stays, as the specification asks for HEAD.
        let (parts, _) = answer.into_parts();
        return Response::from_parts(parts, Body::empty());
    }
    answer
}
