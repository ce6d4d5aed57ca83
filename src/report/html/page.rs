//! The frame of the page: head, heading, foot, and the order of its parts.

use super::collect::HtmlReport;
use super::markup::Html;
use super::words::{class, link_commit, time};
use super::{failures, services, steps, timeline};
use crate::event::{RunStarted, Status};
use crate::report::log::ends;
use crate::report::text::{Tone, span};
use crate::report::view::View;
use crate::secret::Redactor;

/// More are in the log.
const MAX_REMARKS: usize = 200;

/// Nothing may be loaded, whatever the page has become: its style is a part of it.
const HEAD: &str = "\
<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"referrer\" content=\"no-referrer\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">
<title>";

/// The page of a run. `unfinished` says why it has no end.
pub fn page(report: &HtmlReport, unfinished: Option<&str>, redactor: &Redactor) -> String {
    let mut html = Html::new(redactor.clone());
    draw(report, unfinished, &mut html);
    html.into_text()
}

fn draw(report: &HtmlReport, unfinished: Option<&str>, html: &mut Html) {
    let view = report.last();
    let plan = view.started.as_ref().map_or("run", |started| started.plan.as_str());
    let (tone, end) = end_of(view);
    html.markup(HEAD).text(&format!("{plan}: {end}")).markup("</title>\n<style>\n");
    html.markup(include_str!("style.css")).markup("</style>\n</head>\n<body>\n<header>\n");
    html.markup("<h1>").text(plan).markup(": <span").attribute("class", class(tone));
    html.markup(">").text(&end).markup("</span></h1>\n");
    if let Some(started) = &view.started {
        facts(started, view, html);
    }
    if let Some(why) = unfinished {
        html.markup("<p class=\"caution\">").text(why).markup("</p>\n");
    }
    html.markup("</header>\n<main>\n");
    services::draw(view, html);
    failures::draw(view, html);
    timeline::draw(&report.processes, html);
    steps::draw(report, html);
    remarks(view, html);
    html.markup("</main>\n<footer>\n<p>");
    foot(view, html);
    html.markup("</p>\n</footer>\n</body>\n</html>\n");
}

/// How the run ended, in words.
fn end_of(view: &View) -> (Tone, String) {
    let dry = view.started.as_ref().is_some_and(|started| started.dry_run);
    let dry = if dry { " (dry run)" } else { "" };
    let Some(finished) = &view.finished else {
        return (Tone::Caution, format!("not finished{dry}"));
    };
    let (tone, _) = ends::word_of(finished.status);
    let lacks = finished.services.iter().any(|service| service.missing.is_some());
    let tone = if finished.status == Status::Succeeded && lacks { Tone::Caution } else { tone };
    (tone, format!("{}{}{dry}", ends::end_of_run(finished), view.beginning()))
}

fn facts(started: &RunStarted, view: &View, html: &mut Html) {
    html.markup("<p class=\"quiet\">");
    if let Some(environment) = &started.environment {
        html.markup("environment ").text(environment).markup(" · ");
    }
    if let Some(commit) = &started.origin.commit {
        html.markup("commit ");
        link_commit(commit, started.origin.commit_url.as_deref(), html);
        html.markup(if started.origin.uncommitted {
            " with uncommitted changes · "
        } else {
            " · "
        });
    }
    html.markup("started ").text(&time(&started.started)).markup(" · ").text(&span(view.at));
    if let Some(url) = &started.origin.run_url {
        html.markup(" · ").link("log of the run", url);
    }
    html.markup("</p>\n");
}

fn remarks(view: &View, html: &mut Html) {
    let notes = view.finished.iter().flat_map(|finished| &finished.notes);
    let warnings = view.warnings.iter();
    if notes.clone().next().is_none() && warnings.clone().next().is_none() {
        return;
    }
    html.markup("<section>\n<h2>Warnings and notes</h2>\n<ul>\n");
    for warning in warnings.take(MAX_REMARKS) {
        html.markup("<li><span class=\"caution\">warning</span> ");
        if let Some(step) = &warning.step {
            html.markup("<code>").text(&step.to_string()).markup("</code> ");
        }
        html.text(&warning.message).markup("</li>\n");
    }
    for note in notes.take(MAX_REMARKS) {
        html.markup("<li>").text(note).markup("</li>\n");
    }
    html.markup("</ul>\n</section>\n");
}

fn foot(view: &View, html: &mut Html) {
    if let Some(started) = &view.started {
        html.markup("run <code>").text(&started.run).markup("</code> of <code>");
        html.text(&started.file).markup("</code> · ");
    }
    if let Some(finished) = &view.finished {
        html.markup("exit code ").text(&finished.exit_code.to_string()).markup(" · ");
    }
    html.markup(concat!("shipway ", env!("CARGO_PKG_VERSION")));
}
