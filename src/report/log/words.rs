//! The text of each event for people. The reporters decide where it is shown.

use super::ends::{end_of, name_of, rollbacks_of, time_of, word_of};
use crate::event::{
    CancelReason, Channel, EventKind, Failure, Outcome, OutputName, Outputs, Reported, Rollback,
    RollbackOutcome, RunFinished, RunStarted, ServiceResult, Status, StepId, Verb,
};
use crate::report::text::{
    Style, Tone, bytes, clean, clean_lines, columns, left, one_line, padded, short_digest, span,
};
use crate::report::{Flow, Transfer, View};
use std::time::Duration;

/// The columns of the longest end of a service that others are aligned with.
const MAX_END_COLUMNS: usize = 40;

/// A line and the indented lines below it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::report) struct Message {
    pub(in crate::report) step: Option<StepId>,
    /// A coloured word, such as `failed`.
    pub(in crate::report) label: Option<(Tone, String)>,
    /// The rest of the line.
    pub(in crate::report) text: String,
    /// The lines below.
    pub(in crate::report) more: Vec<String>,
}

impl Message {
    fn of(step: &StepId, tone: Tone, label: &str, text: impl Into<String>) -> Self {
        Self {
            step: Some(step.clone()),
            label: Some((tone, label.to_owned())),
            text: text.into(),
            more: vec![],
        }
    }

    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The first line, with the step's id padded to `width` columns.
    pub(in crate::report) fn first(&self, width: usize, style: Style) -> String {
        let mut parts = vec![];
        if let Some(step) = &self.step {
            parts.push(style.paint(Tone::Strong, &padded(&step.to_string(), width)));
        }
        if let Some((tone, label)) = &self.label {
            parts.push(style.paint(*tone, label));
        }
        if !self.text.is_empty() {
            parts.push(self.text.clone());
        }
        parts.join("  ")
    }

    /// The first line without the step.
    pub(in crate::report) fn words(&self) -> String {
        let label = self.label.iter().map(|(_, label)| label.as_str());
        label
            .chain([self.text.as_str()])
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("  ")
    }

    pub(in crate::report) fn lines(&self, width: usize, style: Style) -> Vec<String> {
        let mut lines = vec![self.first(width, style)];
        lines.extend(self.more.iter().map(|line| format!("    {line}").trim_end().to_owned()));
        lines
    }
}

/// The message for an event. `None` for the output of children and for progress,
/// which each reporter shows in its own way, and for the end of a refused run.
pub(in crate::report) fn message(view: &View, kind: &EventKind) -> Option<Message> {
    Some(match kind {
        EventKind::OutputLine { .. } | EventKind::Progressed { .. } => return None,
        // Why it was refused was shown where it was found.
        EventKind::RunFinished(finished) if finished.is_refused() => return None,
        EventKind::RunStarted(started) => Message::plain(opening(started)),
        EventKind::StepStarted { step } => {
            let title = view.step(step).map_or("", |known| known.planned.title.as_str());
            let title = if title == step.step { "" } else { title };
            Message::of(step, Tone::Quiet, "started", one_line(title))
        }
        EventKind::Noted { step, message } => {
            Message { step: Some(step.clone()), ..Message::plain(one_line(message)) }
        }
        EventKind::Warned { step, message } => Message {
            step: step.clone(),
            label: Some((Tone::Caution, "warning".into())),
            ..Message::plain(one_line(message))
        },
        // What is met again and again would hide the retries between.
        EventKind::FaultMet { nth, of: None, .. } if *nth > 3 && nth % 10 != 0 => return None,
        EventKind::FaultMet { request, rule, nth, of } => Message {
            label: Some((Tone::Caution, "fault".into())),
            ..Message::plain(fault(request, rule, *nth, *of))
        },
        EventKind::AttemptFailed { step, attempt, of, failure, retry_in } => {
            let why = one_line(&failure.chain.join(": "));
            let next = span(*retry_in);
            let text = format!("attempt {attempt} of {of} failed, next in {next}: {why}");
            Message::of(step, Tone::Caution, "retry", text)
        }
        EventKind::StepFinished { step, outcome, took, outputs } => {
            ended(view, step, outcome, *took, outputs)
        }
        EventKind::RollbackFinished { rollback, took } => rolled_back(rollback, *took),
        EventKind::RunCancelled { reason } => Message::plain(stopping(*reason)),
        EventKind::Reported(reported) => shown(view, reported),
        EventKind::RunFinished(finished) => closing(view, finished),
    })
}

fn opening(started: &RunStarted) -> String {
    let environment = started
        .environment
        .as_ref()
        .map_or_else(String::new, |name| format!(", environment {}", one_line(name)));
    let dry = if started.dry_run { ", dry run" } else { "" };
    let from = started.from.as_ref().map(|step| format!(", from step {}", one_line(step)));
    let (plan, file, from) =
        (one_line(&started.plan), one_line(&started.file), from.unwrap_or_default());
    format!("{plan} from {file}{environment}{dry}{from}, run {}", started.run)
}

fn fault(request: &str, rule: &str, nth: u32, of: Option<u32>) -> String {
    let count = of.map_or_else(|| nth.to_string(), |of| format!("{nth} of {of}"));
    format!("{} met `{}` ({count})", one_line(request), one_line(rule))
}

fn stopping(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::StepFailed => "stopping: a step failed, so no new step starts",
        CancelReason::JournalFailed => "stopping: the journal cannot be written",
        CancelReason::HungUp => "stopping: the terminal was closed, cleaning up",
        CancelReason::Terminated => "stopping: received SIGTERM, cleaning up",
        CancelReason::Interrupted => "stopping: interrupted, cleaning up; interrupt again to kill",
        CancelReason::Killed => "stopping: killing the running steps",
    }
}

fn ended(
    view: &View,
    step: &StepId,
    outcome: &Outcome,
    took: Duration,
    outputs: &Outputs,
) -> Message {
    let time = format!("({})", span(took));
    match outcome {
        Outcome::Succeeded => {
            let action = view.step(step).map_or("", |known| known.planned.action.as_str());
            let result = summary(action, outputs);
            let text = if result.is_empty() { time } else { format!("{result}  {time}") };
            Message::of(step, Tone::Good, "ok", text)
        }
        Outcome::AlreadyDone => {
            Message::of(step, Tone::Quiet, "done", "by an earlier process of this run")
        }
        Outcome::Failed { failure, tolerated: false } => {
            Message { more: failed(failure), ..Message::of(step, Tone::Bad, "failed", time) }
        }
        Outcome::Failed { failure, tolerated: true } => Message {
            more: failed(failure),
            ..Message::of(step, Tone::Caution, "failed, and the run goes on", time)
        },
        Outcome::TimedOut { limit, tolerated, failure } => {
            let (tone, what) = if *tolerated {
                (Tone::Caution, "timed out, and the run goes on")
            } else {
                (Tone::Bad, "timed out")
            };
            let message = Message::of(step, tone, what, format!("after {}  {time}", span(*limit)));
            // The first line says no more than that.
            let chain = failure.chain.iter().skip(1).cloned().collect();
            Message { more: failed(&Failure { chain, ..failure.clone() }), ..message }
        }
        Outcome::Skipped { because } => {
            Message::of(step, Tone::Quiet, &format!("skipped: {}", one_line(because)), "")
        }
        Outcome::Cancelled => Message::of(step, Tone::Caution, "cancelled", time),
    }
}

fn rolled_back(rollback: &Rollback, took: Duration) -> Message {
    let tone = match &rollback.outcome {
        RollbackOutcome::RolledBack { .. }
        | RollbackOutcome::Removed
        | RollbackOutcome::Kept
        | RollbackOutcome::Unchanged { .. }
        | RollbackOutcome::Superseded { .. } => Tone::Caution,
        RollbackOutcome::Failed { .. } => Tone::Bad,
    };
    let label = one_line(&rollback.outcome.to_string());
    let more = rollback.outcome.failure().map(failed).unwrap_or_default();
    Message { more, ..Message::of(&rollback.step, tone, &label, format!("({})", span(took))) }
}

/// The causes, then the details behind a bar, then the remedy.
pub(in crate::report) fn failed(failure: &Failure) -> Vec<String> {
    let mut lines = causes(failure);
    lines.extend(failure.details.iter().flat_map(|detail| {
        detail.lines().map(|line| format!("| {}", clean(line, false)).trim_end().to_owned())
    }));
    if let Some(help) = &failure.help {
        let mut word = "help: ";
        for line in clean_lines(help) {
            lines.push(format!("{word}{line}"));
            word = "      ";
        }
    }
    lines
}

/// The error and its causes, each indented two columns more than the one before.
pub(in crate::report) fn causes(failure: &Failure) -> Vec<String> {
    let mut lines = vec![];
    for (depth, reason) in failure.chain.iter().enumerate() {
        let indent = "  ".repeat(depth);
        lines.extend(clean_lines(reason).into_iter().map(|line| format!("{indent}{line}")));
    }
    lines
}

/// The most important outputs of a step, in one line.
fn summary(action: &str, outputs: &Outputs) -> String {
    let get =
        |name| outputs.get(name).map(|value| one_line(value)).filter(|value| !value.is_empty());
    let size = |name| outputs.get(name).and_then(|value| value.parse().ok()).map(bytes);
    let parts: Vec<Option<String>> = match action {
        "build" => {
            // That of a push is the digest of the manifest, which names the image from then on.
            let id = get(OutputName::ImageId).map(|id| format!("id {}", short_digest(&id)));
            vec![id, get(OutputName::Platform)]
        }
        "tag" => vec![get(OutputName::References).or_else(|| get(OutputName::Tags))],
        "push" => {
            let sent = size(OutputName::BytesSent).map(|sent| format!("{sent} sent"));
            let reused = size(OutputName::BytesReused).map(|reused| format!("{reused} reused"));
            let moved: Vec<String> = [sent, reused].into_iter().flatten().collect();
            let digest = get(OutputName::Digest).map(|digest| short_digest(&digest));
            vec![digest, Some(moved.join(", ")).filter(|moved| !moved.is_empty())]
        }
        "deploy" => vec![
            get(OutputName::Url).or_else(|| get(OutputName::Fqdn)).or_else(|| get(OutputName::Ip)),
        ],
        "verify" => {
            let latency = get(OutputName::LatencyMs).map(|latency| format!("in {latency} ms"));
            vec![get(OutputName::Url), get(OutputName::Status), latency]
        }
        _ => vec![],
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Such as `pushed 3.4 MB of 10.0 MB, 34%, 1.2 MB/s, 6s left`.
pub(in crate::report) fn moved(transfer: &Transfer, now: Duration) -> String {
    let verb = match transfer.verb {
        Verb::Pushed => "pushed",
        Verb::Pulled => "pulled",
        Verb::Packed => "packed",
        Verb::Copied => "copied",
    };
    format!("{verb} {}", moving(&transfer.whole, now))
}

/// Such as `3.4 MB of 10.0 MB, 34%, 1.2 MB/s, 6s left`.
pub(in crate::report) fn moving(flow: &Flow, now: Duration) -> String {
    let done = bytes(flow.done);
    let total = bytes(flow.total);
    let part = match flow.percent() {
        // All but some bytes: the same number twice, and less than all, would be no news.
        Some(1..100) if done == total => format!(" of {total}"),
        Some(percent) => format!(" of {total}, {percent}%"),
        None => String::new(),
    };
    let rate = flow.rate(now).map_or_else(String::new, |rate| format!(", {}/s", bytes(rate)));
    let left = flow.left(now).map_or_else(String::new, |rest| format!(", {} left", left(rest)));
    format!("{done}{part}{rate}{left}")
}

fn shown(view: &View, reported: &Reported) -> Message {
    let place = match reported.to {
        Channel::Comment => "comment on the pull request",
        Channel::Deployment => "deployment",
        Channel::Status => "status of the commit",
        Channel::ServiceStatus => "statuses of the services",
        Channel::Summary => "summary of the job",
        Channel::Plan => "plan on the pull request",
    };
    // The local GitHub of a dry run ends with it. The summary of a job is a file.
    let is_local = view.started.as_ref().is_some_and(|started| started.dry_run)
        && reported.to != Channel::Summary;
    let text = match &reported.url {
        _ if is_local => format!("{place}, not posted"),
        Some(url) => format!("{place}: {}", one_line(url)),
        None => place.to_owned(),
    };
    // The text of a dry run's comment says what the end of the run says below.
    Message::plain(text)
}

fn closing(view: &View, finished: &RunFinished) -> Message {
    let (tone, word) = word_of(finished.status);
    // What failed is last, where a person looks first.
    let mut services: Vec<&ServiceResult> = finished.services.iter().collect();
    services.sort_by_key(|service| service.status == Status::Failed);
    let mut more: Vec<String> = table(services.into_iter().map(|service| row(view, service)));
    more.extend(finished.notes.iter().map(|note| format!("note: {}", one_line(note))));
    Message {
        step: None,
        label: Some((tone, word.to_owned())),
        text: format!("({}){}", span(view.at), view.beginning()),
        more,
    }
}

fn row(view: &View, service: &ServiceResult) -> [String; 3] {
    let how = match (&service.failure, service.status) {
        (Some((step, _)), Status::Failed) => {
            let later = service.later_failures.iter();
            let later: String =
                later.flat_map(|(step, _)| [", then at ".to_owned(), step.to_string()]).collect();
            format!("failed at {step}{later}{}", rollbacks_of(service))
        }
        _ => end_of(service),
    };
    let url = service.outputs.get(OutputName::Url).map(|url| one_line(url));
    let time = time_of(service).map(|time| format!("({time})"));
    let facts: Vec<String> = url.into_iter().chain(time).collect();
    [name_of(view, service), how, facts.join("  ")]
}

/// Formats rows as a table with aligned columns. A reason of more columns than
/// `MAX_END_COLUMNS` does not widen the other rows.
fn table(rows: impl Iterator<Item = [String; 3]>) -> Vec<String> {
    let rows: Vec<[String; 3]> = rows.collect();
    let width = |at: usize, most: usize| {
        rows.iter().map(|row| columns(&row[at])).filter(|&wide| wide <= most).max().unwrap_or(0)
    };
    let (first, second) = (width(0, usize::MAX), width(1, MAX_END_COLUMNS));
    let line = |[a, b, c]: &[String; 3]| {
        let line = format!("{}  {}  {c}", padded(a, first), padded(b, second));
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
