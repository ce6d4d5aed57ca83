//! What the endpoints of Entra have in common: the fields of forms, audiences, refusals.

use super::tokens::{ARM_AUDIENCES, REGISTRY_AUDIENCES, Tokens, VAULT_AUDIENCES};
use crate::local::identity::random_uuid;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;
use std::collections::HashMap;

/// Other audiences for which az and SDKs ask tokens.
const OTHER_AUDIENCES: [&str; 2] = ["https://graph.microsoft.com", "https://storage.azure.com"];

pub type Fields = HashMap<String, String>;

/// The audience of the first scope that names one, such as
/// `https://management.azure.com/.default`.
pub fn audience_of(scope: &str) -> Option<&str> {
    scope.split(' ').find_map(|scope| scope.strip_suffix("/.default"))
}

pub fn known_audience(tenant: &str, audience: &str) -> Result<(), Box<Response>> {
    let known = ARM_AUDIENCES.iter().chain(&VAULT_AUDIENCES).chain(&REGISTRY_AUDIENCES);
    if !known.chain(&OTHER_AUDIENCES).any(|known| *known == audience.trim_end_matches('/')) {
        let text = format!(
            "AADSTS500011: The resource principal named {audience} was not found in the tenant \
             named {tenant}."
        );
        let status = StatusCode::BAD_REQUEST;
        return Err(Box::new(refused(status, "invalid_resource", 500_011, &text)));
    }
    Ok(())
}

pub fn is_tenant(tokens: &Tokens, tenant: &str) -> bool {
    tenant.eq_ignore_ascii_case(&tokens.identity().tenant_id)
}

pub fn unknown_tenant(tenant: &str) -> Response {
    let text = format!(
        "AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant \
         ID and are signing into the correct cloud. Check with your subscription administrator, \
         this may happen if there are no active subscriptions for the tenant."
    );
    refused(StatusCode::BAD_REQUEST, "invalid_tenant", 90_002, &text)
}

pub fn refused(status: StatusCode, error: &str, code: u32, text: &str) -> Response {
    let (trace, correlation) = (random_uuid(), random_uuid());
    let time = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let description =
        format!("{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}");
    let body = json!({
        "error": error, "error_description": description, "error_codes": [code],
        "timestamp": time, "trace_id": trace, "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    (status, Json(body)).into_response()
}
