//! Injected faults: responses that a test asks for, sent before any service sees
//! the request.

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{Mutex, PoisonError};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct InjectedFault {
    /// The method of the requests that fail. Empty for any.
    #[serde(default)]
    pub method: String,
    /// The host of the requests that fail. Empty for any.
    #[serde(default)]
    pub host: String,
    /// What the path of the requests contains, ignoring case.
    #[serde(default)]
    pub path_contains: String,
    /// What the path of the requests ends with, ignoring case, without its query.
    #[serde(default)]
    pub path_ends: String,
    /// The status of the response.
    #[serde(default)]
    pub status: u16,
    /// Whether the connection is closed instead of an answer.
    #[serde(default)]
    pub reset: bool,
    /// How many such requests are answered before the first fails.
    #[serde(default)]
    pub skip: u32,
    /// The error code in the body, such as `ContainerGroupTransitioning`.
    #[serde(default)]
    pub code: String,
    /// The error message in the body.
    #[serde(default)]
    pub message: String,
    /// How many requests fail.
    #[serde(default = "once")]
    pub times: u32,
    /// `Retry-After` in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

fn once() -> u32 {
    1
}

/// Marks a response that is not sent: its connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionReset;

/// The faults that have not been used up.
#[derive(Debug, Default)]
pub struct Faults {
    left: Mutex<Vec<InjectedFault>>,
}

impl Faults {
    /// The first fault that matches a request is used.
    pub fn new(faults: &[InjectedFault]) -> Self {
        Self { left: Mutex::new(faults.to_vec()) }
    }

    /// The response of the first matching fault, which is used up by one.
    pub fn take<B: From<String>>(
        &self,
        method: &Method,
        host: &str,
        path: &str,
    ) -> Option<Response<B>> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let path = path.to_ascii_lowercase();
        let meant = |fault: &&mut InjectedFault| {
            fault.times > 0
                && (fault.method.is_empty() || fault.method.eq_ignore_ascii_case(method.as_str()))
                && (fault.host.is_empty() || fault.host.eq_ignore_ascii_case(host))
                && path.contains(&fault.path_contains.to_ascii_lowercase())
                && path.ends_with(&fault.path_ends.to_ascii_lowercase())
        };
        let fault = left.iter_mut().find(meant)?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        Some(answer(fault, host))
    }
}

fn answer<B: From<String>>(fault: &InjectedFault, host: &str) -> Response<B> {
    let body = match host {
        "api.github.com" => json!({ "message": fault.message }),
        host if host.starts_with("login.") => {
            let number = fault.code.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            json!({
                "error": "invalid_request",
                "error_description": format!("{}: {}", fault.code, fault.message),
                "error_codes": number.parse::<u32>().into_iter().collect::<Vec<_>>(),
            })
        }
        _ => json!({ "error": { "code": fault.code, "message": fault.message } }),
    };
    let mut response = Response::new(B::from(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if fault.reset {
        response.extensions_mut().insert(ConnectionReset);
    }
    let headers = response.headers_mut();
    headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(seconds) = fault.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::{ConnectionReset, Faults, InjectedFault};
    use http::Method;

    #[test]
    fn a_fault_is_used_the_given_number_of_times() {
        let text = r#"{"method": "put", "path-contains": "/containerGroups/", "status": 409,
                       "code": "ContainerGroupTransitioning", "times": 2, "retry-after": 1}"#;
        let fault: InjectedFault = serde_json::from_str(text).expect("a fault");
        let faults = Faults::new(&[fault]);
        let take = |method: Method, path: &str| {
            faults.take::<String>(&method, "management.azure.com", path)
        };

        assert!(take(Method::GET, "/containergroups/x").is_none());
        let answer = take(Method::PUT, "/containergroups/x").expect("the first");
        assert_eq!(answer.status(), 409);
        assert_eq!(answer.headers()["retry-after"], "1");
        let body = r#"{"error":{"code":"ContainerGroupTransitioning","message":""}}"#;
        assert_eq!(answer.body(), body);
        assert!(take(Method::PUT, "/containerGroups/y").is_some(), "the second");
        assert!(take(Method::PUT, "/containerGroups/y").is_none(), "no third");
    }

    #[test]
    fn path_that_goes_on_is_another() {
        let text = r#"{"path-ends": "/registries", "status": 503}"#;
        let faults = Faults::new(&[serde_json::from_str(text).expect("a fault")]);
        let take = |path: &str| faults.take::<String>(&Method::GET, "demo.azurecr.io", path);

        assert!(take("/Registries/demo").is_none());
        assert!(take("/Registries").is_some());
    }

    #[test]
    fn requests_before_the_fault_are_answered() {
        let fault = serde_json::from_str(r#"{"reset": true, "skip": 1}"#).expect("a fault");
        let faults = Faults::new(&[fault]);
        let take = || faults.take::<String>(&Method::GET, "demo.azurecr.io", "/v2/");

        assert!(take().is_none(), "the first");
        let answer = take().expect("the second");
        assert!(answer.extensions().get::<ConnectionReset>().is_some());
        assert!(take().is_none(), "the third");
    }
}
