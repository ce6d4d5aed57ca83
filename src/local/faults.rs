//! Faults on demand: answers that a test wants instead of the real ones, given
//! before any service sees the request.

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{Mutex, PoisonError};

/// One fault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct InjectedFault {
    /// Only requests of this method; of any where it is empty.
    #[serde(default)]
    pub method: String,
    /// Only requests to this host; to any where it is empty.
    #[serde(default)]
    pub host: String,
    /// Only requests whose path contains this, in whatever case.
    #[serde(default)]
    pub path_contains: String,
    /// The status of the answer.
    pub status: u16,
    /// The code in its body, such as `ContainerGroupTransitioning`.
    #[serde(default)]
    pub code: String,
    /// The message in its body.
    #[serde(default)]
    pub message: String,
    /// How many requests get it.
    #[serde(default = "once")]
    pub times: u32,
    /// Seconds for `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

fn once() -> u32 {
    1
}

/// The faults that are left.
#[derive(Debug, Default)]
pub struct Faults {
    left: Mutex<Vec<InjectedFault>>,
}

impl Faults {
    /// In the order in which they are tried.
    pub fn new(faults: &[InjectedFault]) -> Self {
        Self { left: Mutex::new(faults.to_vec()) }
    }

    /// The answer that a request is to get instead of its own, if any.
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
        };
        let fault = left.iter_mut().find(meant)?;
        fault.times -= 1;
        Some(answer(fault))
    }
}

fn answer<B: From<String>>(fault: &InjectedFault) -> Response<B> {
    let body = json!({ "error": { "code": fault.code, "message": fault.message } });
    let mut response = Response::new(B::from(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
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
    use super::{Faults, InjectedFault};
    use http::Method;

    #[test]
    fn a_fault_strikes_as_often_as_it_says() {
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
}
