//! When each step ran: a bar for each, by service.

use super::markup::Html;
use super::words::{anchor, class, progress, time};
use crate::event::Outcome;
use crate::report::text::{Tone, span};
use crate::report::view::{StepProgress, StepView, View};
use std::time::Duration;

pub fn draw(processes: &[View], html: &mut Html) {
    let drawn: Vec<&View> =
        processes.iter().filter(|view| view.steps.iter().any(has_begun)).collect();
    if drawn.is_empty() {
        return;
    }
    html.markup("<section>\n<h2>Timeline</h2>\n");
    for (place, view) in drawn.iter().enumerate() {
        let started = view.started.as_ref().map_or("", |started| started.started.as_str());
        if drawn.len() > 1 {
            html.markup(if place == 0 { "<h3>Started " } else { "<h3>Resumed " });
            html.text(&time(started)).markup("</h3>\n");
        }
        process(view, html);
    }
    html.markup("</section>\n");
}

fn has_begun(step: &StepView) -> bool {
    step.began.is_some() && !is_instant(step)
}

/// A step that was skipped or done before has no time of its own.
fn is_instant(step: &StepView) -> bool {
    matches!(
        &step.state,
        StepProgress::Finished { outcome: Outcome::Skipped { .. } | Outcome::AlreadyDone, .. }
    )
}

fn process(view: &View, html: &mut Html) {
    let mut service = None;
    for (place, step) in view.steps.iter().enumerate() {
        if !has_begun(step) {
            continue;
        }
        let of = step.planned.id.service.as_str();
        if service != Some(of) && !of.is_empty() {
            html.markup("<h3>").text(of).markup("</h3>\n");
        }
        service = Some(of);
        row(view.at, place, step, html);
    }
    html.markup("<div class=\"row\"><span></span><span class=\"scale\"><span>0.0s</span><span>");
    html.text(&span(view.at)).markup("</span></span><span></span></div>\n");
}

fn row(whole: Duration, place: usize, step: &StepView, html: &mut Html) {
    let began = step.began.unwrap_or_default();
    let (tone, how) = progress(&step.state);
    let took = match &step.state {
        StepProgress::Finished { took, .. } => *took,
        StepProgress::Waiting | StepProgress::Running | StepProgress::Pausing { .. } => {
            whole.saturating_sub(began)
        }
    };
    let end = began.saturating_add(took);
    html.markup("<div class=\"row\"><span class=\"name\"><a");
    html.attribute("href", &format!("#{}", anchor(place))).markup(">");
    html.text(&step.planned.title).markup("</a></span><span class=\"track\">");
    let mut from = began;
    for (number, attempt) in step.failed_attempts.iter().enumerate() {
        let words = format!("attempt {} failed: {}", number + 1, attempt.why);
        let times = Times { from, to: attempt.ended, whole };
        bar("again", Tone::Bad, &words, times, html);
        from = attempt.next.min(end);
    }
    let words = format!("{how}, {} from {}", span(took), span(began));
    bar("", tone, &words, Times { from, to: end, whole }, html);
    html.markup("</span><span class=\"time\">").text(&span(took)).markup("</span></div>\n");
}

/// A part of the time of a run.
#[derive(Clone, Copy)]
struct Times {
    from: Duration,
    to: Duration,
    whole: Duration,
}

fn bar(kind: &str, tone: Tone, words: &str, times: Times, html: &mut Html) {
    let Times { from, to, whole } = times;
    let percent = |time: Duration| match whole.as_secs_f64() {
        0.0 => 0.0,
        whole => (time.as_secs_f64() / whole * 100.0).min(100.0),
    };
    let (left, right) = (percent(from), percent(to.max(from)));
    let class = [class(tone), kind].join(" ");
    html.markup("<b").attribute("class", class.trim());
    html.attribute("style", &format!("left:{left:.2}%;width:{:.2}%", right - left));
    html.attribute("title", words).markup("></b>");
}
