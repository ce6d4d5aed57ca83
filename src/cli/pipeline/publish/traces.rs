//! A run as spans of OpenTelemetry: the run, its steps, and the attempts of a step that had
//! several.
//!
//! The attributes are those of the semantic conventions for
//! [CI/CD](https://opentelemetry.io/docs/specs/semconv/cicd/), as far as they have a name;
//! the others begin with `shipway.`.

use crate::event::{Outcome, OutputName, RunFinished, Status};
use crate::http::Client;
use crate::journal::RunId;
use crate::otlp::{Attribute, OtlpError, OtlpSettings, Span, SpanEnd, Trace, export};
use crate::report::{StepProgress, StepView, View};
use crate::resolve::HostEnvironment;
use crate::run::outcome::chain_of;
use crate::run::perform::retry;
use std::time::{Duration, SystemTime};

/// Sends the spans of a run where the environment names a collector. Returns a warning if
/// they could not be sent. A dry run sends nothing.
pub async fn send(
    http: &Client,
    host: &HostEnvironment,
    view: &View,
    finished: &RunFinished,
) -> Option<String> {
    let is_real = view.started.as_ref().is_some_and(|started| !started.dry_run);
    if !is_real {
        return None;
    }
    let sent = async {
        let Some(settings) = OtlpSettings::read(&host.env)? else { return Ok(()) };
        let Some(trace) = trace(view, finished) else { return Ok(()) };
        retry(|| export(http, &settings, &trace)).await
    };
    let error: OtlpError = sent.await.err()?;
    Some(format!("the spans of the run were not sent: {}", chain_of(&error).join(": ")))
}

/// The spans of this process of the run. `None` before its first event.
fn trace(view: &View, finished: &RunFinished) -> Option<Trace> {
    let started = view.started.as_ref()?;
    let began: SystemTime = started.started.parse::<jiff::Timestamp>().ok()?.into();
    let mut spans = vec![Span {
        name: started.plan.clone(),
        parent: None,
        start: began,
        end: began + view.at,
        attributes: attributes_of_run(view, finished),
        how: how_it_ended(finished),
    }];
    for step in &view.steps {
        // A step that was not started took no time.
        let Some(start) = step.began else { continue };
        let StepProgress::Finished { outcome, took } = &step.state else { continue };
        if matches!(outcome, Outcome::Skipped { .. } | Outcome::AlreadyDone) {
            continue;
        }
        let parent = spans.len();
        spans.push(Span {
            name: step.planned.id.to_string(),
            parent: Some(0),
            start: began + start,
            end: began + start + *took,
            attributes: attributes_of_step(step, outcome),
            how: how_step_ended(outcome),
        });
        spans.extend(attempts(step, outcome, began, parent));
    }
    let id = RunId::existing(&started.run).number()?;
    Some(Trace { id, process: started.started.clone(), spans })
}

/// The attempts of a step that had more than one.
fn attempts(step: &StepView, outcome: &Outcome, began: SystemTime, parent: usize) -> Vec<Span> {
    let StepProgress::Finished { took, .. } = step.state else { return Vec::new() };
    let Some(first) = step.began.filter(|_| !step.failed_attempts.is_empty()) else {
        return Vec::new();
    };
    let mut start = first;
    let mut spans = Vec::new();
    let span = |number: usize, start: Duration, end: Duration, how| Span {
        name: format!("attempt {number}"),
        parent: Some(parent),
        start: began + start,
        end: began + end.max(start),
        attributes: Vec::new(),
        how,
    };
    for (failed, number) in step.failed_attempts.iter().zip(1..) {
        spans.push(span(number, start, failed.ended, SpanEnd::Error(failed.why.clone())));
        start = failed.next;
    }
    let last = spans.len() + 1;
    spans.push(span(last, start, first + took, how_step_ended(outcome)));
    spans
}

fn attributes_of_run(view: &View, finished: &RunFinished) -> Vec<(&'static str, Attribute)> {
    let Some(started) = &view.started else { return Vec::new() };
    let text = |value: &str| Attribute::Text(value.to_owned());
    let result = match finished.status {
        Status::Succeeded => "success",
        Status::Failed => "failure",
        Status::Skipped => "skip",
        Status::Cancelled => "cancellation",
    };
    let mut attributes = vec![
        ("cicd.pipeline.name", text(&started.plan)),
        ("cicd.pipeline.run.id", text(&started.run)),
        ("cicd.pipeline.result", text(result)),
        ("shipway.exit-code", Attribute::Number(finished.exit_code.into())),
        ("shipway.resumed", Attribute::Flag(finished.is_resumed)),
    ];
    let known = [
        ("cicd.pipeline.run.url.full", &started.origin.run_url),
        ("deployment.environment.name", &started.environment),
        ("vcs.ref.head.revision", &started.origin.commit),
    ];
    for (name, value) in known {
        attributes.extend(value.as_ref().map(|value| (name, text(value))));
    }
    attributes
}

fn attributes_of_step(step: &StepView, outcome: &Outcome) -> Vec<(&'static str, Attribute)> {
    let text = |value: &str| Attribute::Text(value.to_owned());
    let result = match outcome {
        Outcome::Succeeded | Outcome::AlreadyDone => "success",
        Outcome::Failed { .. } => "failure",
        Outcome::TimedOut { .. } => "timeout",
        Outcome::Skipped { .. } => "skip",
        Outcome::Cancelled => "cancellation",
    };
    let mut attributes = vec![
        ("cicd.pipeline.task.name", text(&step.planned.title)),
        ("cicd.pipeline.task.run.result", text(result)),
        ("shipway.action", text(&step.planned.action)),
        ("shipway.tolerated", Attribute::Flag(is_tolerated(outcome))),
    ];
    let outputs = [("oci.manifest.digest", OutputName::Digest), ("url.full", OutputName::Url)];
    for (name, output) in outputs {
        attributes.extend(step.outputs.get(output).map(|value| (name, text(value))));
    }
    attributes
}

fn is_tolerated(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Failed { tolerated: true, .. } | Outcome::TimedOut { tolerated: true, .. }
    )
}

fn how_it_ended(finished: &RunFinished) -> SpanEnd {
    match finished.status {
        Status::Succeeded => SpanEnd::Ok,
        Status::Skipped | Status::Cancelled => SpanEnd::Unset,
        Status::Failed => {
            let failures = finished.services.iter().filter_map(|service| service.failure.as_ref());
            let why: Vec<String> = failures
                .map(|(step, failure)| {
                    let why = failure.chain.first().map(String::as_str).unwrap_or_default();
                    format!("{step}: {why}")
                })
                .collect();
            SpanEnd::Error(why.join("; "))
        }
    }
}

fn how_step_ended(outcome: &Outcome) -> SpanEnd {
    match outcome {
        Outcome::Succeeded | Outcome::AlreadyDone => SpanEnd::Ok,
        Outcome::Failed { failure, .. } | Outcome::TimedOut { failure, .. } => {
            SpanEnd::Error(failure.chain.join(": "))
        }
        Outcome::Skipped { .. } | Outcome::Cancelled => SpanEnd::Unset,
    }
}
