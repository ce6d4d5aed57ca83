//! The secrets endpoints of Key Vault (data plane 7.4 and later, which share their
//! JSON shapes), with the challenge that tells where to sign in.

use super::secrets::{StoredSecret, Vaults};
use crate::local::access::Access;
use crate::local::entra::{TokenError, Tokens, VAULT_AUDIENCES};
use crate::local::files::FileError;
use crate::local::hidden::Hidden;
use crate::local::proxy::RequestHost;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json, Router};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Enough for any secret: the service allows 25 KB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// The recovery period of a deleted secret, which is reported but not simulated.
const RETENTION_SECS: i64 = 7 * 86_400;

/// The endpoints of all vaults. The host name of a request selects the vault.
pub fn router(vaults: Arc<Vaults>, tokens: Arc<Tokens>, access: Arc<Access>) -> Router {
    Router::new().fallback(answer).with_state(VaultState { vaults, tokens, access })
}

#[derive(Clone)]
struct VaultState {
    vaults: Arc<Vaults>,
    tokens: Arc<Tokens>,
    access: Arc<Access>,
}

impl VaultState {
    /// Refuses the application where it has no role that reads secrets. A vault has no
    /// resource group of its own here, so the scope is looked for by its end.
    fn check_role(&self, host: &str) -> Result<(), VaultError> {
        let identity = self.tokens.identity();
        let name = host.split('.').next().unwrap_or_default();
        let action = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
        if self.access.may_read_vault(&identity.object_id, name, action) {
            return Ok(());
        }
        let text = format!(
            "Caller is not authorized to perform action on resource.\nIf role assignments, deny \
             assignments or role definitions were changed recently, please observe propagation \
             time.\nCaller: appid={};oid={}\nAction: '{action}'\nVault: {name}",
            identity.client_id, identity.object_id
        );
        Err(VaultError {
            inner: Some("ForbiddenByRbac"),
            ..VaultError::new(403, "Forbidden", &text)
        })
    }
}

async fn answer(
    State(state): State<VaultState>,
    Extension(RequestHost(host)): Extension<RequestHost>,
    request: Request<Body>,
) -> Response {
    let audience = audience(&host);
    if let Err(refused) = state.tokens.check(request.headers(), &[audience]) {
        return challenge(&state.tokens, &host, audience, refused);
    }
    if let Err(refused) = state.check_role(&host) {
        return refused.answer();
    }
    perform(&state.vaults, &host, request).await.unwrap_or_else(VaultError::answer)
}

async fn perform(
    vaults: &Vaults,
    host: &str,
    request: Request<Body>,
) -> Result<Response, VaultError> {
    let query = request.uri().query().unwrap_or_default();
    if !query.split('&').any(|part| part.starts_with("api-version=")) {
        return Err(VaultError::new(400, "BadParameter", "api-version must be specified"));
    }
    let path = request.uri().path().to_owned();
    // az sends a trailing slash where it names no version.
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let method = request.method().clone();
    let vault = VaultRequest { vaults, host };
    if let [_, name, ..] = parts.as_slice()
        && !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        let text = format!("The request URI contains an invalid name: {name}");
        return Err(VaultError::new(400, "BadParameter", &text));
    }
    match (method, parts.as_slice()) {
        (Method::GET, ["secrets"]) => Ok(vault.list()),
        (Method::GET, ["secrets", name, "versions"]) => Ok(vault.versions(name)),
        (Method::GET, ["secrets", name]) => vault.get(name, None),
        (Method::GET, ["secrets", name, version]) => vault.get(name, Some(version)),
        (Method::PUT, ["secrets", name]) => vault.set(name, read(request).await?),
        (Method::DELETE, ["secrets", name]) => vault.delete(name),
        (_, ["secrets", ..]) => {
            Err(VaultError::new(405, "MethodNotAllowed", "The request method is not allowed."))
        }
        _ => Err(VaultError::new(404, "NotFound", "The requested resource does not exist.")),
    }
}

struct VaultRequest<'a> {
    vaults: &'a Vaults,
    host: &'a str,
}

impl VaultRequest<'_> {
    fn get(&self, name: &str, version: Option<&str>) -> Result<Response, VaultError> {
        let found = self.vaults.get(self.host, name, version);
        let found = found.ok_or_else(|| missing(name, version))?;
        if !found.enabled {
            return Err(VaultError {
                inner: Some("SecretDisabled"),
                ..VaultError::new(
                    403,
                    "Forbidden",
                    "Operation get is not allowed on a disabled secret.",
                )
            });
        }
        Ok(Json(self.bundle(name, &found, true)).into_response())
    }

    fn set(&self, name: &str, given: SetSecretBody) -> Result<Response, VaultError> {
        let mut found = StoredSecret::new(given.value);
        found.content_type = given.content_type;
        found.tags = given.tags.unwrap_or_default();
        found.enabled = given.attributes.and_then(|given| given.enabled).unwrap_or(true);
        let answer = self.bundle(name, &found, true);
        self.vaults.set(self.host, name, found)?;
        Ok(Json(answer).into_response())
    }

    fn delete(&self, name: &str) -> Result<Response, VaultError> {
        let deleted = self.vaults.delete(self.host, name)?;
        let found = deleted.ok_or_else(|| missing(name, None))?;
        let now = jiff::Timestamp::now().as_second();
        let mut answer = self.bundle(name, &found, false);
        answer["recoveryId"] = json!(format!("https://{}/deletedsecrets/{name}", self.host));
        answer["deletedDate"] = json!(now);
        answer["scheduledPurgeDate"] = json!(now + RETENTION_SECS);
        Ok(Json(answer).into_response())
    }

    fn list(&self) -> Response {
        let names = self.vaults.names(self.host);
        let secrets: Vec<Value> = names
            .iter()
            .filter_map(|name| {
                let found = self.vaults.get(self.host, name, None)?;
                let mut listed = self.bundle(name, &found, false);
                listed["id"] = json!(format!("https://{}/secrets/{name}", self.host));
                Some(listed)
            })
            .collect();
        Json(json!({"value": secrets, "nextLink": null})).into_response()
    }

    fn versions(&self, name: &str) -> Response {
        let versions = self.vaults.versions(self.host, name);
        let versions: Vec<Value> =
            versions.iter().map(|found| self.bundle(name, found, false)).collect();
        Json(json!({"value": versions, "nextLink": null})).into_response()
    }

    /// A `SecretBundle`, or without the value a `SecretItem`.
    fn bundle(&self, name: &str, found: &StoredSecret, value: bool) -> Value {
        let mut bundle = json!({
            "id": format!("https://{}/secrets/{name}/{}", self.host, found.version),
            "attributes": {
                "enabled": found.enabled, "created": found.created, "updated": found.created,
                "recoveryLevel": "CustomizedRecoverable+Purgeable", "recoverableDays": 7,
            },
        });
        if value {
            bundle["value"] = json!(found.value.expose());
        }
        if let Some(kind) = &found.content_type {
            bundle["contentType"] = json!(kind);
        }
        if !found.tags.is_empty() {
            bundle["tags"] = json!(found.tags);
        }
        bundle
    }
}

/// The body of a PUT.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetSecretBody {
    value: Hidden,
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
struct Attributes {
    enabled: Option<bool>,
}

async fn read(request: Request<Body>) -> Result<SetSecretBody, VaultError> {
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    let bytes = body
        .map_err(|error| {
            VaultError::new(400, "BadParameter", &format!("cannot read the body: {error}"))
        })?
        .to_bytes();
    serde_json::from_slice(&bytes)
        .map_err(|_| VaultError::new(400, "BadParameter", "Property  has invalid value\r\n"))
}

fn missing(name: &str, version: Option<&str>) -> VaultError {
    let id = version.map_or_else(|| name.to_owned(), |version| format!("{name}/{version}"));
    let text = format!(
        "A secret with (name/id) {id} was not found in this key vault. If you recently deleted \
         this secret you may be able to recover it using the correct recovery command. For help \
         resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    );
    VaultError::new(404, "SecretNotFound", &text)
}

/// The audience that a token for a vault must have, which depends on the cloud.
fn audience(host: &str) -> &'static str {
    let cloud = VAULT_AUDIENCES.into_iter().find(|audience| {
        let domain = audience.trim_start_matches("https:/").replacen('/', ".", 1);
        host.ends_with(&domain)
    });
    cloud.unwrap_or(VAULT_AUDIENCES[0])
}

fn challenge(tokens: &Tokens, host: &str, audience: &str, refused: TokenError) -> Response {
    let login = match audience {
        "https://vault.usgovcloudapi.net" => "login.microsoftonline.us",
        "https://vault.azure.cn" => "login.chinacloudapi.cn",
        _ => "login.microsoftonline.com",
    };
    let tenant = &tokens.identity().tenant_id;
    let challenge =
        format!("Bearer authorization=\"https://{login}/{tenant}\", resource=\"{audience}\"");
    let message = match refused {
        TokenError::Missing => "AKV10000: Request is missing a Bearer or PoP token.".to_owned(),
        TokenError::Invalid => "[TokenExpired] Error validating token: 'S2S12086'.".to_owned(),
        TokenError::Audience => format!("AKV10022: Invalid audience. Expected {audience}."),
    };
    tracing::debug!(host, %refused, "a vault refused a token");
    let mut answer = VaultError::new(401, "Unauthorized", &message).answer();
    if let Ok(challenge) = challenge.parse() {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// An error in Key Vault's JSON shape.
struct VaultError {
    status: u16,
    code: &'static str,
    message: String,
    inner: Option<&'static str>,
}

impl VaultError {
    fn new(status: u16, code: &'static str, message: &str) -> Self {
        Self { status, code, message: message.to_owned(), inner: None }
    }

    fn answer(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(inner) = self.inner {
            error["innererror"] = json!({"code": inner});
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({"error": error}))).into_response()
    }
}

impl From<FileError> for VaultError {
    fn from(error: FileError) -> Self {
        Self::new(500, "InternalServerError", &error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{Tokens, Vaults, audience, router};
    use crate::local::access::Access;
    use crate::local::identity::Identity;
    use crate::local::initial_state::InitialState;
    use crate::local::proxy::RequestHost;
    use axum::Extension;
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use std::sync::Arc;
    use tower::ServiceExt as _;

    struct Client {
        vaults: Arc<Vaults>,
        tokens: Arc<Tokens>,
        token: Option<String>,
    }

    impl Client {
        async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, String, Value) {
            let host = RequestHost("v.vault.azure.net".into());
            let access = Arc::new(Access::new(None, self.tokens.identity()));
            let (vaults, tokens) = (Arc::clone(&self.vaults), Arc::clone(&self.tokens));
            let app = router(vaults, tokens, access).layer(Extension(host));
            let mut request = Request::builder().method(method).uri(path);
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let request = request.body(Body::from(body.to_string())).expect("a request");
            let answer = app.oneshot(request).await.expect("infallible");
            let status = answer.status().as_u16();
            let challenge = answer.headers().get("www-authenticate").cloned();
            let challenge = challenge.map(|value| value.to_str().expect("text").to_owned());
            let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
            (status, challenge.unwrap_or_default(), serde_json::from_slice(&bytes).expect("JSON"))
        }
    }

    fn client(state: &std::path::Path) -> Client {
        let initial: InitialState = serde_json::from_value(json!({"vaults": [{
            "host": "v.vault.azure.net",
            "secrets": {"key": "one", "old": [{"value": "x", "enabled": false}]},
        }]}))
        .expect("an initial state");
        let identity = Identity::open(state, &initial).expect("an identity");
        let tokens = Arc::new(Tokens::new(identity));
        let vaults = Arc::new(Vaults::open(state, &initial).expect("opened"));
        let token = Some(tokens.issue("https://vault.azure.net"));
        Client { vaults, tokens, token }
    }

    #[tokio::test]
    async fn a_request_without_a_valid_token_is_challenged() {
        let state = tempfile::tempdir().expect("a folder");
        let mut client = client(state.path());
        let tenant = client.tokens.identity().tenant_id.clone();

        for token in [None, Some(client.tokens.issue("https://management.azure.com"))] {
            client.token = token;
            let (status, challenge, body) =
                client.ask("GET", "/secrets/key?api-version=7.4", Value::Null).await;
            assert_eq!((status, &body["error"]["code"]), (401, &json!("Unauthorized")));
            assert_eq!(
                challenge,
                format!(
                    "Bearer authorization=\"https://login.microsoftonline.com/{tenant}\", \
                     resource=\"https://vault.azure.net\""
                )
            );
        }
    }

    #[tokio::test]
    async fn secrets_are_read_set_and_deleted() {
        let state = tempfile::tempdir().expect("a folder");
        let client = client(state.path());
        let get = |path: &'static str| client.ask("GET", path, Value::Null);

        let (status, _, body) = get("/secrets/key/?api-version=7.4").await;
        assert_eq!((status, &body["value"]), (200, &json!("one")));
        let first =
            body["id"].as_str().expect("an id").rsplit('/').next().expect("a part").to_owned();
        let given = json!({"value": "two", "contentType": "text", "tags": {"a": "b"}});
        let (status, _, set) = client.ask("PUT", "/secrets/key?api-version=7.4", given).await;
        assert_eq!(
            (status, &set["contentType"], &set["tags"]["a"]),
            (200, &json!("text"), &json!("b"))
        );
        let path = format!("/secrets/key/{first}?api-version=7.4");
        assert_eq!(client.ask("GET", &path, Value::Null).await.2["value"], "one");
        assert_eq!(get("/secrets/key?api-version=7.4").await.2["value"], "two");
        let (_, _, versions) = get("/secrets/key/versions?api-version=7.4").await;
        assert_eq!(versions["value"].as_array().map(Vec::len), Some(2));
        assert_eq!(get("/secrets?api-version=7.4").await.2["value"][0].get("value"), None);
        let (status, _, _) =
            client.ask("DELETE", "/secrets/key?api-version=7.4", Value::Null).await;
        assert_eq!(status, 200);
        assert_eq!(get("/secrets/key?api-version=7.4").await.0, 404);
    }

    #[tokio::test]
    async fn unreadable_secrets_have_distinct_errors() {
        let state = tempfile::tempdir().expect("a folder");
        let client = client(state.path());
        let cases = [
            ("/secrets/none?api-version=7.4", 404, "SecretNotFound"),
            (
                "/secrets/key/00000000000000000000000000000000?api-version=7.4",
                404,
                "SecretNotFound",
            ),
            ("/secrets/old?api-version=7.4", 403, "Forbidden"),
            ("/secrets/key", 400, "BadParameter"),
            ("/secrets/no_underscores?api-version=7.4", 400, "BadParameter"),
        ];
        for (path, status, code) in cases {
            let (answered, _, body) = client.ask("GET", path, Value::Null).await;
            assert_eq!((answered, &body["error"]["code"]), (status, &json!(code)), "{path}");
        }
    }

    #[test]
    fn the_audience_depends_on_the_cloud() {
        assert_eq!(audience("x.vault.azure.net"), "https://vault.azure.net");
        assert_eq!(audience("x.vault.usgovcloudapi.net"), "https://vault.usgovcloudapi.net");
        assert_eq!(audience("x.vault.azure.cn"), "https://vault.azure.cn");
    }
}
