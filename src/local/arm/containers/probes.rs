//! The probes of a container, for the runtime.

use super::json::array;
use crate::local::runtime::{HealthProbe, ProbeRequest};
use serde_json::Value;
use std::time::Duration;

/// A probe of a body that was validated. What it leaves out is as in Kubernetes.
pub fn probe(value: &Value) -> Option<HealthProbe> {
    let http = &value["httpGet"];
    let command = array(&value["exec"]["command"]);
    let request = if http.is_object() {
        let headers = array(&http["httpHeaders"]).iter().map(|header| {
            let text = |name: &str| header[name].as_str().unwrap_or_default().to_owned();
            (text("name"), text("value"))
        });
        ProbeRequest::Http {
            path: http["path"].as_str().unwrap_or("/").to_owned(),
            port: u16::try_from(http["port"].as_u64()?).ok()?,
            headers: headers.collect(),
        }
    } else if command.is_empty() {
        return None;
    } else {
        let words = command.iter().filter_map(Value::as_str);
        ProbeRequest::Exec(words.map(str::to_owned).collect())
    };
    let seconds =
        |name: &str, default| Duration::from_secs(value[name].as_u64().unwrap_or(default));
    let count = |name: &str, default| {
        value[name].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(default)
    };
    Some(HealthProbe {
        request,
        initial_delay: seconds("initialDelaySeconds", 0),
        period: seconds("periodSeconds", 10).max(Duration::from_secs(1)),
        timeout: seconds("timeoutSeconds", 1).max(Duration::from_secs(1)),
        failures: count("failureThreshold", 3).max(1),
        successes: count("successThreshold", 1).max(1),
    })
}
