//! The services: how each ended, whether it was verified, and what runs.

use super::markup::Html;
use super::words::{class, link_commit};
use crate::event::{Outcome, OutputName, Revision, RollbackOutcome, RunStarted, ServiceResult};
use crate::report::log::ends;
use crate::report::result::urls;
use crate::report::text::{Tone, short_digest};
use crate::report::view::{StepProgress, View};

/// What runs of a service.
struct Running<'v> {
    digest: Option<&'v str>,
    commit: Option<&'v str>,
    commit_url: Option<&'v str>,
}

pub fn draw(view: &View, html: &mut Html) {
    let Some(finished) = view.finished.as_ref().filter(|it| !it.services.is_empty()) else {
        return;
    };
    html.markup("<section>\n<h2>Services</h2>\n<div class=\"wide\">\n<table>\n<thead><tr>");
    html.markup("<th>Service</th><th>Result</th><th>Check</th><th>URL</th><th>Image</th>");
    html.markup("<th>Commit</th><th>Time</th></tr></thead>\n<tbody>\n");
    for service in &finished.services {
        row(view, service, html);
    }
    html.markup("</tbody>\n</table>\n</div>\n</section>\n");
}

fn row(view: &View, service: &ServiceResult, html: &mut Html) {
    let (tone, _) = ends::word_of(service.status);
    let tone = if tone == Tone::Good && service.missing.is_some() { Tone::Caution } else { tone };
    html.markup("<tr><td>").text(&ends::name_of(view, service)).markup("</td><td");
    html.attribute("class", class(tone)).markup(">").text(&ends::end_of(service));
    html.markup("</td><td>").markup(check_of(view, service)).markup("</td><td>");
    for (place, url) in urls(service).iter().enumerate() {
        html.markup(if place == 0 { "" } else { "<br>" }).link(url, url);
    }
    html.markup("</td><td>");
    let running = running(view, service);
    if let Some(digest) = running.digest {
        html.markup("<code").attribute("title", digest).markup(">").text(&short_digest(digest));
        html.markup("</code>");
    }
    html.markup("</td><td>");
    if let Some(commit) = running.commit {
        link_commit(commit, running.commit_url, html);
    }
    html.markup("</td><td class=\"time\">").text(&ends::time_of(service).unwrap_or_default());
    html.markup("</td></tr>\n");
}

/// Whether what runs was asked and gave the expected answer.
fn check_of(view: &View, service: &ServiceResult) -> &'static str {
    let is_of = |of: &str| of == service.name || of.is_empty();
    let checks = view
        .steps
        .iter()
        .filter(|step| is_of(&step.planned.id.service) && step.planned.action == "verify");
    let held = |state: &StepProgress| {
        let StepProgress::Finished { outcome, .. } = state else { return false };
        matches!(outcome, Outcome::Succeeded | Outcome::AlreadyDone)
    };
    let mut checks = checks.map(|step| held(&step.state)).peekable();
    if checks.peek().is_none() {
        return "<span class=\"other\">none</span>";
    }
    let is_verified = checks.all(|held| held) && service.missing.is_none();
    if is_verified {
        "<span class=\"good\">verified</span>"
    } else {
        "<span class=\"caution\">not verified</span>"
    }
}

fn running<'v>(view: &'v View, service: &'v ServiceResult) -> Running<'v> {
    let put_back = service.rollbacks.iter().find_map(|rollback| match &rollback.outcome {
        RollbackOutcome::RolledBack { to } | RollbackOutcome::Unchanged { still: Some(to) } => {
            Some(to)
        }
        RollbackOutcome::Removed
        | RollbackOutcome::Kept
        | RollbackOutcome::Unchanged { still: None }
        | RollbackOutcome::Superseded { .. }
        | RollbackOutcome::Failed { .. } => None,
    });
    if let Some(Revision { commit, digest, .. }) = put_back {
        return Running { digest: digest.as_deref(), commit: commit.as_deref(), commit_url: None };
    }
    let digest = service.outputs.get(OutputName::Digest).map(String::as_str);
    let origin = view.started.as_ref().map(|RunStarted { origin, .. }| origin);
    let origin = origin.filter(|_| digest.is_some());
    Running {
        digest,
        commit: origin.and_then(|origin| origin.commit.as_deref()),
        commit_url: origin.and_then(|origin| origin.commit_url.as_deref()),
    }
}
