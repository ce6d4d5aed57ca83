//! Makes a fault happen: the one place between the clients and every service.

use super::body::{cut, refusal, with_failed_state};
use super::fault::{Effect, FaultAnswer};
use super::list::{Failure, Faults};
use axum::body::Body;
use http::{Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Body as _;
use serde_json::json;

/// Marks a response that is not sent: its connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionReset;

/// The header that names the operation of a change.
const OPERATION: &str = "azure-asyncoperation";

/// Who asks for what.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    host: String,
    path: String,
}

/// The answer of a service to a request, or what a fault makes of both.
pub async fn answered<F>(
    faults: &Faults,
    host: &str,
    request: Request<Body>,
    serve: impl FnOnce(Request<Body>) -> F,
) -> Response<Body>
where
    F: Future<Output = Response<Body>>,
{
    let asked = Asked {
        method: request.method().clone(),
        host: host.to_owned(),
        path: request.uri().path().to_owned(),
    };
    let Some(meeting) = faults.take(&asked.method, host, &asked.path) else {
        return passed_on(faults, &asked, request, serve).await;
    };
    tokio::time::sleep(meeting.delay).await;
    match meeting.effect {
        Effect::None => passed_on(faults, &asked, request, serve).await,
        Effect::Answer(answer) => refusal(&asked.host, &asked.path, &answer),
        Effect::Reset => reset(),
        Effect::Cut if request.body().is_end_stream() => {
            let answer = passed_on(faults, &asked, request, serve).await;
            if answer.body().is_end_stream() { reset() } else { answer.map(cut) }
        }
        Effect::Cut => {
            // What has arrived stays, as with a connection that breaks.
            drop(passed_on(faults, &asked, request.map(cut), serve).await);
            reset()
        }
        Effect::Failed { code } => {
            let answer = passed_on(faults, &asked, request, serve).await;
            let message = format!("a rehearsed fault, `{}`", meeting.rule);
            if answer.status().is_success() {
                let operation = answer.headers().get(OPERATION);
                let operation = operation.and_then(|url| url.to_str().ok()?.parse::<Uri>().ok());
                let operation = operation.as_ref().map(Uri::path);
                faults.fail(operation, &asked.path, &Failure { code, message });
            }
            answer
        }
    }
}

/// The answer of the service, unless an earlier fault concerns what is asked for.
async fn passed_on<F>(
    faults: &Faults,
    asked: &Asked,
    request: Request<Body>,
    serve: impl FnOnce(Request<Body>) -> F,
) -> Response<Body>
where
    F: Future<Output = Response<Body>>,
{
    if asked.method != Method::GET {
        faults.changed(&asked.path);
        return serve(request).await;
    }
    if let Some(failure) = faults.failed_operation(&asked.path) {
        return failed_operation(&failure);
    }
    let answer = serve(request).await;
    if faults.has_failed(&asked.path) { with_failed_state(answer).await } else { answer }
}

fn failed_operation(failure: &Failure) -> Response<Body> {
    let error = json!({ "code": failure.code, "message": failure.message });
    let body = json!({ "status": "Failed", "error": error });
    let mut answer = Response::new(Body::from(body.to_string()));
    let json = http::HeaderValue::from_static("application/json; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

fn reset() -> Response<Body> {
    let mut answer = refusal(
        "",
        "",
        &FaultAnswer {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: String::new(),
            message: String::new(),
            retry_after: None,
        },
    );
    answer.extensions_mut().insert(ConnectionReset);
    answer
}

#[cfg(test)]
mod tests {
    use super::{ConnectionReset, answered};
    use crate::local::faults::{FaultRule, Faults};
    use crate::local::news::Teller;
    use axum::body::Body;
    use http::{Request, Response, StatusCode};
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use std::time::Duration;
    use tempfile::TempDir;

    const GROUP: &str = "/providers/Microsoft.ContainerInstance/containerGroups/web";

    fn faults(rules: &[&str]) -> (TempDir, Faults) {
        let state = tempfile::tempdir().expect("a folder");
        let faults = Faults::open(state.path(), [], Teller::default()).expect("opened");
        let rules = rules.iter().map(|rule| rule.parse().expect("a rule"));
        faults.add(&rules.collect::<Vec<FaultRule>>());
        (state, faults)
    }

    /// A service that accepts every change and says how many bytes it got.
    async fn service(request: Request<Body>) -> Response<Body> {
        let whole = match request.into_body().collect().await {
            Ok(body) => body.to_bytes().len().to_string(),
            Err(_) => "broken off".to_owned(),
        };
        let body =
            format!(r#"{{"got":"{whole}","properties":{{"provisioningState":"Succeeded"}}}}"#);
        let operation = "https://management.azure.com/operations/1?api-version=1";
        let answer = Response::builder().header("azure-asyncoperation", operation);
        answer.body(Body::from(body)).expect("an answer")
    }

    async fn ask(faults: &Faults, method: &str, path: &str) -> Response<Body> {
        let body = if method == "GET" { Body::empty() } else { Body::from("12345678") };
        let request = Request::builder().method(method).uri(path).body(body).expect("a request");
        answered(faults, "management.azure.com", request, service).await
    }

    async fn text(answer: Response<Body>) -> String {
        let body = answer.into_body().collect().await.expect("a whole body").to_bytes();
        String::from_utf8(body.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn answer_of_a_fault_says_which_it_is() {
        let (_state, faults) = faults(&["PUT containerGroups: 409 Busy retry-after 7 x1"]);
        let answer = ask(&faults, "PUT", GROUP).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        assert_eq!(answer.headers()["retry-after"], "7");
        assert_eq!(
            text(answer).await,
            r#"{"error":{"code":"Busy","message":"a rehearsed fault, `PUT containerGroups: 409 Busy retry-after 7 x1`"}}"#
        );
        let second = text(ask(&faults, "PUT", GROUP).await).await;
        assert!(second.starts_with(r#"{"got":"8","#), "{second}");
    }

    #[tokio::test(start_paused = true)]
    async fn delayed_request_is_answered_later() {
        let (_state, faults) = faults(&["GET *: delay 3s"]);
        let begun = tokio::time::Instant::now();
        let answer = text(ask(&faults, "GET", GROUP).await).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        assert!(answer.starts_with(r#"{"got":"0","#), "{answer}");
    }

    #[tokio::test]
    async fn reset_and_a_cut_upload_have_no_answer() {
        let (_state, faults) = faults(&["GET *: reset", "PATCH *: cut"]);
        for method in ["GET", "PATCH"] {
            let answer = ask(&faults, method, GROUP).await;
            assert!(answer.extensions().get::<ConnectionReset>().is_some(), "{method}");
        }
    }

    #[tokio::test]
    async fn cut_answer_breaks_off() {
        let (_state, faults) = faults(&["GET *: cut"]);
        let answer = ask(&faults, "GET", GROUP).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().collect().await.expect_err("it breaks off");
    }

    #[tokio::test]
    async fn failed_operation_and_its_resource_say_so_until_the_next_change() {
        let (_state, faults) = faults(&["PUT containerGroups: failed InaccessibleImage x1"]);
        let state = async |path: &str, member: &str| {
            let body = text(ask(&faults, "GET", path).await).await;
            let body: Value = serde_json::from_str(&body).expect("JSON");
            body.pointer(member).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let accepted = ask(&faults, "PUT", GROUP).await;
        assert_eq!(accepted.status(), StatusCode::OK);

        assert_eq!(state("/operations/1", "/status").await, "Failed");
        assert_eq!(state("/operations/1", "/error/code").await, "InaccessibleImage");
        assert_eq!(state(GROUP, "/properties/provisioningState").await, "Failed");
        ask(&faults, "PUT", GROUP).await;
        assert_eq!(state(GROUP, "/properties/provisioningState").await, "Succeeded");
    }
}
