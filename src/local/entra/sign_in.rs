//! The endpoints by which a person signs in: a device code, the page where it is entered, and
//! the grants that exchange it, or a refresh token, for access tokens.

use super::answers::{Fields, audience_of, is_tenant, known_audience, refused, unknown_tenant};
use super::device::{self, AZURE_CLI, CODE_TTL_SECS, Entered, INTERVAL_SECS, PAGE, Polled};
use super::tokens::{TOKEN_TTL_SECS, Tokens};
use crate::local::proxy::RequestHost;
use axum::extract::{Form, Path, State};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub const REFRESH_GRANT: &str = "refresh_token";

pub fn router() -> Router<Arc<Tokens>> {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device_code))
        .route(PAGE, get(show_page).post(enter))
}

/// Tenants by which a person may sign in: the own one, or whichever the account is of.
pub fn admits_people(tokens: &Tokens, tenant: &str) -> bool {
    is_tenant(tokens, tenant) || matches!(tenant, "common" | "organizations")
}

/// Checks tenant, client and scope.
fn admit(tokens: &Tokens, tenant: &str, form: &Fields) -> Result<(), Box<Response>> {
    if !admits_people(tokens, tenant) {
        return Err(Box::new(unknown_tenant(tenant)));
    }
    let client = form.get("client_id").map_or("", String::as_str);
    if client != AZURE_CLI && client != tokens.identity().client_id {
        let text = format!(
            "AADSTS700016: Application with identifier '{client}' was not found in the directory \
             '{tenant}'. This can happen if the application has not been installed by the \
             administrator of the tenant or consented to by any user in the tenant."
        );
        let status = StatusCode::BAD_REQUEST;
        return Err(Box::new(refused(status, "unauthorized_client", 700_016, &text)));
    }
    let scope = form.get("scope").map_or("", String::as_str);
    let Some(audience) = audience_of(scope) else {
        let text = format!("AADSTS70011: The provided value for scope {scope} is not valid.");
        return Err(Box::new(refused(StatusCode::BAD_REQUEST, "invalid_scope", 70_011, &text)));
    };
    known_audience(tenant, audience)
}

async fn device_code(
    State(tokens): State<Arc<Tokens>>,
    Extension(RequestHost(host)): Extension<RequestHost>,
    Path(tenant): Path<String>,
    Form(form): Form<Fields>,
) -> Response {
    if let Err(answer) = admit(&tokens, &tenant, &form) {
        return *answer;
    }
    let client = form.get("client_id").map_or("", String::as_str);
    let scope = form.get("scope").map_or("", String::as_str);
    let code = tokens.device_codes.issue(client, scope, Instant::now());
    let page = format!("https://{host}{PAGE}");
    let message = format!(
        "To sign in, use a web browser to open the page {page} and enter the code {} to \
         authenticate.",
        code.user_code
    );
    Json(json!({
        "user_code": code.user_code, "device_code": code.device_code, "verification_uri": page,
        "expires_in": CODE_TTL_SECS, "interval": INTERVAL_SECS, "message": message,
    }))
    .into_response()
}

async fn show_page() -> Html<String> {
    Html(device::page("Enter the code that the program shows."))
}

/// The form of the page, or the same from a program.
async fn enter(State(tokens): State<Arc<Tokens>>, Form(form): Form<Fields>) -> Response {
    let code = form.get("otc").map_or("", String::as_str);
    let agrees = form.get("answer").is_none_or(|answer| answer != "decline");
    let (status, notice) = match tokens.device_codes.enter(code, agrees, Instant::now()) {
        Entered::Confirmed => (StatusCode::OK, "You are signed in, and may close this page."),
        Entered::Declined => (StatusCode::OK, "The sign-in was declined."),
        Entered::Unknown => {
            (StatusCode::NOT_FOUND, "That code is not known, or has ended. Enter it again.")
        }
    };
    (status, Html(device::page(notice))).into_response()
}

/// The token endpoint's answer to a device code.
pub fn redeem(tokens: &Tokens, tenant: &str, form: &Fields) -> Response {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let polled = tokens.device_codes.poll(field("device_code"), field("client_id"), Instant::now());
    let (error, code, text) = match polled {
        // The tokens are for what the code was asked for (RFC 8628, section 3.4).
        Polled::Confirmed { scope } => return issued(tokens, form, &scope),
        Polled::Pending => (
            "authorization_pending",
            70_016,
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        ),
        Polled::SlowDown => (
            "slow_down",
            70_016,
            "OAuth 2.0 device flow error. Authorization is pending. Poll less often.",
        ),
        Polled::Declined => {
            ("authorization_declined", 65_004, "User declined to consent to access the app.")
        }
        Polled::Expired => (
            "expired_token",
            70_020,
            "The provided value for the input parameter 'device_code' is not valid. This device \
             code has expired.",
        ),
        Polled::Unknown => (
            "bad_verification_code",
            70_018,
            "The provided value for the input parameter 'device_code' is not valid.",
        ),
    };
    if !admits_people(tokens, tenant) {
        return unknown_tenant(tenant);
    }
    refused(StatusCode::BAD_REQUEST, error, code, &format!("AADSTS{code}: {text}"))
}

/// The token endpoint's answer to a refresh token.
pub fn refresh(tokens: &Tokens, tenant: &str, form: &Fields) -> Response {
    if let Err(answer) = admit(tokens, tenant, form) {
        return *answer;
    }
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if !tokens.is_refresh_token(field("refresh_token"), field("client_id")) {
        let text = "AADSTS9002313: Invalid request. Request is malformed or invalid.";
        return refused(StatusCode::BAD_REQUEST, "invalid_grant", 9_002_313, text);
    }
    issued(tokens, form, field("scope"))
}

/// Tokens for a scope, of which [`admit`] has found an audience.
fn issued(tokens: &Tokens, form: &Fields, scope: &str) -> Response {
    let client = form.get("client_id").map_or("", String::as_str);
    let audience = audience_of(scope).unwrap_or_default();
    let mut answer = json!({
        "token_type": "Bearer", "scope": scope,
        "expires_in": TOKEN_TTL_SECS, "ext_expires_in": TOKEN_TTL_SECS,
        "access_token": tokens.issue_to_person(audience, client),
    });
    let asks = |name: &str| scope.split(' ').any(|word| word == name);
    if asks("offline_access") {
        answer["refresh_token"] = json!(tokens.issue_refresh_token(client));
    }
    if asks("openid") {
        answer["id_token"] = json!(tokens.issue_id_token(client));
    }
    // Microsoft's libraries know an account by it.
    if form.contains_key("client_info") {
        answer["client_info"] = json!(tokens.client_info());
    }
    Json(answer).into_response()
}

#[cfg(test)]
mod tests {
    use super::super::endpoints::router;
    use super::super::tokens::{ARM_AUDIENCES, Tokens};
    use crate::local::identity::Identity;
    use crate::local::initial_state::InitialState;
    use crate::local::proxy::RequestHost;
    use axum::Extension;
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use std::sync::Arc;
    use tower::ServiceExt as _;

    async fn post(tokens: &Arc<Tokens>, path: &str, form: &str) -> (u16, String) {
        let app = router(Arc::clone(tokens))
            .layer(Extension(RequestHost("login.microsoftonline.com".into())));
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .expect("a request");
        let answer = app.oneshot(request).await.expect("infallible");
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(bytes.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn code_is_redeemed_for_tokens_and_a_refresh_token_for_more() {
        let state = tempfile::tempdir().expect("a folder");
        let identity = Identity::open(state.path(), &InitialState::default()).expect("made");
        let tokens = Arc::new(Tokens::new(identity));
        let json = |(status, text): (u16, String)| {
            (status, serde_json::from_str::<Value>(&text).expect("JSON"))
        };
        let client = "client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46";
        let arm = "scope=https://management.core.windows.net//.default+offline_access+openid";
        let base = "/organizations/oauth2/v2.0";
        let ask = async |path: &str, form: String| {
            json(post(&tokens, &format!("{base}/{path}"), &form).await)
        };

        let (status, code) = ask("devicecode", format!("{client}&{arm}")).await;
        assert_eq!(
            (status, code["interval"].as_u64(), code["expires_in"].as_u64()),
            (200, Some(5), Some(900))
        );
        let grant = "grant_type=urn:ietf:params:oauth:grant-type:device_code";
        let device = code["device_code"].as_str().expect("a code");
        let redeem = format!("{grant}&{client}&client_info=1&device_code={device}");
        let page = "/common/oauth2/deviceauth";
        assert_eq!(post(&tokens, page, "otc=WRONG").await.0, 404);
        let entered = format!("otc={}", code["user_code"].as_str().expect("a code"));
        assert_eq!(post(&tokens, page, &entered).await.0, 200);
        let (status, issued) = ask("token", redeem).await;
        assert_eq!(status, 200, "{issued}");
        let access = issued["access_token"].as_str().expect("a token");
        assert_eq!(tokens.check_token(access, &ARM_AUDIENCES), Ok(()));
        assert!(issued["id_token"].is_string() && issued["client_info"].is_string());

        let refresh = issued["refresh_token"].as_str().expect("a token");
        let vault = "scope=https://vault.azure.net/.default+offline_access";
        let form = format!("grant_type=refresh_token&{client}&{vault}&refresh_token={refresh}");
        assert_eq!(ask("token", form.clone()).await.0, 200);
        // An access token is not a refresh token, and that is for its client.
        let other = form.replace(refresh, access);
        assert_eq!(ask("token", other).await.1["error"], "invalid_grant");
        let unknown = format!("client_id=other&{arm}");
        assert_eq!(ask("devicecode", unknown).await.1["error"], "unauthorized_client");
    }
}
