//! Where spans go, as the environment says.

use super::error::OtlpError;
use percent_encoding::percent_decode_str;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use url::Url;

/// How long the collector may take to answer, unless `OTEL_EXPORTER_OTLP_TIMEOUT` says
/// otherwise: the specification's default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans are sent.
#[derive(Clone, Debug)]
pub struct OtlpSettings {
    /// Of the traces, such as `http://localhost:4318/v1/traces`.
    pub endpoint: Url,
    /// Sent with each request. They may hold a credential.
    pub headers: HashMap<String, String>,
    pub timeout: Duration,
    /// Whether the environment names the service that the spans are of.
    pub names_service: bool,
    /// The span that the run is a part of, if its caller named one in `TRACEPARENT`.
    pub parent: Option<ParentSpan>,
}

/// A span of another program, as [Trace Context](https://www.w3.org/TR/trace-context/)
/// writes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParentSpan {
    pub trace: u128,
    pub span: u64,
}

impl OtlpSettings {
    /// Reads the settings; `None` where nothing is to be sent.
    pub fn read(env: &BTreeMap<String, String>) -> Result<Option<Self>, OtlpError> {
        let variable = |name: &str| env.get(name).filter(|value| !value.is_empty());
        let is_off = variable("OTEL_SDK_DISABLED")
            .is_some_and(|it| it.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|it| it == "none");
        // The variable of traces alone comes before that of all signals.
        let either = |rest: &str| {
            [format!("OTEL_EXPORTER_OTLP_TRACES_{rest}"), format!("OTEL_EXPORTER_OTLP_{rest}")]
                .into_iter()
                .find_map(|name| Some((variable(&name)?.clone(), name)))
        };
        let Some((address, name)) = either("ENDPOINT").filter(|_| !is_off) else {
            return Ok(None);
        };
        let wrong = |variable: &str, value: &str, why| OtlpError::Variable {
            variable: variable.to_owned(),
            value: value.to_owned(),
            why,
        };
        let url = Url::parse(&address).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        let why = "it has to be the URL of a collector, such as `http://localhost:4318`";
        let mut endpoint = url.ok_or_else(|| wrong(&name, &address, why))?;
        if !name.contains("_TRACES_") {
            let path = format!("{}/v1/traces", endpoint.path().trim_end_matches('/'));
            endpoint.set_path(&path);
        }
        if let Some((protocol, name)) = either("PROTOCOL")
            && protocol != "http/protobuf"
        {
            return Err(wrong(&name, &protocol, "only `http/protobuf` is supported"));
        }
        let timeout = match either("TIMEOUT") {
            None => DEFAULT_TIMEOUT,
            Some((millis, name)) => {
                let why = "it has to be a number of milliseconds";
                let millis = millis.trim().parse().map_err(|_| wrong(&name, &millis, why))?;
                Duration::from_millis(millis)
            }
        };
        let headers = either("HEADERS").map(|(list, _)| headers(&list)).unwrap_or_default();
        let named = variable("OTEL_RESOURCE_ATTRIBUTES");
        Ok(Some(Self {
            endpoint,
            headers,
            timeout,
            names_service: variable("OTEL_SERVICE_NAME").is_some()
                || named.is_some_and(|list| list.contains("service.name=")),
            parent: variable("TRACEPARENT").and_then(|text| ParentSpan::parse(text)),
        }))
    }
}

impl ParentSpan {
    /// Reads `VERSION-TRACE-SPAN-FLAGS`. Text that is none of it is ignored, as the
    /// specification demands.
    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.trim().split('-').collect();
        let [version, trace, span, _flags, ..] = parts.as_slice() else { return None };
        let is_hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if !is_hex(version, 2) || !is_hex(trace, 32) || !is_hex(span, 16) {
            return None;
        }
        let parent = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
        };
        (parent.trace != 0 && parent.span != 0).then_some(parent)
    }
}

/// Reads `NAME=VALUE,NAME=VALUE`, whose values are percent-encoded.
fn headers(list: &str) -> HashMap<String, String> {
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| {
            let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
            (name.trim().to_owned(), value)
        })
        .collect()
}
