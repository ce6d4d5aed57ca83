//! The port without the proxy, which is printed: all registries at once, over plain HTTP.
//!
//! A repository is addressed with or without the host of its registry before it. Pulling
//! needs no login, pushing one of that registry. Clients send a login only to a registry
//! that asks for one, so that it asks for a token and gives everyone one to pull with.

use super::call::RegistryCall;
use super::error::DistributionError;
use super::login::{self, Access, Permission, basic};
use super::route::Route;
use super::server::{RegistryServer, finish, need};
use crate::local::registry::Rights;
use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};

/// A repository as a client addresses it.
struct Addressed {
    /// The host of its registry; empty where the client leaves it out.
    host: String,
    /// The path without that host.
    path: String,
}

impl RegistryServer {
    pub async fn answer_directly(&self, request: Request<Body>) -> Response<Body> {
        let head = request.method() == Method::HEAD;
        let answered = self.route_directly(request).await;
        finish(answered.unwrap_or_else(DistributionError::answer), head)
    }

    async fn route_directly(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, DistributionError> {
        let Addressed { host, path } = self.addressed(request.uri().path());
        let prefix = if host.is_empty() { String::new() } else { format!("{host}/") };
        let route = Route::parse(&path).ok_or_else(DistributionError::nothing_here)?;
        match route {
            Route::Token => return self.token_directly(request).await,
            Route::Ping => return self.ping_directly(&request),
            _ => {}
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let host = match host.as_str() {
            "" if reads => self.host_with(route.repository()),
            "" => self.host_of_login(request.headers()),
            _ => Some(host),
        };
        let host = host.unwrap_or_else(|| self.first_host());
        let access = if reads {
            Access::Rights(Rights::Pull)
        } else {
            let need = need(&route, request.method());
            self.logins(&host).check(request.headers(), need).map_err(|refused| {
                let scope = match need {
                    Permission::Repository(name, _) => {
                        format!(",scope=\"repository:{prefix}{name}:pull,push\"")
                    }
                    Permission::Login | Permission::Catalog => String::new(),
                };
                refused.with(header::WWW_AUTHENTICATE, challenge(request.headers(), &scope))
            })?
        };
        self.perform(route, RegistryCall { host, prefix, access, request }).await
    }

    /// Splits the host of a registry off a path.
    fn addressed(&self, path: &str) -> Addressed {
        let hosts = self.registries.accounts.hosts();
        let named = hosts.into_iter().find_map(|host| {
            let rest = path.strip_prefix("/v2/")?.strip_prefix(host.as_str())?;
            let path = format!("/v2{}", rest.strip_prefix('/').map(|_| rest)?);
            Some(Addressed { host, path })
        });
        named.unwrap_or_else(|| Addressed { host: String::new(), path: path.to_owned() })
    }

    /// `/v2/`: a login is tried here first, with nothing in particular in mind.
    fn ping_directly(&self, request: &Request<Body>) -> Result<Response<Body>, DistributionError> {
        let headers = request.headers();
        let is_known = self.registries.accounts.hosts().iter().any(|host| {
            let checked = self.logins(host).check(headers, Permission::Login);
            headers.contains_key(header::AUTHORIZATION) && checked.is_ok()
        });
        if is_known {
            return Ok(super::lists::ping());
        }
        Err(unauthorized(headers))
    }

    /// `/oauth2/token`, for the registry that the scope names, else for that of the user.
    async fn token_directly(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, DistributionError> {
        if request.method() != Method::GET {
            return Err(DistributionError::method());
        }
        let (named, query) = self.without_host(request.uri().query().unwrap_or_default());
        let (mut parts, body) = request.into_parts();
        let host = Some(named).filter(|named| !named.is_empty());
        let host = host.or_else(|| self.host_of_login(&parts.headers));
        let host = host.unwrap_or_else(|| self.first_host());
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(login::pull_token(&self.logins(&host), &query));
        }
        let uri = format!("/oauth2/token?{query}");
        parts.uri = uri.parse().map_err(|_| DistributionError::nothing_here())?;
        login::token(&self.logins(&host), Request::from_parts(parts, body)).await
    }

    /// The registry that the scope of a query names, or nothing, and the query without it.
    fn without_host(&self, query: &str) -> (String, String) {
        let mut named = String::new();
        let mut fields = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = match value.strip_prefix("repository:").filter(|_| name == "scope") {
                Some(scope) => {
                    let Addressed { host, path } = self.addressed(&format!("/v2/{scope}"));
                    named = host;
                    format!("repository:{}", path.trim_start_matches("/v2/"))
                }
                None => value.into_owned(),
            };
            fields.append_pair(&name, &value);
        }
        (named, fields.finish())
    }

    /// The registry that a login is good for.
    fn host_of_login(&self, headers: &HeaderMap) -> Option<String> {
        let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (kind, value) = given.split_once(' ')?;
        self.registries.accounts.hosts().into_iter().find(|host| {
            let logins = self.logins(host);
            if kind.eq_ignore_ascii_case("basic") {
                let user = basic(value);
                return user
                    .is_some_and(|(user, password)| logins.login(&user, &password).is_some());
            }
            logins.verified(value.trim()).is_some_and(|claims| claims["aud"] == **host)
        })
    }

    /// The first registry that has a repository.
    fn host_with(&self, repository: Option<&str>) -> Option<String> {
        let name = repository?;
        let mut hosts = self.registries.accounts.hosts().into_iter();
        hosts.find(|host| self.registries.storage.has_repository(host, name))
    }

    fn first_host(&self) -> String {
        self.registries.accounts.hosts().first().cloned().unwrap_or_default()
    }
}

/// Where a token is to be had, and for what.
fn challenge(headers: &HeaderMap, scope: &str) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!("Bearer realm=\"http://{host}/oauth2/token\",service=\"{host}\"{scope}")
}

fn unauthorized(headers: &HeaderMap) -> DistributionError {
    let message = "authentication required";
    DistributionError::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
        .with(header::WWW_AUTHENTICATE, challenge(headers, ""))
}
