//! Reads a request to Resource Manager, checks its token and subscription, and
//! hands it to the handler of its provider.

use super::handle::Arm;
use super::path::ResourcePath;
use super::request::ArmRequest;
use super::response::{ArmError, ArmResponse};
use super::{
    apps, authorization, builds, containers, deployments, identities, locks, registries,
    resource_groups, resources, tag_requests, vaults,
};
use crate::local::entra::{ARM_AUDIENCES, TokenError};
use crate::local::identity::random_uuid;
use crate::local::proxy::RequestHost;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use std::sync::Arc;
use std::time::Instant;

/// The limit of the service for a request body.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Answers for `management.azure.com` and its namesakes in other clouds, for the hosts of
/// apps, and for the storage of builds.
///
/// First starts the container groups and apps again that ran when this state folder was
/// last in use.
pub async fn router(arm: Arc<Arm>) -> Router {
    containers::restart_all(&arm).await;
    apps::restart_all(&arm).await;
    Router::new()
        // On hosts of their own, which `proxy` sends here.
        .route(containers::exec::PATH, get(containers::exec::connect))
        .fallback(answer)
        .with_state(arm)
}

/// There is exactly one subscription.
fn check_subscription(arm: &Arm, path: &ResourcePath) -> Result<(), ArmError> {
    match &path.subscription {
        Some(asked) if !asked.eq_ignore_ascii_case(&arm.identity().subscription_id) => {
            let message = format!("The subscription '{asked}' could not be found.");
            Err(ArmError::missing("SubscriptionNotFound", message))
        }
        Some(_) | None => Ok(()),
    }
}

async fn handle(arm: &Arc<Arm>, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    check_token(arm, request)?;
    request.api_version()?;
    check_subscription(arm, &request.path)?;
    if let Some((scope, rest)) = authorization::scope_and_route(&request.raw_path) {
        return authorization::handle(arm, request, scope, rest);
    }
    if deployments::is_deployment(request) {
        let requests = deployments::Requests::of(request, dispatch(arm));
        return deployments::handle(arm, request, requests).await;
    }
    if let Some(resource) = tag_requests::resource_of(&request.raw_path) {
        let requests = deployments::Requests::of(request, dispatch(arm));
        return tag_requests::handle(request, resource, &requests).await;
    }
    authorization::check(arm, request)?;
    locks::check(arm, request)?;
    if is_registration(&request.path) {
        return resource_groups::handle(arm, request);
    }
    match request.path.provider.as_deref() {
        Some("microsoft.containerinstance") => containers::handle(arm, request).await,
        Some("microsoft.app") => apps::handle(arm, request).await,
        Some("microsoft.containerregistry") => registries::handle(arm, request).await,
        Some("microsoft.managedidentity") => identities::handle(arm, request),
        Some("microsoft.keyvault") => vaults::handle(arm, request),
        Some(_) | None => unscoped(arm, request).await,
    }
}

/// Answers the requests of a deployment, as if its client had sent them.
fn dispatch(arm: &Arc<Arm>) -> deployments::Dispatch {
    let arm = Arc::clone(arm);
    Arc::new(move |request| {
        let arm = Arc::clone(&arm);
        Box::pin(async move { handle(&arm, &request).await })
    })
}

/// Whether a path is that of a resource provider itself, such as
/// `/subscriptions/S/providers/Microsoft.KeyVault`.
fn is_registration(path: &ResourcePath) -> bool {
    let words = path.words();
    let is_own =
        matches!(words.iter().map(String::as_str).collect::<Vec<_>>()[..], [] | ["register"]);
    path.resource_group.is_none() && path.provider.is_some() && is_own
}

fn check_token(arm: &Arm, request: &ArmRequest) -> Result<(), ArmError> {
    let refused = |code, message: &str| ArmError::new(StatusCode::UNAUTHORIZED, code, message);
    match arm.tokens.check(&request.headers, &ARM_AUDIENCES) {
        Ok(()) => Ok(()),
        Err(TokenError::Missing) => Err(refused(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )),
        Err(TokenError::Invalid) => {
            Err(refused("InvalidAuthenticationToken", "The access token is invalid."))
        }
        Err(TokenError::Audience) => Err(refused(
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource.",
        )),
    }
}

/// Requests without a provider: subscriptions, resource groups, resources.
async fn unscoped(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    match (path.resource_group.as_deref(), path.provider.as_deref(), words.as_slice()) {
        (group, None, [word]) if word == "resources" && request.method == Method::GET => {
            resources::list(arm, request, group)
        }
        (Some(group), None, []) if request.method == Method::DELETE => {
            let group = resource_groups::find(arm, group)?;
            containers::delete_all(arm, &group.name).await?;
            apps::delete_all(arm, &group.name)?;
            registries::delete_all(arm, &group.name)?;
            vaults::delete_all(arm, &group.name)?;
            identities::delete_all(arm, &group.name)?;
            deployments::remove_all(arm, &group.name)?;
            resource_groups::delete(arm, &group)
        }
        _ => resource_groups::handle(arm, request),
    }
}

async fn answer(State(arm): State<Arc<Arm>>, request: http::Request<Body>) -> Response<Body> {
    let host = request.extensions().get::<RequestHost>().map(|host| host.0.clone());
    let host = host.unwrap_or_default();
    let request = match apps::answer(&arm, &host, request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    let request = match builds::answer(&arm, &host, request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    let request = match read(request).await {
        Ok(request) => request,
        Err(refusal) => return with_ids(ArmResponse::from(refusal).into_response()),
    };
    let mut answer = handle(&arm, &request).await.unwrap_or_else(ArmResponse::from);
    if request.path.subscription.is_some() {
        arm.rate_limits.count(&request.method, &mut answer.headers, Instant::now());
    }
    if answer.status != StatusCode::UNAUTHORIZED {
        return with_ids(answer.into_response());
    }
    let challenge = format!(
        "Bearer authorization_uri=\"https://login.microsoftonline.com/{}\", error=\"invalid_token\"",
        arm.identity().tenant_id
    );
    with_ids(answer.with(header::WWW_AUTHENTICATE, &challenge).into_response())
}

/// Adds what all answers of Resource Manager have, as recorded.
fn with_ids(mut answer: Response<Body>) -> Response<Body> {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let headers = [
        ("x-ms-request-id", random_uuid()),
        ("x-ms-correlation-request-id", random_uuid()),
        ("x-ms-routing-request-id", format!("LOCAL:{now}:{}", random_uuid())),
        ("cache-control", "no-cache".to_owned()),
        ("pragma", "no-cache".to_owned()),
        ("expires", "-1".to_owned()),
        ("strict-transport-security", "max-age=31536000; includeSubDomains".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
    ];
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            answer.headers_mut().entry(name).or_insert(value);
        }
    }
    answer
}

async fn read(request: http::Request<Body>) -> Result<ArmRequest, ArmError> {
    let (parts, body) = request.into_parts();
    let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.host().or(named).unwrap_or("management.azure.com");
    let text = parts.uri.path();
    let path =
        ResourcePath::parse(text).ok_or_else(|| ArmError::no_such_route(&parts.method, text))?;
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let query = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()));
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(|error| {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        ArmError::new(
            status,
            "RequestContentTooLarge",
            format!("The body cannot be read: {error}."),
        )
    })?;
    Ok(ArmRequest {
        method: parts.method,
        host: host.split(':').next().unwrap_or(host).to_owned(),
        path,
        raw_path: text.to_owned(),
        query: query.collect(),
        headers: parts.headers,
        body: body.to_bytes().to_vec(),
    })
}
