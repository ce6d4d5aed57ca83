//! How runs and services ended, in words.

use crate::event::{RollbackOutcome, RunFinished, ServiceResult, Shortfall, Status};
use crate::report::View;
use crate::report::text::{Tone, one_line, span};

/// What a run that was refused before its first step has done.
const UNCHANGED: &str = "nothing was changed";

pub(in crate::report) fn word_of(status: Status) -> (Tone, &'static str) {
    match status {
        Status::Succeeded => (Tone::Good, "succeeded"),
        Status::Failed => (Tone::Bad, "failed"),
        Status::Skipped => (Tone::Caution, "skipped"),
        Status::Cancelled => (Tone::Caution, "cancelled"),
    }
}

/// How a run ended, such as `failed, nothing was changed`.
pub(in crate::report) fn end_of_run(finished: &RunFinished) -> String {
    let (_, word) = word_of(finished.status);
    if finished.is_refused() { format!("{word}, {}", unchanged(finished)) } else { word.to_owned() }
}

/// What a process that was refused has changed. What earlier processes of the run did
/// stands.
pub(in crate::report) fn unchanged(finished: &RunFinished) -> &'static str {
    if finished.is_resumed { "nothing more was changed" } else { UNCHANGED }
}

/// How a service ended, such as `succeeded, not verified: no answer`.
pub(in crate::report) fn end_of(service: &ServiceResult) -> String {
    let mut text = word_of(service.status).1.to_owned();
    if let Some(missing) = &service.missing {
        text = format!("{text}, {}", one_line(missing));
    }
    if let Some(reason) = &service.reason {
        text = format!("{text}: {}", one_line(reason));
    }
    for Shortfall { missing, reason } in &service.also_missing {
        text = format!("{text}; {}: {}", one_line(missing), one_line(reason));
    }
    text + &rollbacks_of(service)
}

/// What became of the service's deploys, such as `, rolled back to commit 4e1d2aa`.
pub(in crate::report) fn rollbacks_of(service: &ServiceResult) -> String {
    let all = service.rollbacks.iter();
    all.flat_map(|rollback| [", ".to_owned(), one_line(&rollback.outcome.to_string())]).collect()
}

/// What became of the image that does not run, such as `taken back: IMAGE`.
pub(in crate::report) fn withdrawn(service: &ServiceResult) -> Option<(&'static str, &str)> {
    let image = service.withdrawn.as_deref()?;
    let label = match service.rollbacks.first().map(|rollback| &rollback.outcome) {
        Some(RollbackOutcome::Unchanged { .. }) => "not deployed",
        Some(RollbackOutcome::Superseded { .. }) => "replaced by another run",
        Some(
            RollbackOutcome::RolledBack { .. }
            | RollbackOutcome::Removed
            | RollbackOutcome::Kept
            | RollbackOutcome::Failed { .. },
        )
        | None => "taken back",
    };
    Some((label, image))
}

/// The time that a service took, unless nothing of it ran.
pub(in crate::report) fn time_of(service: &ServiceResult) -> Option<String> {
    let ran = service.status != Status::Skipped || !service.took.is_zero();
    ran.then(|| span(service.took))
}

/// The name of a service; the name of the plan for the single service of top-level
/// `steps`.
pub(in crate::report) fn name_of(view: &View, service: &ServiceResult) -> String {
    let plan = view.started.as_ref().map_or("service", |started| started.plan.as_str());
    one_line(if service.name.is_empty() { plan } else { &service.name })
}
