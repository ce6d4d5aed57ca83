//! What each event says to people, in words; where it is shown is for others.

use crate::event::{
    CancelReason, Channel, EventKind, Failure, Outcome, Outputs, Reported, RunFinished, RunStarted,
    ServiceResult, Status, StepId, Verb,
};
use crate::report::text::{
    Style, Tone, bytes, clean, clean_lines, left, one_line, short_digest, span,
};
use crate::report::{Flow, Transfer, View};
use std::time::Duration;

/// A line, and what stands indented under it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::report) struct Message {
    /// Whom it is about.
    pub(in crate::report) step: Option<StepId>,
    /// The word that says how it went.
    pub(in crate::report) label: Option<(Tone, String)>,
    /// The rest of the line.
    pub(in crate::report) text: String,
    /// Further lines.
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

    /// The first line, the step's id padded to `width` characters.
    pub(in crate::report) fn first(&self, width: usize, style: Style) -> String {
        let mut parts = vec![];
        if let Some(step) = &self.step {
            parts.push(style.paint(Tone::Strong, &format!("{:width$}", step.to_string())));
        }
        if let Some((tone, label)) = &self.label {
            parts.push(style.paint(*tone, label));
        }
        if !self.text.is_empty() {
            parts.push(self.text.clone());
        }
        parts.join("  ")
    }

    /// All its lines.
    pub(in crate::report) fn lines(&self, width: usize, style: Style) -> Vec<String> {
        let mut lines = vec![self.first(width, style)];
        lines.extend(self.more.iter().map(|line| format!("    {line}").trim_end().to_owned()));
        lines
    }
}

/// What an event says. Nothing for lines of children and for progress, which
/// each reporter shows in its own way.
pub(in crate::report) fn message(view: &View, kind: &EventKind) -> Option<Message> {
    Some(match kind {
        EventKind::OutputLine { .. } | EventKind::Progressed { .. } => return None,
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
        EventKind::AttemptFailed { step, attempt, of, failure, retry_in } => {
            let why = one_line(&failure.chain.join(": "));
            let next = span(*retry_in);
            let text = format!("attempt {attempt} of {of} failed, next in {next}: {why}");
            Message::of(step, Tone::Caution, "retry", text)
        }
        EventKind::StepFinished { step, outcome, took, outputs } => {
            ended(view, step, outcome, *took, outputs)
        }
        EventKind::RunCancelled { reason } => Message::plain(stopping(*reason)),
        EventKind::RolledBack { step, worked, message } => {
            let (tone, label) = if *worked {
                (Tone::Caution, "rolled back")
            } else {
                (Tone::Bad, "not rolled back")
            };
            Message::of(step, tone, label, one_line(message))
        }
        EventKind::Reported(reported) => shown(reported),
        EventKind::RunFinished(finished) => closing(view, finished),
    })
}

fn opening(started: &RunStarted) -> String {
    let environment = started
        .environment
        .as_ref()
        .map_or_else(String::new, |name| format!(", environment {}", one_line(name)));
    let dry = if started.dry_run { ", dry run" } else { "" };
    let (plan, file) = (one_line(&started.plan), one_line(&started.file));
    format!("{plan} from {file}{environment}{dry}, run {}", started.run)
}

fn stopping(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::StepFailed => "stopping: a step failed, so no new step starts",
        CancelReason::JournalFailed => "stopping: the journal cannot be written",
        CancelReason::Terminated => "stopping: asked to by SIGTERM, cleaning up",
        CancelReason::Interrupted => "stopping: interrupted, cleaning up; interrupt again to kill",
        CancelReason::Killed => "stopping: killing what still runs",
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
            let action = view.step(step).map_or("", |known| known.planned.action);
            let gave = gist(action, outputs);
            let text = if gave.is_empty() { time } else { format!("{gave}  {time}") };
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
        Outcome::TimedOut { limit, tolerated } => {
            let (tone, what) = if *tolerated {
                (Tone::Caution, "timed out, and the run goes on")
            } else {
                (Tone::Bad, "timed out")
            };
            Message::of(step, tone, what, format!("after {}  {time}", span(*limit)))
        }
        Outcome::Skipped { because } => {
            Message::of(step, Tone::Quiet, &format!("skipped: {}", one_line(because)), "")
        }
        Outcome::Cancelled => Message::of(step, Tone::Caution, "cancelled", time),
    }
}

/// The cause, each reason further in than what it is the reason of; then the
/// details behind a bar; then what to do.
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

/// The chain of a failure, each reason two further in than the one before.
pub(in crate::report) fn causes(failure: &Failure) -> Vec<String> {
    let mut lines = vec![];
    for (depth, reason) in failure.chain.iter().enumerate() {
        let indent = "  ".repeat(depth);
        lines.extend(clean_lines(reason).into_iter().map(|line| format!("{indent}{line}")));
    }
    lines
}

/// What a step gave, as far as a line of a log can say it.
pub(in crate::report) fn gist(action: &str, outputs: &Outputs) -> String {
    let get = |name: &str| {
        outputs.get(name).map(|value| one_line(value)).filter(|value| !value.is_empty())
    };
    let size = |name: &str| outputs.get(name).and_then(|value| value.parse().ok()).map(bytes);
    let parts: Vec<Option<String>> = match action {
        "build" => vec![get("image-id").map(|id| short_digest(&id)), get("platform")],
        "tag" => vec![get("references").or_else(|| get("tags"))],
        "push" => {
            let sent = size("bytes-sent").map(|sent| format!("{sent} sent"));
            let reused = size("bytes-reused").map(|reused| format!("{reused} reused"));
            let moved: Vec<String> = [sent, reused].into_iter().flatten().collect();
            let digest = get("digest").map(|digest| short_digest(&digest));
            vec![digest, Some(moved.join(", ")).filter(|moved| !moved.is_empty())]
        }
        "deploy" => vec![get("url").or_else(|| get("fqdn")).or_else(|| get("ip"))],
        "verify" => {
            let latency = get("latency-ms").map(|latency| format!("in {latency} ms"));
            vec![get("url"), get("status"), latency]
        }
        _ => vec![],
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// How far a transfer is: `pushed 3.4 MB of 10.0 MB, 34%, 1.2 MB/s, 6s left`.
pub(in crate::report) fn moved(transfer: &Transfer, now: Duration) -> String {
    let verb = match transfer.verb {
        Verb::Pushed => "pushed",
        Verb::Pulled => "pulled",
        Verb::Packed => "packed",
        Verb::Copied => "copied",
    };
    format!("{verb} {}", moving(&transfer.whole, now))
}

/// How far something is: `3.4 MB of 10.0 MB, 34%, 1.2 MB/s, 6s left`.
pub(in crate::report) fn moving(flow: &Flow, now: Duration) -> String {
    let done = bytes(flow.done);
    let part = flow
        .percent()
        .map_or_else(String::new, |percent| format!(" of {}, {percent}%", bytes(flow.total)));
    let rate = flow.rate(now).map_or_else(String::new, |rate| format!(", {}/s", bytes(rate)));
    let left = flow.left(now).map_or_else(String::new, |rest| format!(", {} left", left(rest)));
    format!("{done}{part}{rate}{left}")
}

fn shown(reported: &Reported) -> Message {
    let place = match reported.to {
        Channel::Comment => "comment on the pull request",
        Channel::Deployment => "deployment",
        Channel::Status => "status of the commit",
        Channel::Summary => "summary of the job",
    };
    let text = match &reported.url {
        Some(url) => format!("{place}: {}", one_line(url)),
        None => place.to_owned(),
    };
    let more = reported.text.iter().flat_map(|text| clean_lines(text));
    Message {
        more: more.map(|line| format!("| {line}").trim_end().to_owned()).collect(),
        ..Message::plain(text)
    }
}

fn closing(view: &View, finished: &RunFinished) -> Message {
    let (tone, word) = word_of(finished.status);
    let mut more: Vec<String> = table(finished.services.iter().map(|service| row(view, service)));
    more.extend(finished.notes.iter().map(|note| format!("note: {}", one_line(note))));
    Message {
        step: None,
        label: Some((tone, word.to_owned())),
        text: format!("({})", span(view.at)),
        more,
    }
}

/// A status and how it looks.
pub(in crate::report) fn word_of(status: Status) -> (Tone, &'static str) {
    match status {
        Status::Succeeded => (Tone::Good, "succeeded"),
        Status::Failed => (Tone::Bad, "failed"),
        Status::Cancelled => (Tone::Caution, "cancelled"),
    }
}

fn row(view: &View, service: &ServiceResult) -> [String; 3] {
    let how = match (&service.failure, service.status) {
        (Some((step, _)), Status::Failed) => format!("failed at {step}"),
        (_, status) => word_of(status).1.to_owned(),
    };
    let url = service.outputs.get("url").map(|url| one_line(url));
    let time = format!("({})", span(service.took));
    [name_of(view, service), how, url.map_or(time.clone(), |url| format!("{url}  {time}"))]
}

/// What a service is called: where a plan has one without a name, as the plan.
pub(in crate::report) fn name_of(view: &View, service: &ServiceResult) -> String {
    let plan = view.started.as_ref().map_or("service", |started| started.plan.as_str());
    one_line(if service.name.is_empty() { plan } else { &service.name })
}

/// Rows with their first columns padded to one width.
fn table(rows: impl Iterator<Item = [String; 3]>) -> Vec<String> {
    let rows: Vec<[String; 3]> = rows.collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    rows.iter().map(|[a, b, c]| format!("{a:first$}  {b:second$}  {c}")).collect()
}
