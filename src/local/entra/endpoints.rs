//! The endpoints of `login.microsoftonline.com`: discovery, and tokens by
//! client credentials (facts: Microsoft identity platform, OAuth 2.0 client
//! credentials flow). Those for people are in `sign_in`.

use super::answers::{Fields, audience_of, is_tenant, known_audience, refused, unknown_tenant};
use super::jwt::now;
use super::sign_in::{self, DEVICE_GRANT, REFRESH_GRANT};
use super::tokens::{TOKEN_TTL_SECS, Tokens};
use crate::local::proxy::RequestHost;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

pub fn router(tokens: Arc<Tokens>) -> Router {
    Router::new()
        .route("/common/discovery/instance", get(instance))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(openid))
        .route("/{tenant}/.well-known/openid-configuration", get(openid))
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .route("/{tenant}/oauth2/v2.0/token", post(token_v2))
        .route("/{tenant}/oauth2/token", post(token_v1))
        .merge(sign_in::router())
        .with_state(tokens)
}

/// `/common/discovery/instance`: which hosts are aliases of one authority.
async fn instance(
    Extension(RequestHost(host)): Extension<RequestHost>,
    Query(query): Query<Fields>,
) -> Json<Value> {
    let endpoint = query.get("authorization_endpoint").cloned().unwrap_or_default();
    let tenant = endpoint.split('/').nth(3).unwrap_or("common").to_owned();
    let discovery = format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration");
    Json(json!({
        "tenant_discovery_endpoint": discovery,
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }))
}

async fn openid(
    State(tokens): State<Arc<Tokens>>,
    Extension(RequestHost(host)): Extension<RequestHost>,
    Path(tenant): Path<String>,
) -> Response {
    if !sign_in::admits_people(&tokens, &tenant) {
        return unknown_tenant(&tenant);
    }
    let base = format!("https://{host}/{tenant}");
    Json(json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("https://{host}/{}/v2.0", tokens.identity().tenant_id),
        "request_uri_parameter_supported": false,
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": host,
    }))
    .into_response()
}

/// Empty: tokens are signed with a symmetric key, which is not published.
async fn keys() -> Json<Value> {
    Json(json!({"keys": []}))
}

async fn token_v2(
    State(tokens): State<Arc<Tokens>>,
    Path(tenant): Path<String>,
    Form(form): Form<Fields>,
) -> Response {
    match form.get("grant_type").map_or("", String::as_str) {
        DEVICE_GRANT => return sign_in::redeem(&tokens, &tenant, &form),
        REFRESH_GRANT => return sign_in::refresh(&tokens, &tenant, &form),
        _ => {}
    }
    let scope = form.get("scope").map_or("", String::as_str);
    let Some(audience) = audience_of(scope) else {
        let text = format!(
            "AADSTS1002012: The provided value for scope {scope} is not valid. Client credential \
             flows must have a scope value with /.default suffixed to the resource identifier."
        );
        return refused(StatusCode::BAD_REQUEST, "invalid_scope", 1_002_012, &text);
    };
    match admit(&tokens, &tenant, &form, audience) {
        Err(answer) => *answer,
        Ok(()) => Json(json!({
            "token_type": "Bearer", "expires_in": TOKEN_TTL_SECS, "ext_expires_in": TOKEN_TTL_SECS,
            "access_token": tokens.issue(audience),
        }))
        .into_response(),
    }
}

/// The v1 endpoint: a resource instead of scopes, and numbers as strings.
async fn token_v1(
    State(tokens): State<Arc<Tokens>>,
    Path(tenant): Path<String>,
    Form(form): Form<Fields>,
) -> Response {
    let audience = form.get("resource").map_or("", String::as_str);
    match admit(&tokens, &tenant, &form, audience) {
        Err(answer) => *answer,
        Ok(()) => Json(json!({
            "token_type": "Bearer", "expires_in": TOKEN_TTL_SECS.to_string(),
            "ext_expires_in": TOKEN_TTL_SECS.to_string(), "expires_on": (now() + TOKEN_TTL_SECS).to_string(),
            "not_before": now().to_string(), "resource": audience,
            "access_token": tokens.issue(audience),
        }))
        .into_response(),
    }
}

/// Checks tenant, grant type, client and audience, in the order of the service.
fn admit(
    tokens: &Tokens,
    tenant: &str,
    form: &Fields,
    audience: &str,
) -> Result<(), Box<Response>> {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let fail = |status, error, code, text: String| Box::new(refused(status, error, code, &text));
    if !is_tenant(tokens, tenant) {
        return Err(Box::new(unknown_tenant(tenant)));
    }
    let grant = field("grant_type");
    if grant != "client_credentials" {
        let text = format!("AADSTS70003: The app requested an unsupported grant type '{grant}'.");
        return Err(fail(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70_003, text));
    }
    let client = field("client_id");
    if client != tokens.identity().client_id {
        let text = format!(
            "AADSTS700016: Application with identifier '{client}' was not found in the directory \
             '{tenant}'. This can happen if the application has not been installed by the \
             administrator of the tenant or consented to by any user in the tenant."
        );
        return Err(fail(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016, text));
    }
    authenticate(tokens, form)
        .map_err(|(code, text)| fail(StatusCode::UNAUTHORIZED, "invalid_client", code, text))?;
    known_audience(tenant, audience)
}

/// Accepts the client secret, or any well-formed assertion of another issuer.
/// Assertions are not verified, because a local cloud has no federated credentials.
fn authenticate(tokens: &Tokens, form: &Fields) -> Result<(), (u32, String)> {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    match (field("client_secret"), field("client_assertion")) {
        ("", "") => Err((
            7_000_216,
            "AADSTS7000216: 'client_assertion', 'client_secret' or 'request' is required for the \
             'client_credentials' grant type."
                .to_owned(),
        )),
        ("", assertion) if assertion.split('.').count() == 3 => Ok(()),
        ("", _) => Err((50_027, "AADSTS50027: JWT token is invalid or malformed.".to_owned())),
        (secret, _) if secret == tokens.identity().client_secret.expose() => Ok(()),
        _ => Err((
            7_000_215,
            format!(
                "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in \
                 the request is the client secret value, not the client secret ID, for a secret \
                 added to app '{}'.",
                tokens.identity().client_id
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Tokens, router};
    use crate::local::identity::Identity;
    use crate::local::initial_state::InitialState;
    use crate::local::proxy::RequestHost;
    use axum::Extension;
    use axum::body::Body;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use std::path::Path;
    use std::sync::Arc;
    use tower::ServiceExt as _;

    async fn ask(tokens: &Arc<Tokens>, path: &str, form: Option<&str>) -> (StatusCode, Value) {
        let app = router(Arc::clone(tokens))
            .layer(Extension(RequestHost("login.microsoftonline.com".into())));
        let request = Request::builder()
            .uri(path)
            .method(if form.is_some() { "POST" } else { "GET" })
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.unwrap_or_default().to_owned()))
            .expect("a request");
        let answer = app.oneshot(request).await.expect("infallible");
        let status = answer.status();
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    fn tokens(state: &Path) -> Arc<Tokens> {
        let identity = Identity::open(state, &InitialState::default()).expect("an identity");
        Arc::new(Tokens::new(identity))
    }

    #[tokio::test]
    async fn client_credentials_and_what_is_wrong_with_them() {
        let state = tempfile::tempdir().expect("a folder");
        let tokens = tokens(state.path());
        let id = tokens.identity();
        let path = format!("/{}/oauth2/v2.0/token", id.tenant_id);
        let form = |client: &str, secret: &str, scope: &str| {
            format!(
                "grant_type=client_credentials&client_id={client}&client_secret={secret}&scope={scope}"
            )
        };
        let (arm, secret) = ("https://management.azure.com/.default", id.client_secret.expose());

        let (status, token) = ask(&tokens, &path, Some(&form(&id.client_id, secret, arm))).await;
        assert_eq!((status, token["expires_in"].as_i64()), (StatusCode::OK, Some(3_599)));
        let cases = [
            (path.as_str(), form(&id.client_id, "wrong", arm), 401, "invalid_client", 7_000_215),
            (&path, form("other", secret, arm), 400, "unauthorized_client", 700_016),
            (&path, form(&id.client_id, secret, "openid"), 400, "invalid_scope", 1_002_012),
            (
                &path,
                form(&id.client_id, secret, "https://x/.default"),
                400,
                "invalid_resource",
                500_011,
            ),
            (&path, form(&id.client_id, "", arm), 401, "invalid_client", 7_000_216),
            ("/nowhere/oauth2/v2.0/token", form("", "", arm), 400, "invalid_tenant", 90_002),
        ];
        for (path, form, status, error, code) in cases {
            let (answered, body) = ask(&tokens, path, Some(&form)).await;
            assert_eq!(answered.as_u16(), status, "{body}");
            assert_eq!(body["error"], error);
            assert_eq!(body["error_codes"][0], code);
            let text = body["error_description"].as_str().expect("text");
            assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
        }
    }

    #[tokio::test]
    async fn discovery_names_the_real_endpoints() {
        let state = tempfile::tempdir().expect("a folder");
        let (tokens, tenant) = (tokens(state.path()), "organizations");

        let path = format!("/{tenant}/v2.0/.well-known/openid-configuration");
        let (status, body) = ask(&tokens, &path, None).await;

        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            body["token_endpoint"],
            "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"
        );
    }
}
