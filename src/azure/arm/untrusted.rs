//! Entry points for the fuzz targets: errors and operations of Resource Manager.

use super::client::ArmResponse;
use super::error::ArmError;
use super::operation::ended;
use super::refusal::Refusal;
use crate::http::Retryable as _;
use serde_json::Value;
use url::Url;

const PATH: &str = "/subscriptions/s/resourceGroups/r/providers/Microsoft.App/containerApps/web";

/// The words for an error response, and its remedy.
pub fn refusal(status: u16, body: &[u8]) -> [String; 2] {
    let refusal = Refusal { path: PATH.to_owned(), ..Refusal::read(status, body, None) };
    words(&ArmError::Refused(Box::new(refusal)))
}

/// The same for an operation that ended in an error.
pub fn operation(status: u16, body: &Value) -> [String; 2] {
    let url = Url::parse("https://management.azure.com/subscriptions/s/operations/1");
    let (operation, location, retry_after) = (None, None, None);
    let body = body.clone();
    let poll = ArmResponse { status, body, operation, location, retry_after };
    words(&ended(&url.expect("a URL"), &poll))
}

fn words(error: &ArmError) -> [String; 2] {
    [format!("{error} {:?}", error.retry()), error.help().unwrap_or_default()]
}
