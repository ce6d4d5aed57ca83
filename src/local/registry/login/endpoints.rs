//! `/oauth2/token` and `/oauth2/exchange`, as Azure's registries have them.

use super::access::{AZURE_UNAUTHORIZED, Access, Logins, basic};
use super::scope::Grant;
use crate::local::entra::{ARM_AUDIENCES, REGISTRY_AUDIENCES, now, sign};
use crate::local::identity::random_uuid;
use crate::local::registry::accounts::Rights;
use crate::local::registry::error::DistributionError;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

/// The lifetimes of Azure's tokens.
const ACCESS_TOKEN_TTL_SECS: i64 = 4_500;
const REFRESH_TOKEN_TTL_SECS: i64 = 3 * 3_600;

const MAX_FORM_BYTES: usize = 64 * 1024;

/// The fields of a query or form. Names may be repeated.
struct FormFields(Vec<(String, String)>);

impl FormFields {
    fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn scopes(&self) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == "scope").map(|(_, value)| value.clone()).collect()
    }
}

/// `/oauth2/token`: GET with `Basic`, as docker sends it, or POST with a form.
pub async fn token(
    logins: &Logins<'_>,
    request: Request<Body>,
) -> Result<Response<Body>, DistributionError> {
    let (access, fields) = match *request.method() {
        Method::GET => {
            let fields = FormFields::parse(request.uri().query().unwrap_or_default().as_bytes());
            (by_header(logins, request.headers()), fields)
        }
        Method::POST => {
            let fields = form(request).await?;
            (by_form(logins, &fields), fields)
        }
        _ => return Err(DistributionError::method()),
    };
    let grants = Grant::parse_all(&fields.scopes());
    let grants: Vec<Grant> = match access {
        Access::Rights(Rights::None) => return Err(unauthorized()),
        Access::Rights(Rights::Pull) => grants.into_iter().filter_map(Grant::only_pull).collect(),
        Access::Rights(Rights::All) => grants,
        Access::Token(allowed) => grants.into_iter().map(|it| it.within(&allowed)).collect(),
    };
    let token = issue(logins, "access_token", ACCESS_TOKEN_TTL_SECS, &json!(grants));
    Ok(answer(&json!({"access_token": token})))
}

/// A token with which anyone may pull what the scopes of a query name.
pub fn pull_token(logins: &Logins<'_>, query: &str) -> Response<Body> {
    let scopes = FormFields::parse(query.as_bytes()).scopes();
    let grants = Grant::parse_all(&scopes).into_iter().filter_map(Grant::only_pull);
    let grants: Vec<Grant> = grants.collect();
    let token = issue(logins, "access_token", ACCESS_TOKEN_TTL_SECS, &json!(grants));
    answer(&json!({"access_token": token}))
}

/// `/oauth2/exchange`: an access token of Entra for a refresh token of the registry.
pub async fn exchange(
    logins: &Logins<'_>,
    request: Request<Body>,
) -> Result<Response<Body>, DistributionError> {
    if request.method() != Method::POST {
        return Err(DistributionError::method());
    }
    let fields = form(request).await?;
    if !fields.get("grant_type").starts_with("access_token") {
        let message = "grant_type must be access_token";
        return Err(DistributionError::new(StatusCode::BAD_REQUEST, "UNSUPPORTED", message));
    }
    let audiences: Vec<&str> = ARM_AUDIENCES.into_iter().chain(REGISTRY_AUDIENCES).collect();
    if let Err(refused) = logins.tokens.check_token(fields.get("access_token"), &audiences) {
        tracing::debug!(host = logins.host, %refused, "a registry refused a token of Entra");
        return Err(unauthorized());
    }
    let token = issue(logins, "refresh_token", REFRESH_TOKEN_TTL_SECS, &Value::Null);
    Ok(answer(&json!({"refresh_token": token})))
}

fn by_header(logins: &Logins<'_>, headers: &HeaderMap) -> Access {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Access::Rights(logins.accounts.anonymous(logins.host));
    };
    let login_of = |value: &str| {
        let (username, password) = basic(value)?;
        Some(logins.login(&username, &password))
    };
    let value = given.to_str().ok().and_then(|given| given.split_once(' '));
    value.and_then(|(_, value)| login_of(value)).unwrap_or(Access::Rights(Rights::None))
}

fn by_form(logins: &Logins<'_>, fields: &FormFields) -> Access {
    match fields.get("grant_type") {
        "password" => logins.login(fields.get("username"), fields.get("password")),
        "refresh_token" => {
            let claims = logins.verified(fields.get("refresh_token"));
            let good = claims.is_some_and(|claims| {
                claims["aud"] == logins.host && claims["grant_type"] == "refresh_token"
            });
            Access::Rights(if good { Rights::All } else { Rights::None })
        }
        _ => Access::Rights(Rights::None),
    }
}

fn issue(logins: &Logins<'_>, kind: &str, life: i64, access: &Value) -> String {
    let (now, identity) = (now(), logins.tokens.identity());
    let claims = json!({
        "jti": random_uuid(), "sub": identity.object_id,
        "nbf": now, "iat": now, "exp": now + life,
        "iss": "Azure Container Registry", "aud": logins.host,
        "grant_type": kind, "tenant": identity.tenant_id, "access": access,
    });
    sign(identity.token_key.expose(), &claims)
}

async fn form(request: Request<Body>) -> Result<FormFields, DistributionError> {
    let read = Limited::new(request.into_body(), MAX_FORM_BYTES).collect().await;
    let bytes = read
        .map_err(|error| {
            DistributionError::new(
                StatusCode::BAD_REQUEST,
                "UNSUPPORTED",
                &format!("cannot read the form: {error}"),
            )
        })?
        .to_bytes();
    Ok(FormFields::parse(&bytes))
}

fn answer(body: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(body.to_string()));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

fn unauthorized() -> DistributionError {
    DistributionError::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", AZURE_UNAUTHORIZED)
}
