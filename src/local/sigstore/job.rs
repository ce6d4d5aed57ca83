//! The tokens of the job that signs, as the runner of GitHub Actions gives them.

use super::answers::refused;
use crate::local::entra::Tokens;
use crate::local::initial_state::SigstoreHosts;
use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

/// The domain of the tokens, below which each runner has a host.
pub const DOMAIN: &str = "actions.githubusercontent.com";
pub(super) const HOST: &str = "pipelines.actions.githubusercontent.com";
pub const TOKEN_URL: &str =
    "https://pipelines.actions.githubusercontent.com/idtoken?api-version=2.0";
/// The audience for which Fulcio takes tokens.
const SIGSTORE: &str = "sigstore";
/// What tells what a runner asks with from the other tokens of the cloud.
const REQUEST_AUDIENCE: &str = "job";
const REQUEST_TTL_SECS: i64 = 10 * 365 * 24 * 3_600;
const TOKEN_TTL_SECS: i64 = 300;
const GITHUB: &str = "https://github.com/";

/// Who signs, by a token.
pub(super) struct TokenSigner {
    /// What proves that the owner of the token has a key.
    pub subject: String,
    pub identity: String,
    pub issuer: String,
}

pub(super) fn token_request(tokens: &Tokens) -> String {
    tokens.issue_claims(json!({ "aud": REQUEST_AUDIENCE }), REQUEST_TTL_SECS)
}

pub(super) fn answer(tokens: &Tokens, hosts: &SigstoreHosts, request: &Request<Body>) -> Response {
    let bearer = request.headers().get(header::AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let claims = bearer.and_then(|token| tokens.claims_of(token));
    if claims.is_none_or(|claims| claims["aud"] != REQUEST_AUDIENCE) {
        return refused(StatusCode::UNAUTHORIZED, "the job has no such token");
    }
    let query = request.uri().query().unwrap_or_default();
    let audience = url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "audience").then(|| value.into_owned()))
        .unwrap_or_default();
    let mut claims = claims_of(hosts);
    claims["aud"] = audience.into();
    let value = tokens.issue_claims(claims, TOKEN_TTL_SECS);
    Json(json!({ "count": value.len(), "value": value })).into_response()
}

/// The claims of the identity that signs.
fn claims_of(hosts: &SigstoreHosts) -> Value {
    let SigstoreHosts { identity, issuer, .. } = hosts;
    let workflow = identity.strip_prefix(GITHUB).and_then(|path| path.split_once("/.github/"));
    if let Some((repository, file)) = workflow {
        let reference = file.split_once('@').map_or("", |(_, reference)| reference);
        return json!({
            "iss": issuer,
            "sub": format!("repo:{repository}:ref:{reference}"),
            "repository": repository,
            "ref": reference,
            "job_workflow_ref": identity.trim_start_matches(GITHUB),
        });
    }
    if identity.contains('@') && !identity.contains("://") {
        return json!({ "iss": issuer, "sub": "1", "email": identity, "email_verified": true });
    }
    json!({ "iss": issuer, "sub": identity })
}

/// Who signs with a token; `None` for one of another issuer, another audience, or an expired one.
pub(super) fn signer(tokens: &Tokens, token: &str) -> Option<TokenSigner> {
    let claims = tokens.claims_of(token).filter(|claims| claims["aud"] == SIGSTORE)?;
    let text = |name: &str| claims[name].as_str().map(str::to_owned);
    let subject = text("email").or_else(|| text("sub"))?;
    let identity = match text("job_workflow_ref") {
        Some(workflow) => format!("{GITHUB}{workflow}"),
        None => subject.clone(),
    };
    Some(TokenSigner { subject, identity, issuer: text("iss")? })
}
