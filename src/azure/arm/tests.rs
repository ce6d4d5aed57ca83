//! Requests to a fake of Resource Manager, and which of its error codes are retried.

use super::{ArmError, ArmRequest, Refusal, Verb};
use crate::azure::fake::{FakeAzure, Reply, shown};
use crate::http::{RequestId, Retry, Retryable as _};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::Duration;

const PATH: &str = "/subscriptions/s/resourceGroups/r/providers/Microsoft.X/things/t";
const GET: &str =
    "GET management.azure.com/subscriptions/s/resourceGroups/r/providers/Microsoft.X/things/t";
const PUT: &str =
    "PUT management.azure.com/subscriptions/s/resourceGroups/r/providers/Microsoft.X/things/t";
const OPERATION: &str = "https://management.azure.com/operations/1?api-version=2018-06-01";
const POLL: &str = "GET management.azure.com/operations/1";

fn put(body: &Value) -> ArmRequest<'_> {
    ArmRequest { verb: Verb::Put, path: PATH, api_version: "2023-05-01", body: Some(body) }
}

/// The error for a response with this status, code and message.
fn refused(status: u16, code: &str, message: &str) -> ArmError {
    let body = json!({ "error": { "code": code, "message": message } }).to_string();
    let refusal = Refusal::read(status, body.as_bytes(), None);
    ArmError::Refused(Box::new(Refusal { path: PATH.into(), ..refusal }))
}

#[tokio::test]
async fn a_request_names_its_version_and_carries_the_token() {
    let fake = FakeAzure::script(vec![(GET, vec![Reply::new(200, r#"{"name":"t"}"#)])]).await;

    let got: Value = fake.arm().get(PATH, "2023-05-01").await.expect("a thing");

    assert_eq!(got["name"], "t");
    let asked = fake.requests().pop().expect("a request");
    assert_eq!(asked.query, "api-version=2023-05-01");
    assert_eq!(asked.headers["authorization"], "Bearer the-token");
}

#[tokio::test]
async fn a_missing_resource_is_none() {
    let body = r#"{"error":{"code":"ResourceNotFound","message":"gone"}}"#;
    let fake = FakeAzure::script(vec![(GET, vec![Reply::new(404, body)])]).await;

    let found: Option<Value> = fake.arm().find(PATH, "2023-05-01").await.expect("an answer");
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let fake =
        FakeAzure::script(vec![(GET, vec![Reply::new(401, "{}"), Reply::new(200, "{}")])]).await;

    fake.arm().get::<Value>(PATH, "2023-05-01").await.expect("an answer");

    let tokens = fake.requests().iter().filter(|asked| asked.to.ends_with("/token")).count();
    assert_eq!(tokens, 2);
}

#[tokio::test]
async fn all_pages_are_read_from_the_same_host_only() {
    let list = "GET management.azure.com/subscriptions";
    let more = "https://management.azure.com:443/subscriptions?page=2";
    let fake = FakeAzure::script(vec![(
        list,
        vec![
            Reply::json(200, &json!({ "value": [1], "nextLink": more })),
            Reply::json(200, &json!({ "value": [2] })),
            Reply::json(200, &json!({ "value": [], "nextLink": "https://evil.example/?x=1" })),
        ],
    )])
    .await;

    let all: Vec<i32> = fake.arm().list("/subscriptions", "2022-12-01").await.expect("a list");
    assert_eq!(all, [1, 2]);

    let error = fake.arm().list::<i32>("/subscriptions", "2022-12-01").await.expect_err("foreign");
    assert_eq!(
        shown(&error),
        "the token for `management.azure.com` must not be sent to https://evil.example/\n\
         help: something between here and Azure rewrites its answers, or the endpoint given for \
         Resource Manager is another service's"
    );
}

#[tokio::test]
async fn an_operation_is_polled_at_the_url_that_the_server_names() {
    let fake = FakeAzure::script(vec![
        (PUT, vec![Reply::new(201, "{}").with("Azure-AsyncOperation", OPERATION)]),
        (
            POLL,
            vec![
                Reply::new(200, r#"{"status":"Pending"}"#),
                Reply::new(200, r#"{"status":"Creating"}"#),
                Reply::new(200, r#"{"status":"SUCCEEDED"}"#),
            ],
        ),
    ])
    .await;
    let arm = fake.arm();
    let seen = Mutex::new(Vec::new());

    let begun = arm.call(&put(&json!({}))).await.expect("begun");
    arm.finish(&begun, |status| seen.lock().expect("no panic").push(status.to_owned()))
        .await
        .expect("done");

    assert_eq!(*seen.lock().expect("no panic"), ["Pending", "Creating"]);
    assert_eq!(fake.requests().pop().expect("a poll").query, "api-version=2018-06-01");
    assert_eq!(fake.log(), format!("{PUT} -> 201\n{POLL} -> 200\n{POLL} -> 200\n{POLL} -> 200\n"));
}

#[tokio::test]
async fn transient_errors_do_not_fail_an_operation() {
    let busy = || Reply::new(503, "{}");
    let fake = FakeAzure::script(vec![
        (PUT, vec![Reply::new(200, "{}").with("Azure-AsyncOperation", OPERATION)]),
        (POLL, vec![busy(), busy(), Reply::new(200, r#"{"status":"Succeeded"}"#)]),
    ])
    .await;
    let arm = fake.arm();

    let begun = arm.call(&put(&json!({}))).await.expect("begun");
    arm.finish(&begun, |_| {}).await.expect("done");
}

#[tokio::test]
async fn an_operation_of_another_host_is_not_polled() {
    let link = "https://management.azure.com.evil.example/operations/1";
    let fake = FakeAzure::script(vec![(
        PUT,
        vec![Reply::new(201, "{}").with("Azure-AsyncOperation", link)],
    )])
    .await;
    let arm = fake.arm();

    let begun = arm.call(&put(&json!({}))).await.expect("begun");
    let error = arm.finish(&begun, |_| {}).await.expect_err("foreign");

    assert!(matches!(error, ArmError::Foreign { .. }), "{error}");
    assert_eq!(fake.log(), format!("{PUT} -> 201\n"));
}

#[tokio::test]
async fn a_failed_operation_shows_its_error() {
    let failed = json!({
        "status": "Failed",
        "error": { "code": "InaccessibleImage", "message": "The image 'x' is not accessible." },
    });
    let fake = FakeAzure::script(vec![
        (PUT, vec![Reply::new(201, "{}").with("Azure-AsyncOperation", OPERATION)]),
        (POLL, vec![Reply::json(200, &failed)]),
    ])
    .await;
    let arm = fake.arm();

    let begun = arm.call(&put(&json!({}))).await.expect("begun");
    let error = arm.finish(&begun, |_| {}).await.expect_err("failed");

    assert_eq!(
        error.to_string(),
        "the operation failed at management.azure.com with `InaccessibleImage`: The image 'x' is not accessible"
    );
    assert!(error.help().expect("help").starts_with("Azure cannot pull the image"));
}

#[tokio::test]
async fn without_an_operation_url_location_and_status_are_polled() {
    let fake = FakeAzure::script(vec![
        (PUT, vec![Reply::new(202, "").with("Location", OPERATION)]),
        (POLL, vec![Reply::new(202, ""), Reply::new(204, "")]),
    ])
    .await;
    let arm = fake.arm();

    let begun = arm.call(&put(&json!({}))).await.expect("begun");
    arm.finish(&begun, |_| {}).await.expect("done");

    assert_eq!(fake.log(), format!("{PUT} -> 202\n{POLL} -> 202\n{POLL} -> 204\n"));
}

#[test]
fn error_bodies_are_read_in_each_documented_shape() {
    let read = |body: &str| Refusal::read(400, body.as_bytes(), None).to_string();

    let inner = r#"{"Error":{"Code":"Forbidden","Message":"No.","InnerError":{"code":"ByRbac"}}}"#;
    assert_eq!(read(inner), "Azure answered 400 `Forbidden`: No; `ByRbac`");
    assert_eq!(read(r#"{"code":"A","message":"b"}"#), "Azure answered 400 `A`: b");
    let details = r#"{"error":{"code":"A","message":"b","details":[{"code":"C","message":"d."}]}}"#;
    assert_eq!(read(details), "Azure answered 400 `A`: b; `C`: d");
    assert_eq!(read("<html>oops</html>"), "Azure answered 400: <html>oops</html>");
    assert_eq!(read(""), "Azure answered 400");
    let traced = Refusal::read(500, b"", RequestId::find(|_| Some("4-2")));
    assert_eq!(traced.to_string(), "Azure answered 500 (request id 4-2)");
}

#[test]
fn transient_errors_are_retried() {
    let class = |status, code, message| refused(status, code, message).retry();
    let seconds = |seconds| Retry::After(Duration::from_secs(seconds));

    assert_eq!(class(409, "ContainerGroupTransitioning", ""), seconds(10));
    assert_eq!(class(409, "ServiceUnavailable", "not available in the location"), Retry::Backoff);
    // The same code for a subscription whose quota is zero: waiting does not help.
    let no_quota = "quota 'ContainerGroups' exceeded. Limit: '0'";
    assert_eq!(class(409, "ServiceUnavailable", no_quota), Retry::Never);
    assert_eq!(class(409, "ContainerGroupQuotaReached", "quota 'StandardCores'"), seconds(30));
    assert_eq!(class(409, "AlreadyInUse", ""), Retry::Never);
    assert_eq!(class(400, "PrincipalNotFound", ""), Retry::Backoff);
    assert_eq!(class(400, "RegistryErrorResponse", ""), Retry::Backoff);
    for status in [408, 429, 500, 502, 503, 504] {
        assert_eq!(class(status, "", ""), Retry::Backoff, "{status}");
    }
    for status in [400, 401, 403, 404, 405, 409, 410, 412, 422] {
        assert_eq!(class(status, "Whatever", ""), Retry::Never, "{status}");
    }
    let throttled =
        Refusal { status: 429, retry_after: Some(Duration::from_secs(17)), ..Refusal::default() };
    assert_eq!(ArmError::Refused(Box::new(throttled)).retry(), seconds(17));
}
