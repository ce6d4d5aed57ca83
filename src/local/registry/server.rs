//! Where a request to a registry comes in: what it is about, whether its
//! sender may do that, and who does it.

use super::login::{self, Access, Need};
use super::refused::Refused;
use super::route::Route;
use super::sessions::Sessions;
use super::storage::Storage;
use super::{blobs, lists, manifests, uploads};
use crate::local::registry::Rights;
use crate::local::shared::Shared;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, header};
use std::sync::Arc;

/// All registries of the local cloud.
#[derive(Clone, Debug)]
pub struct Server {
    pub(super) shared: Arc<Shared>,
    pub(super) sessions: Arc<Sessions>,
}

/// One request, routed and let in.
pub(super) struct Call {
    /// The registry.
    pub(super) host: String,
    /// What stands before the repository in the paths that the client uses.
    pub(super) prefix: String,
    /// What its sender may do.
    pub(super) access: Access,
    /// The request itself.
    pub(super) request: Request<Body>,
}

impl Call {
    /// A path of the repository as this client reaches it.
    pub(super) fn path(&self, repository: &str, rest: &str) -> String {
        format!("/v2/{}{repository}/{rest}", self.prefix)
    }

    /// The value of a parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        self.queries(name).into_iter().next()
    }

    /// All values of a parameter of the query.
    pub(super) fn queries(&self, name: &str) -> Vec<String> {
        let query = self.request.uri().query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    }
}

impl Server {
    /// A server of what is in the state folder.
    pub fn new(shared: Arc<Shared>) -> Self {
        let sessions = Arc::new(Sessions::new(shared.storage.clone()));
        Self { shared, sessions }
    }

    /// Answers for a registry under its own name.
    pub async fn answer(&self, host: &str, request: Request<Body>) -> Response<Body> {
        let head = request.method() == Method::HEAD;
        let answered = self.route(host, request).await;
        finish(answered.unwrap_or_else(Refused::answer), head)
    }

    async fn route(&self, host: &str, request: Request<Body>) -> Result<Response<Body>, Refused> {
        let route = Route::parse(request.uri().path()).ok_or_else(Refused::nothing_here)?;
        let azure = self.shared.accounts.is_azure(host);
        match route {
            Route::Token if azure => return login::token(&self.shared, host, request).await,
            Route::Exchange if azure => return login::exchange(&self.shared, host, request).await,
            Route::Token | Route::Exchange => return Err(Refused::nothing_here()),
            _ => {}
        }
        let need = need(&route, request.method());
        let access = login::check(&self.shared, host, request.headers(), need)?;
        let (host, prefix) = (host.to_owned(), String::new());
        self.perform(route, Call { host, prefix, access, request }).await
    }

    /// Answers on the port that speaks plain HTTP. There a repository has its
    /// plain name, or its registry's name before it; anybody may pull, and
    /// whoever pushes logs in as with that registry.
    pub async fn answer_directly(&self, request: Request<Body>) -> Response<Body> {
        let head = request.method() == Method::HEAD;
        let answered = self.route_directly(request).await;
        finish(answered.unwrap_or_else(Refused::answer), head)
    }

    async fn route_directly(&self, request: Request<Body>) -> Result<Response<Body>, Refused> {
        let hosts = self.shared.accounts.hosts();
        let path = request.uri().path().to_owned();
        let named = hosts.iter().find_map(|host| {
            let rest = path.strip_prefix("/v2/")?.strip_prefix(host.as_str())?;
            Some((host.clone(), format!("/v2{}", rest.strip_prefix('/').map(|_| rest)?)))
        });
        let (host, prefix, path) = match named {
            Some((host, path)) => (host.clone(), format!("{host}/"), path),
            None => (String::new(), String::new(), path),
        };
        let route = Route::parse(&path).ok_or_else(Refused::nothing_here)?;
        let host = match (host.as_str(), route.repository()) {
            ("", repository) => self.home(&hosts, repository),
            _ => host,
        };
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let access = if reads {
            Access::Rights(Rights::Pull)
        } else {
            let need = need(&route, request.method());
            login::check(&self.shared, &host, request.headers(), need).map_err(|refused| {
                let challenge = "Basic realm=\"shipway local\"".to_owned();
                refused.with(header::WWW_AUTHENTICATE, challenge)
            })?
        };
        self.perform(route, Call { host, prefix, access, request }).await
    }

    /// The registry that has a repository, else the first of the world.
    fn home(&self, hosts: &[String], repository: Option<&str>) -> String {
        let has = |host: &&String| {
            repository.is_some_and(|name| self.shared.storage.has_repository(host, name))
        };
        hosts.iter().find(has).or(hosts.first()).cloned().unwrap_or_default()
    }

    async fn perform(&self, route: Route, call: Call) -> Result<Response<Body>, Refused> {
        if let Some(repository) = route.repository()
            && !Storage::is_repository(repository)
        {
            return Err(Refused::invalid_name(repository));
        }
        let storage = &self.shared.storage;
        match route {
            Route::Ping => Ok(lists::ping()),
            Route::Catalog | Route::AcrCatalog => lists::catalog(storage, &call),
            Route::Tags { repository } => lists::tags(storage, &call, &repository),
            Route::Referrers { repository, digest } => {
                lists::referrers(storage, &call, &repository, &digest)
            }
            Route::AcrRepository { repository } => lists::repository(storage, &call, &repository),
            Route::AcrTags { repository, tag } => {
                lists::acr_tags(storage, &call, &repository, tag.as_deref())
            }
            Route::AcrManifests { repository, digest } => {
                lists::acr_manifests(storage, &call, &repository, digest.as_deref())
            }
            Route::Blob { repository, digest } => {
                blobs::answer(&self.shared, call, &repository, &digest).await
            }
            Route::Uploads { repository } => {
                if let (Some(from), Some(digest)) = (call.query("from"), call.query("mount"))
                    && let Ok(digest) = digest.parse()
                    && call.access.allows(Need::Repository(&from, "pull"))
                {
                    self.shared.upstream.whole(&call.host, &from, &digest).await?;
                }
                uploads::open(&self.sessions, call, &repository).await
            }
            Route::Upload { repository, id } => {
                uploads::go_on(&self.sessions, call, &repository, &id).await
            }
            Route::Manifest { repository, reference } => {
                manifests::answer(&self.shared, call, &repository, &reference).await
            }
            Route::Token | Route::Exchange => Err(Refused::nothing_here()),
        }
    }
}

/// What a request needs.
fn need<'a>(route: &'a Route, method: &Method) -> Need<'a> {
    let Some(repository) = route.repository() else {
        return match route {
            Route::Catalog | Route::AcrCatalog => Need::Catalog,
            _ => Need::Login,
        };
    };
    let azure = matches!(
        route,
        Route::AcrRepository { .. } | Route::AcrTags { .. } | Route::AcrManifests { .. }
    );
    let action = match *method {
        Method::GET | Method::HEAD if azure => "metadata_read",
        // Looking at a session is part of pushing.
        Method::GET if matches!(route, Route::Upload { .. }) => "push",
        Method::GET | Method::HEAD => "pull",
        // Giving up a session is no deletion.
        Method::DELETE if !matches!(route, Route::Upload { .. }) => "delete",
        _ => "push",
    };
    Need::Repository(repository, action)
}

/// What every answer has.
fn finish(mut answer: Response<Body>, head: bool) -> Response<Body> {
    let headers = answer.headers_mut();
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    if head {
        // The length is in the headers; the body is not sent.
        let (parts, _) = answer.into_parts();
        return Response::from_parts(parts, Body::empty());
    }
    answer
}
