//! A client of OpenTelemetry collectors: sends what was done and when, as spans, over
//! OTLP/HTTP.
//!
//! The variables that configure it are those of the OpenTelemetry specification,
//! "OpenTelemetry Protocol Exporter" and "Environment Variable Specification". Nothing is
//! sent unless they name an endpoint.

mod error;
mod sender;
mod settings;
mod span;
#[cfg(test)]
mod tests;

pub use error::OtlpError;
pub use settings::OtlpSettings;
pub use span::{Attribute, Span, SpanEnd, Trace};

use crate::http::Client;
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use sender::Sender;

/// The name under which the spans are found, unless `OTEL_SERVICE_NAME` gives another one.
const SERVICE_NAME: &str = "shipway";

/// Sends the spans of a trace in one request.
pub async fn export(
    http: &Client,
    settings: &OtlpSettings,
    trace: &Trace,
) -> Result<(), OtlpError> {
    let sender = Sender::new(http.clone());
    let built = SpanExporter::builder()
        .with_http()
        .with_http_client(sender.clone())
        .with_endpoint(settings.endpoint.as_str())
        .with_headers(settings.headers.clone())
        // That is left to the caller, who can be stopped.
        .with_retry_policy(RetryPolicy::disabled())
        .build();
    let mut exporter = built.map_err(|source| OtlpError::Settings(source.to_string()))?;
    let mut resource = Resource::builder();
    if !settings.names_service {
        resource = resource.with_service_name(SERVICE_NAME);
    }
    exporter.set_resource(&resource.build());
    let sending = exporter.export(trace.data(settings.parent.as_ref()));
    let Ok(sent) = tokio::time::timeout(settings.timeout, sending).await else {
        let host = settings.endpoint.host_str().unwrap_or_default().to_owned();
        return Err(OtlpError::TimedOut { host, limit: settings.timeout });
    };
    match (sent, sender.failure()) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(failure)) => Err(OtlpError::Send(Box::new(failure))),
        (Err(other), None) => Err(OtlpError::Encode(other.to_string())),
    }
}
