//! What failed: the error and its causes, what was seen, and the remedy.

use super::markup::Html;
use crate::event::{Failure, ServiceResult, StepId};
use crate::report::log::words;
use crate::report::text::clean_lines;
use crate::report::view::View;

/// More are in the log.
const MAX_FAILURES: usize = 100;
/// More lines of details are in the log.
const MAX_DETAIL_LINES: usize = 300;

/// A failure, and whose it is.
struct Titled<'v> {
    /// Fits before "failed"; empty for a run that was refused.
    before: &'static str,
    step: Option<&'v StepId>,
    failure: &'v Failure,
}

pub fn draw(view: &View, html: &mut Html) {
    let Some(finished) = &view.finished else { return };
    let refusals = finished.refusals.iter();
    let refusals = refusals.map(|failure| Titled { before: "", step: None, failure });
    let of_services = finished.services.iter().flat_map(of_service);
    let all: Vec<Titled<'_>> = refusals.chain(of_services).collect();
    if all.is_empty() {
        return;
    }
    html.markup("<section>\n<h2>What failed</h2>\n");
    for one in all.iter().take(MAX_FAILURES) {
        failure(one, html);
    }
    if all.len() > MAX_FAILURES {
        let more = all.len() - MAX_FAILURES;
        html.markup("<p>").text(&format!("{more} more are in the log of the run")).markup("</p>\n");
    }
    html.markup("</section>\n");
}

fn of_service(service: &ServiceResult) -> impl Iterator<Item = Titled<'_>> {
    let steps = service.failure.iter().chain(&service.later_failures);
    let steps = steps.map(|(step, failure)| Titled { before: "", step: Some(step), failure });
    let rollbacks = service.rollbacks.iter().filter_map(|rollback| {
        let failure = rollback.outcome.failure()?;
        Some(Titled { before: "the rollback of ", step: Some(&rollback.step), failure })
    });
    steps.chain(rollbacks)
}

fn failure(titled: &Titled<'_>, html: &mut Html) {
    let Titled { before, step, failure } = titled;
    html.markup("<div class=\"failure\">\n");
    if let Some(step) = step {
        html.markup("<h3>").markup(before).markup("<code>").text(&step.to_string());
        html.markup("</code> failed</h3>\n");
    }
    if let Some(place) = &failure.place {
        let place = format!("{}:{}:{}", place.file, place.line, place.column);
        html.markup("<p><code>").text(&place).markup("</code></p>\n");
    }
    html.markup("<pre>")
        .lines(words::causes(failure).iter().map(String::as_str))
        .markup("</pre>\n");
    let details: Vec<String> =
        failure.details.iter().flat_map(|detail| clean_lines(detail)).collect();
    if !details.is_empty() {
        let left_out = details.len().saturating_sub(MAX_DETAIL_LINES);
        html.markup("<details open><summary>Details</summary>\n<pre>");
        if left_out > 0 {
            let text = format!("… {left_out} earlier lines are in the log of the run");
            html.markup("<i>").text(&text).markup("</i>\n");
        }
        html.lines(details[left_out..].iter().map(String::as_str)).markup("</pre>\n</details>\n");
    }
    if let Some(help) = &failure.help {
        html.markup("<p><strong>What to do:</strong> ").code_spans(help).markup("</p>\n");
    }
    html.markup("</div>\n");
}
