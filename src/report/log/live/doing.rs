//! What a running step does, in words.

use crate::event::Verb;
use crate::report::text::{bytes, clean, left, one_line};
use crate::report::transfer::Flow;
use crate::report::view::{Latest, StepProgress, StepView};
use crate::value::bytes_of;
use std::time::Duration;

/// Such as `verifying`, `pushing 12 of 80 MB, 1.2 MB/s, 57s left` or `waiting for attempt 2 of
/// 4`, and what the step wrote last.
pub(super) fn doing(step: &StepView, now: Duration) -> String {
    if let StepProgress::Pausing { attempt, of, .. } = step.state {
        return format!("waiting for attempt {} of {of}", attempt + 1);
    }
    let does = verb(step);
    match step.latest {
        Latest::Nothing => does,
        Latest::Transfer => transfer(step, now).unwrap_or(does),
        Latest::Note => joined(&does, ", ", &one_line(step.note.as_deref().unwrap_or_default())),
        Latest::Line => {
            let line = step.tail.back().map(|line| clean(line, false)).unwrap_or_default();
            joined(&does, " │ ", line.trim())
        }
    }
}

fn joined(does: &str, between: &str, said: &str) -> String {
    if said.is_empty() { does.to_owned() } else { format!("{does}{between}{said}") }
}

fn verb(step: &StepView) -> String {
    let planned = &step.planned;
    let word = match planned.action.as_str() {
        "build" => "building",
        "tag" => "tagging",
        "push" => "pushing",
        "deploy" => "deploying",
        "verify" => "verifying",
        _ => return running(&planned.title, &planned.id.step),
    };
    word.to_owned()
}

/// A `run` step: by its name, else by the id that the plan gave it.
fn running(title: &str, id: &str) -> String {
    let is_default = id.strip_prefix("run").is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|it| it.parse::<u32>().is_ok())
    });
    match one_line(title) {
        title if !title.is_empty() && title != id => title,
        _ if is_default => "running".to_owned(),
        _ => format!("running {}", one_line(id)),
    }
}

fn transfer(step: &StepView, now: Duration) -> Option<String> {
    let transfer = step.transfer.as_ref()?;
    let verb = match transfer.verb {
        Verb::Pushed => "pushing",
        Verb::Pulled => "pulling",
        Verb::Packed => "packing",
        Verb::Copied => "copying",
    };
    Some(format!("{verb} {}", moving(&transfer.whole, now)))
}

/// Such as `12 of 80 MB, 1.2 MB/s, 57s left`.
pub(super) fn moving(flow: &Flow, now: Duration) -> String {
    let part = if flow.total == 0 { bytes(flow.done) } else { bytes_of(flow.done, flow.total) };
    let rate = flow.rate(now).map_or_else(String::new, |rate| format!(", {}/s", bytes(rate)));
    let rest = flow.left(now).map_or_else(String::new, |rest| format!(", {} left", left(rest)));
    format!("{part}{rate}{rest}")
}
