use super::settings::{AccessPolicy, VaultSettings};
use super::{Vaults, router};
use crate::local::access::Access;
use crate::local::entra::Tokens;
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
    access: Arc<Access>,
}

impl Client {
    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, String, Value) {
        let host = RequestHost("v.vault.azure.net".into());
        let (vaults, tokens) = (Arc::clone(&self.vaults), Arc::clone(&self.tokens));
        let app = router(vaults, tokens, Arc::clone(&self.access)).layer(Extension(host));
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
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).expect("JSON")
        };
        (status, challenge.unwrap_or_default(), body)
    }
}

fn client(state: &std::path::Path) -> Client {
    let initial: InitialState = serde_json::from_value(json!({"vaults": [{
        "host": "v.vault.azure.net",
        "secrets": {"key": "one", "old": [{"value": "x", "enabled": false}]},
    }]}))
    .expect("an initial state");
    let identity = Identity::open(state, &initial).expect("an identity");
    let access = Arc::new(Access::open(state, &initial, &identity).expect("opened"));
    let tokens = Arc::new(Tokens::new(identity));
    let vaults = Arc::new(Vaults::open(state, &initial).expect("opened"));
    let token = Some(tokens.issue("https://vault.azure.net"));
    Client { vaults, tokens, token, access }
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
    let first = body["id"].as_str().expect("an id").rsplit('/').next().expect("a part").to_owned();
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
    let (status, _, _) = client.ask("DELETE", "/secrets/key?api-version=7.4", Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(get("/secrets/key?api-version=7.4").await.0, 404);
}

#[tokio::test]
async fn unreadable_secrets_have_distinct_errors() {
    let state = tempfile::tempdir().expect("a folder");
    let client = client(state.path());
    let cases = [
        ("/secrets/none?api-version=7.4", 404, "SecretNotFound"),
        ("/secrets/key/00000000000000000000000000000000?api-version=7.4", 404, "SecretNotFound"),
        ("/secrets/old?api-version=7.4", 403, "Forbidden"),
        ("/secrets/key", 400, "BadParameter"),
        ("/secrets/no_underscores?api-version=7.4", 400, "BadParameter"),
    ];
    for (path, status, code) in cases {
        let (answered, _, body) = client.ask("GET", path, Value::Null).await;
        assert_eq!((answered, &body["error"]["code"]), (status, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn secrets_past_the_limits_are_refused() {
    let state = tempfile::tempdir().expect("a folder");
    let client = client(state.path());
    let set = async |name: &str, body: Value| {
        let path = format!("/secrets/{name}?api-version=7.4");
        let (status, _, answer) = client.ask("PUT", &path, body).await;
        (status, answer["error"]["message"].as_str().unwrap_or_default().to_owned())
    };
    let tags = |count: usize| {
        let tags: serde_json::Map<String, Value> =
            (0..count).map(|number| (number.to_string(), json!("x"))).collect();
        json!({ "value": "v", "tags": tags })
    };
    let longest = "a".repeat(127);
    assert_eq!(set(&longest, json!({ "value": "x".repeat(25_600) })).await.0, 200);
    assert_eq!(set("a", tags(15)).await.0, 200);
    let too_long = format!("{longest}a");
    let cases = [
        (
            "a",
            json!({ "value": "x".repeat(25_601) }),
            "The secret value has 25601 bytes, which exceeds the maximum of 25600 bytes."
                .to_owned(),
        ),
        ("a", tags(16), "The secret has 16 tags, which exceeds the maximum of 15 tags.".to_owned()),
        (
            "a",
            json!({ "value": "v", "tags": { "a": "x".repeat(257) } }),
            "A tag of the secret has 257 characters, which exceeds the maximum of 256 characters."
                .to_owned(),
        ),
        (
            too_long.as_str(),
            json!({ "value": "v" }),
            format!("The request URI contains an invalid name: {too_long}"),
        ),
    ];
    for (name, body, message) in cases {
        assert_eq!(set(name, body).await, (400, message));
    }
    let path = "/secrets/a?api-version=7.4";
    let (status, _, refused) = client.ask("PATCH", path, tags(16)).await;
    assert_eq!(
        (status, &refused["error"]["message"]),
        (400, &json!("The secret has 16 tags, which exceeds the maximum of 15 tags."))
    );
}

/// What a request without a body answers.
async fn ask(client: &Client, method: &str, path: &str) -> (u16, Value) {
    let (status, _, body) = client.ask(method, &format!("{path}?api-version=7.4"), json!({})).await;
    (status, body)
}

#[tokio::test]
async fn deleted_secret_is_recovered_or_purged() {
    let state = tempfile::tempdir().expect("a folder");
    let client = client(state.path());

    let (status, deleted) = ask(&client, "DELETE", "/secrets/key").await;
    assert_eq!(status, 200);
    assert_eq!(deleted["recoveryId"], "https://v.vault.azure.net/deletedsecrets/key");
    let kept = deleted["scheduledPurgeDate"].as_i64().expect("a time")
        - deleted["deletedDate"].as_i64().expect("a time");
    assert_eq!(kept, 90 * 86_400);
    let (status, listed) = ask(&client, "GET", "/deletedsecrets").await;
    assert_eq!(
        (status, &listed["value"][0]["id"]),
        (200, &json!("https://v.vault.azure.net/secrets/key"))
    );
    let again = json!({"value": "two"});
    let (status, _, refused) = client.ask("PUT", "/secrets/Key?api-version=7.4", again).await;
    assert_eq!(
        (status, refused),
        (
            409,
            json!({"error": {
                "code": "Conflict",
                "message": "Secret Key is currently in a deleted but recoverable state, and its name \
                            cannot be reused; in this state, the secret can only be recovered or purged.",
                "innererror": {"code": "ObjectIsDeletedButRecoverable"},
            }})
        )
    );

    assert_eq!(ask(&client, "POST", "/deletedsecrets/key/recover").await.0, 200);
    assert_eq!(ask(&client, "GET", "/secrets/key").await.1["value"], "one");
    let (status, missing) = ask(&client, "GET", "/deletedsecrets/key").await;
    assert_eq!(
        (status, &missing["error"]["message"]),
        (404, &json!("Deleted Secret not found: key"))
    );
    ask(&client, "DELETE", "/secrets/key").await;
    assert_eq!(ask(&client, "DELETE", "/deletedsecrets/key").await, (204, Value::Null));
    assert_eq!(ask(&client, "GET", "/deletedsecrets").await.1["value"], json!([]));
}

#[tokio::test]
async fn purge_protection_keeps_what_was_deleted() {
    let state = tempfile::tempdir().expect("a folder");
    let client = client(state.path());
    let settings =
        VaultSettings { retention_days: 7, purge_protection: true, ..VaultSettings::default() };
    client.vaults.put("v.vault.azure.net", settings).expect("kept");

    let (_, deleted) = ask(&client, "DELETE", "/secrets/key").await;
    let attributes = &deleted["attributes"];
    assert_eq!(
        (&attributes["recoveryLevel"], &attributes["recoverableDays"]),
        (&json!("CustomizedRecoverable"), &json!(7))
    );
    let (status, refused) = ask(&client, "DELETE", "/deletedsecrets/key").await;
    assert_eq!(
        (status, &refused["error"]["message"]),
        (
            403,
            &json!(
                "Operation \"purge\" is not allowed because purge protection is enabled for this \
                 vault."
            )
        )
    );
}

#[tokio::test]
async fn times_and_other_attributes_are_kept_and_changed() {
    let state = tempfile::tempdir().expect("a folder");
    let client = client(state.path());
    let given = json!({"value": "two", "attributes": {"exp": 1_798_761_600, "nbf": 1_700_000_000}});
    let (_, _, set) = client.ask("PUT", "/secrets/key?api-version=7.4", given).await;
    assert_eq!(
        (&set["attributes"]["exp"], &set["attributes"]["nbf"]),
        (&json!(1_798_761_600), &json!(1_700_000_000))
    );

    let version = set["id"].as_str().expect("an id").rsplit('/').next().expect("a part").to_owned();
    let change = json!({"attributes": {"enabled": false}, "contentType": "text/plain"});
    let path = format!("/secrets/key/{version}?api-version=7.4");
    let (status, _, changed) = client.ask("PATCH", &path, change).await;
    assert_eq!((status, &changed["contentType"]), (200, &json!("text/plain")));
    assert_eq!(changed.get("value"), None);
    assert_eq!(changed["attributes"]["exp"], 1_798_761_600);
    assert_eq!(
        ask(&client, "GET", "/secrets/key").await.1["error"]["innererror"]["code"],
        "SecretDisabled"
    );
    assert_eq!(ask(&client, "PATCH", "/secrets/none").await.0, 404);
}

#[tokio::test]
async fn backup_is_restored_where_the_name_is_free() {
    let state = tempfile::tempdir().expect("a folder");
    let client = client(state.path());
    let (_, backup) = ask(&client, "POST", "/secrets/key/backup").await;
    let restore = "/secrets/restore?api-version=7.4";

    let (status, _, taken) = client.ask("POST", restore, backup.clone()).await;
    assert_eq!(
        (status, &taken["error"]["message"]),
        (409, &json!("A secret with the name key already exists."))
    );
    ask(&client, "DELETE", "/secrets/key").await;
    assert_eq!(client.ask("POST", restore, backup.clone()).await.0, 409);
    ask(&client, "DELETE", "/deletedsecrets/key").await;
    assert_eq!(client.ask("POST", restore, backup).await.0, 200);
    assert_eq!(ask(&client, "GET", "/secrets/key").await.1["value"], "one");
    let (status, _, wrong) = client.ask("POST", restore, json!({"value": "e30"})).await;
    assert_eq!(
        (status, &wrong["error"]["message"]),
        (400, &json!("The backup cannot be restored: it is not one of a vault."))
    );
}

#[tokio::test]
async fn access_policies_permit_what_they_name() {
    let state = tempfile::tempdir().expect("a folder");
    let client = client(state.path());
    let identity = client.tokens.identity().clone();
    let own = |secrets: &[&str]| AccessPolicy {
        object_id: identity.object_id.clone(),
        secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
    };
    let set = |policies| {
        let settings = VaultSettings { policies: Some(policies), ..VaultSettings::default() };
        client.vaults.put("v.vault.azure.net", settings).expect("kept");
    };

    set(vec![own(&["get"])]);
    assert_eq!(ask(&client, "GET", "/secrets/key").await.0, 200);
    let (status, refused) = ask(&client, "GET", "/secrets").await;
    let message = format!(
        "The user, group or application 'appid={};oid={};iss=https://sts.windows.net/{}/' does not \
         have secrets list permission on key vault 'v'. For help resolving this issue, please see \
         https://go.microsoft.com/fwlink/?linkid=2125287",
        identity.client_id, identity.object_id, identity.tenant_id
    );
    assert_eq!((status, &refused["error"]["message"]), (403, &json!(message)));
    assert_eq!(refused["error"]["innererror"]["code"], "ForbiddenByPolicy");
    set(vec![own(&["all"])]);
    assert_eq!(ask(&client, "GET", "/secrets").await.0, 200);
}
