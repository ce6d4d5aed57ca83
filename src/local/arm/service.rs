//! The one door: who asks, whether they may, and who answers.

use super::answer::{Answer, Refusal};
use super::path::Path;
use super::request::Request;
use super::store::Store;
use super::{containers, identities, registries, resource_groups};
use crate::local::entra::{ARM_AUDIENCES, Refused};
use crate::local::files::FileError;
use crate::local::runtime::Runtime;
use crate::local::shared::Shared;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use std::sync::Arc;

/// The largest body that Resource Manager takes.
const LARGEST: usize = 4 * 1024 * 1024;

/// Resource Manager over one local cloud. A cheap handle.
#[derive(Clone, Debug)]
pub struct Arm {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    runtime: Runtime,
    store: Store,
}

impl Arm {
    /// Opens what it remembers, and starts again the container groups that ran
    /// when the cloud of this state folder ended.
    pub async fn open(shared: Arc<Shared>, runtime: Runtime) -> Result<Self, FileError> {
        let store = Store::open(&shared.state.join("arm"), &shared.world)?;
        let arm = Self { inner: Arc::new(Inner { shared, runtime, store }) };
        containers::start_again(&arm).await;
        Ok(arm)
    }

    /// Answers for `management.azure.com`, whatever the path.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Each running container group with its name and the ports of this machine
    /// at which a browser finds it: `(host name, port, address)`.
    pub fn published(&self) -> Vec<(String, u16, std::net::SocketAddr)> {
        containers::published(self)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The subscription of a path, which must be the one there is.
    fn check_subscription(&self, path: &Path) -> Result<(), Refusal> {
        match &path.subscription {
            Some(asked) if !asked.eq_ignore_ascii_case(&self.shared().identity.subscription_id) => {
                let message = format!("The subscription '{asked}' could not be found.");
                Err(Refusal::missing("SubscriptionNotFound", message))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn handle(&self, request: &Request) -> Result<Answer, Refusal> {
        self.check_token(request)?;
        request.api_version()?;
        self.check_subscription(&request.path)?;
        match request.path.provider.as_deref() {
            Some("microsoft.containerinstance") => containers::handle(self, request).await,
            Some("microsoft.containerregistry") => registries::handle(self, request),
            Some("microsoft.managedidentity" | "microsoft.keyvault") => {
                identities::handle(self, request)
            }
            Some(_) | None => resource_groups::handle(self, request).await,
        }
    }

    fn check_token(&self, request: &Request) -> Result<(), Refusal> {
        let refused = |code, message: &str| Refusal::new(StatusCode::UNAUTHORIZED, code, message);
        match self.shared().tokens.check(&request.headers, &ARM_AUDIENCES) {
            Ok(_) => Ok(()),
            Err(Refused::Missing) => Err(refused(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )),
            Err(Refused::Invalid) => {
                Err(refused("InvalidAuthenticationToken", "The access token is invalid."))
            }
            Err(Refused::Audience) => Err(refused(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource.",
            )),
        }
    }
}

async fn answer(State(arm): State<Arm>, request: http::Request<Body>) -> Response<Body> {
    let request = match read(request).await {
        Ok(request) => request,
        Err(refusal) => return Answer::from(refusal).into_response(),
    };
    let answer = arm.handle(&request).await.unwrap_or_else(Answer::from);
    if answer.status != StatusCode::UNAUTHORIZED {
        return answer.into_response();
    }
    let challenge = format!(
        "Bearer authorization_uri=\"https://login.microsoftonline.com/{}\", error=\"invalid_token\"",
        arm.shared().identity.tenant_id
    );
    answer.with(header::WWW_AUTHENTICATE, &challenge).into_response()
}

/// Reads a request. The path itself is kept as a parameter without a name.
async fn read(request: http::Request<Body>) -> Result<Request, Refusal> {
    let (parts, body) = request.into_parts();
    let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.host().or(named).unwrap_or("management.azure.com");
    let text = parts.uri.path();
    let path = Path::parse(text).ok_or_else(|| no_such_route(&parts.method, text))?;
    let mut query = vec![(String::new(), text.to_owned())];
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    query.extend(pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())));
    let body = Limited::new(body, LARGEST).collect().await.map_err(|error| {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Refusal::new(status, "RequestContentTooLarge", format!("The body cannot be read: {error}."))
    })?;
    Ok(Request {
        method: parts.method,
        host: host.split(':').next().unwrap_or(host).to_owned(),
        path,
        query,
        headers: parts.headers,
        body: body.to_bytes().to_vec(),
    })
}

/// What the real one says to a path that it does not know.
pub(super) fn no_such_route(method: &Method, path: &str) -> Refusal {
    let message = format!("No route responds to {method} {path} in the local cloud.");
    Refusal::missing("InvalidResourceType", message)
}
