//! Spans as this crate makes them, and as the exporter takes them.

use super::settings::ParentSpan;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use sha2::{Digest as _, Sha256};
use std::time::SystemTime;

/// The spans of one run.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The id of the trace, unless it is a part of another one. The same for each process of
    /// a run.
    pub id: u128,
    /// A text that no other process of the run has: the ids of spans are made of it.
    pub process: String,
    /// Each after its parent.
    pub spans: Vec<Span>,
}

/// Something that took time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    pub name: String,
    /// The index of the span that it is a part of; `None` for the first.
    pub parent: Option<usize>,
    pub start: SystemTime,
    pub end: SystemTime,
    pub attributes: Vec<(&'static str, Attribute)>,
    pub how: SpanEnd,
}

/// The value of an attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Attribute {
    Text(String),
    Number(i64),
    Flag(bool),
}

/// How a span ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SpanEnd {
    Unset,
    Ok,
    /// With the reason.
    Error(String),
}

impl Trace {
    /// The spans as the exporter takes them.
    pub fn data(&self, parent: Option<&ParentSpan>) -> Vec<SpanData> {
        let trace = TraceId::from(parent.map_or(self.id, |parent| parent.trace));
        let ids: Vec<SpanId> =
            (0..self.spans.len()).map(|index| span_id(self.id, &self.process, index)).collect();
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let data = self.spans.iter().zip(&ids).map(|(span, id)| {
            let remote = parent.filter(|_| span.parent.is_none());
            let of = span.parent.map(|index| ids[index]);
            let of = of.or(remote.map(|remote| SpanId::from(remote.span)));
            let attributes = span.attributes.iter();
            SpanData {
                span_context: SpanContext::new(
                    trace,
                    *id,
                    TraceFlags::SAMPLED,
                    false,
                    TraceState::default(),
                ),
                parent_span_id: of.unwrap_or(SpanId::INVALID),
                parent_span_is_remote: remote.is_some(),
                span_kind: SpanKind::Internal,
                name: span.name.clone().into(),
                start_time: span.start,
                end_time: span.end,
                attributes: attributes.map(|(name, value)| key_value(name, value)).collect(),
                dropped_attributes_count: 0,
                events: SpanEvents::default(),
                links: SpanLinks::default(),
                status: match &span.how {
                    SpanEnd::Unset => Status::Unset,
                    SpanEnd::Ok => Status::Ok,
                    SpanEnd::Error(why) => Status::error(why.clone()),
                },
                instrumentation_scope: scope.clone(),
            }
        });
        data.collect()
    }
}

fn key_value(name: &'static str, value: &Attribute) -> KeyValue {
    match value {
        Attribute::Text(text) => KeyValue::new(name, text.clone()),
        Attribute::Number(number) => KeyValue::new(name, *number),
        Attribute::Flag(flag) => KeyValue::new(name, *flag),
    }
}

fn span_id(trace: u128, process: &str, index: usize) -> SpanId {
    let hash = Sha256::digest(format!("{trace:032x} {process} {index}"));
    let bytes = hash.first_chunk::<8>().expect("SHA-256 has 32 bytes");
    SpanId::from_bytes(*bytes)
}
