//! The part of Microsoft Graph 1.0 that az asks when it is told of a principal: service
//! principals, of which there are the application and the identities, and objects by id.

use super::tokens::Tokens;
use crate::local::access::Access;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

pub const GRAPH_AUDIENCE: &str = "https://graph.microsoft.com";

const MAX_BODY_BYTES: usize = 256 * 1024;

#[derive(Clone)]
struct GraphState {
    tokens: Arc<Tokens>,
    access: Arc<Access>,
}

pub fn graph_router(tokens: Arc<Tokens>, access: Arc<Access>) -> Router {
    Router::new()
        .route("/v1.0/me", get(me))
        .route("/v1.0/users", get(empty))
        .route("/v1.0/groups", get(empty))
        .route("/v1.0/servicePrincipals", get(list))
        .route("/v1.0/servicePrincipals/{id}", get(one))
        .route("/v1.0/directoryObjects/getByIds", post(by_ids))
        .fallback(absent)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&tokens), authorize))
        .with_state(GraphState { tokens, access })
}

async fn authorize(
    State(tokens): State<Arc<Tokens>>,
    request: Request<Body>,
    next: axum::middleware::Next,
) -> Response {
    match tokens.check(request.headers(), &[GRAPH_AUDIENCE]) {
        Ok(()) => next.run(request).await,
        Err(_) => refused(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            "Access token is empty, has expired, or is for another audience.",
        ),
    }
}

impl GraphState {
    fn service_principals(&self) -> Vec<Value> {
        let identity = self.tokens.identity();
        let (client, object) = (identity.client_id.as_str(), identity.object_id.as_str());
        let mut all = vec![service_principal(&Principal {
            id: object,
            client,
            name: "shipway-local",
            kind: "Application",
        })];
        all.extend(self.access.directory.all().iter().map(|identity| {
            service_principal(&Principal {
                id: &identity.principal_id,
                client: &identity.client_id,
                name: &identity.name,
                kind: "ManagedIdentity",
            })
        }));
        all
    }
}

struct Principal<'a> {
    id: &'a str,
    client: &'a str,
    name: &'a str,
    kind: &'a str,
}

fn service_principal(principal: &Principal<'_>) -> Value {
    let Principal { id, client, name, kind } = principal;
    json!({
        "id": id, "appId": client, "displayName": name, "appDisplayName": name,
        "servicePrincipalNames": [client], "servicePrincipalType": kind,
        "accountEnabled": true, "tags": [],
    })
}

/// As the service answers an application, which is no user.
async fn me() -> Response {
    refused(
        StatusCode::BAD_REQUEST,
        "BadRequest",
        "/me request is only valid with delegated authentication flow.",
    )
}

/// This directory has no users and groups.
async fn empty() -> Json<Value> {
    listed(&[])
}

async fn list(
    State(state): State<GraphState>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let filter = query.get("$filter").map_or("", String::as_str);
    let Some(filter) = Filter::of(filter) else {
        let message = format!("The local cloud does not know the filter '{filter}'.");
        return refused(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", &message);
    };
    let mut all = state.service_principals();
    all.retain(|principal| filter.holds(principal));
    listed(&all).into_response()
}

/// The filters that az sends.
enum Filter {
    All,
    /// `servicePrincipalNames/any(c:c eq '…')` and `appId eq '…'`.
    Client(String),
    /// `startswith(displayName,'…')` and `displayName eq '…'`.
    Name(String),
}

impl Filter {
    fn of(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::All);
        }
        let value = text.split('\'').nth(1)?.to_owned();
        let starts = |start: &str| text.starts_with(start);
        if starts("servicePrincipalNames/any(") || starts("appId eq ") {
            return Some(Self::Client(value));
        }
        (starts("startswith(displayName,") || starts("displayName eq "))
            .then_some(Self::Name(value))
    }

    fn holds(&self, principal: &Value) -> bool {
        let text = |name: &str| principal[name].as_str().unwrap_or_default();
        match self {
            Self::All => true,
            Self::Client(client) => text("appId").eq_ignore_ascii_case(client),
            Self::Name(start) => text("displayName").starts_with(start),
        }
    }
}

async fn one(State(state): State<GraphState>, Path(id): Path<String>) -> Response {
    let all = state.service_principals();
    let found = all.into_iter().find(|it| it["id"].as_str().is_some_and(|own| own == id));
    found.map_or_else(|| missing(&id), |found| Json(found).into_response())
}

async fn by_ids(State(state): State<GraphState>, request: Request<Body>) -> Response {
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let asked: Vec<&str> =
        body["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut all = state.service_principals();
    all.retain(|it| asked.iter().any(|id| it["id"] == *id));
    for found in &mut all {
        found["@odata.type"] = json!("#microsoft.graph.servicePrincipal");
    }
    listed(&all).into_response()
}

async fn absent(request: Request<Body>) -> Response {
    let path = request.uri().path();
    let message = format!("Resource not found for the segment of '{path}' in the local cloud.");
    refused(StatusCode::BAD_REQUEST, "BadRequest", &message)
}

fn listed(values: &[Value]) -> Json<Value> {
    Json(json!({ "value": values }))
}

fn missing(id: &str) -> Response {
    let message = format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not \
         present."
    );
    refused(StatusCode::NOT_FOUND, "Request_ResourceNotFound", &message)
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::{GRAPH_AUDIENCE, graph_router};
    use crate::local::access::{Access, UserAssignedIdentity};
    use crate::local::entra::Tokens;
    use crate::local::identity::Identity;
    use crate::local::initial_state::InitialState;
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use std::sync::Arc;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn application_and_identities_are_found_by_their_ids() {
        let state = tempfile::tempdir().expect("a folder");
        let initial = InitialState::default();
        let identity = Identity::open(state.path(), &initial).expect("an identity");
        let access = Arc::new(Access::open(state.path(), &initial, &identity).expect("opened"));
        let pull = UserAssignedIdentity::new("/pull".to_owned(), "g", "pull");
        access.directory.put(pull.clone()).expect("kept");
        let (client, object) = (identity.client_id.clone(), identity.object_id.clone());
        let tokens = Arc::new(Tokens::new(identity));
        let ask = async |method: &str, path: String, audience: &str, body: Value| {
            let app = graph_router(Arc::clone(&tokens), Arc::clone(&access));
            let bearer = format!("Bearer {}", tokens.issue(audience));
            let request = Request::builder().method(method).uri(format!("/v1.0{path}"));
            let request = request.header("authorization", bearer);
            let request = request.body(Body::from(body.to_string())).expect("a request");
            let answer = app.oneshot(request).await.expect("infallible");
            let status = answer.status().as_u16();
            let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
            (status, serde_json::from_slice::<Value>(&bytes).expect("JSON"))
        };
        let get = async |path: String| ask("GET", path, GRAPH_AUDIENCE, Value::Null).await;

        let by_client = "/servicePrincipals?$filter=servicePrincipalNames/any(c:c%20eq%20'";
        let (_, found) = get(format!("{by_client}{client}')")).await;
        assert_eq!(found["value"][0]["id"], json!(object));
        assert_eq!(get(format!("{by_client}none')")).await.1["value"], json!([]));
        let by_name = "/servicePrincipals?$filter=startswith(displayName,'pu')";
        assert_eq!(get(by_name.to_owned()).await.1["value"][0]["id"], json!(pull.principal_id));
        let ids = json!({ "ids": [pull.principal_id, "none"] });
        let (_, found) =
            ask("POST", "/directoryObjects/getByIds".to_owned(), GRAPH_AUDIENCE, ids).await;
        assert_eq!(found["value"][0]["appId"], json!(pull.client_id));
        assert_eq!(found["value"].as_array().map(Vec::len), Some(1));
        assert_eq!(get(format!("/servicePrincipals/{object}")).await.1["appId"], json!(client));

        let message = |(status, body): (u16, Value)| {
            (status, body["error"]["message"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(
            message(get("/servicePrincipals/none".to_owned()).await),
            (
                404,
                "Resource 'none' does not exist or one of its queried reference-property objects \
                 are not present."
                    .to_owned()
            )
        );
        assert_eq!(
            message(get("/me".to_owned()).await),
            (400, "/me request is only valid with delegated authentication flow.".to_owned())
        );
        assert_eq!(
            message(get("/servicePrincipals?$filter=x%20eq%20'y'".to_owned()).await),
            (400, "The local cloud does not know the filter 'x eq 'y''.".to_owned())
        );
        assert_eq!(
            message(get("/applications".to_owned()).await),
            (
                400,
                "Resource not found for the segment of '/v1.0/applications' in the local cloud."
                    .to_owned()
            )
        );
        let other = ask("GET", "/users".to_owned(), "https://vault.azure.net", Value::Null).await;
        assert_eq!(
            message(other),
            (401, "Access token is empty, has expired, or is for another audience.".to_owned())
        );
    }
}
