//! A request whose body was read.

use super::path::ResourcePath;
use super::response::ArmError;
use http::{HeaderMap, Method};
use serde_json::Value;

/// The first `api-version` of Resource Manager.
const FIRST_VERSION: &str = "2014-04-01";

#[derive(Debug)]
pub struct ArmRequest {
    pub method: Method,
    /// The host it was sent to, for URLs in responses.
    pub host: String,
    pub path: ResourcePath,
    /// The path as it was sent, for messages.
    pub raw_path: String,
    /// The parameters, with names in lower case.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl ArmRequest {
    pub fn no_such_route(&self) -> ArmError {
        ArmError::no_such_route(&self.method, &self.raw_path)
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The `api-version`, which every request must have.
    pub fn api_version(&self) -> Result<&str, ArmError> {
        let version = self.parameter("api-version").filter(|version| !version.is_empty());
        let version = version.ok_or_else(|| {
            let message =
                "The api-version query parameter (?api-version=) is required for all requests.";
            ArmError::bad("MissingApiVersionParameter", message)
        })?;
        let date = version.strip_suffix("-preview").unwrap_or(version);
        if is_date(date) && date >= FIRST_VERSION {
            return Ok(version);
        }
        let message = format!(
            "The api-version '{version}' is invalid. The supported versions are dates since \
             '{FIRST_VERSION}', such as '2025-04-01'."
        );
        Err(ArmError::bad("InvalidApiVersionParameter", message))
    }

    pub fn json(&self) -> Result<Value, ArmError> {
        let wrong = |reason: String| {
            let message = format!(
                "The request content was invalid and could not be deserialized: '{reason}'."
            );
            ArmError::bad("InvalidRequestContent", message)
        };
        let value: Value = serde_json::from_slice(&self.body)
            .or_else(|error| template_of_az(&self.body).ok_or(error))
            .map_err(|error| wrong(error.to_string()))?;
        if value.is_object() { Ok(value) } else { Err(wrong("it is not an object".to_owned())) }
    }
}

/// The body of az with a template, whose key az leaves without quotes:
/// `{"properties": {"mode": "Incremental", template:{…}}}`.
fn template_of_az(body: &[u8]) -> Option<Value> {
    let (before, template) = std::str::from_utf8(body).ok()?.split_once(", template:")?;
    serde_json::from_str(&format!("{before}, \"template\":{template}")).ok()
}

#[test]
fn template_without_quotes_is_read_as_azure_reads_it() {
    let body = br#"{"properties": {"mode": "Incremental", template:{"resources": []}}}"#;
    let read = template_of_az(body).expect("JSON");
    assert_eq!(read["properties"]["template"]["resources"], serde_json::json!([]));
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}
