//! How a test describes a fault, in the file of `--world`.

use super::fault::{Effect, Fault, FaultAnswer, Requests};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::Duration;

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

impl From<&InjectedFault> for Fault {
    fn from(fault: &InjectedFault) -> Self {
        let any = |text: &str| if text.is_empty() { "*".to_owned() } else { text.to_owned() };
        let place = format!("{}{}{}", fault.host, fault.path_contains, fault.path_ends);
        let status = StatusCode::from_u16(fault.status);
        let what = if fault.reset { "reset".to_owned() } else { fault.status.to_string() };
        let rule = format!("{} {}: {what} {}", fault.method, any(&place), fault.code);
        let effect = if fault.reset {
            Effect::Reset
        } else {
            Effect::Answer(FaultAnswer {
                status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                code: fault.code.clone(),
                message: fault.message.clone(),
                retry_after: fault.retry_after,
            })
        };
        Self {
            rule: rule.trim().to_owned(),
            requests: Requests {
                method: fault.method.clone(),
                host: fault.host.to_ascii_lowercase(),
                path_contains: fault.path_contains.to_ascii_lowercase(),
                path_ends: fault.path_ends.to_ascii_lowercase(),
                ..Requests::default()
            },
            delay: Duration::ZERO,
            effect,
            after: fault.skip,
            times: Some(fault.times),
        }
    }
}
