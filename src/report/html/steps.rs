//! The steps, each with what it wrote, folded unless it failed.

use super::collect::HtmlReport;
use super::log::{LineKind, LogLine, StepLog};
use super::markup::Html;
use super::words::{anchor, class, progress};
use crate::report::text::{Tone, span};
use crate::report::view::{StepProgress, StepView};

pub fn draw(report: &HtmlReport, html: &mut Html) {
    let view = report.last();
    if view.steps.is_empty() {
        return;
    }
    html.markup("<section>\n<h2>Steps</h2>\n");
    for (place, step) in view.steps.iter().enumerate() {
        draw_step(place, step, report.logs.get(&step.planned.id), html);
    }
    html.markup("</section>\n");
}

fn draw_step(place: usize, step: &StepView, log: Option<&StepLog>, html: &mut Html) {
    let (tone, how) = progress(&step.state);
    html.markup(if tone == Tone::Bad { "<details open" } else { "<details" });
    html.attribute("id", &anchor(place)).markup("><summary>");
    if let StepProgress::Finished { took, .. } = &step.state {
        html.markup("<span class=\"time\">").text(&span(*took)).markup("</span>");
    }
    html.markup("<code>").text(&step.planned.id.to_string()).markup("</code> ");
    if step.planned.title != step.planned.id.step {
        html.text(&step.planned.title).markup(" ");
    }
    html.markup("<span").attribute("class", class(tone)).markup(">").text(&how);
    html.markup("</span></summary>\n");
    match log {
        Some(log) => draw_log(log, html),
        None => {
            html.markup("<p class=\"quiet\">it wrote nothing</p>\n");
        }
    }
    html.markup("</details>\n");
}

fn draw_log(log: &StepLog, html: &mut Html) {
    html.markup("<pre>");
    log.first().for_each(|line| draw_line(line, html));
    if log.left_out() > 0 {
        let (lines, verb, them) = match log.left_out() {
            1 => ("1 line".to_owned(), "is", "it"),
            count => (format!("{count} lines"), "are", "them"),
        };
        let text = format!("… {lines} {verb} left out; `shipway report` shows {them}");
        html.markup("<i>").text(&text).markup("</i>\n");
    }
    log.last().for_each(|line| draw_line(line, html));
    html.markup("</pre>\n");
}

fn draw_line(line: &LogLine, html: &mut Html) {
    match line.kind {
        LineKind::Output => html.line(&line.text).markup("\n"),
        LineKind::Note => html.markup("<i>").line(&line.text).markup("</i>\n"),
    };
}
