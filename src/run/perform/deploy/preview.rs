//! Whether a run is for a preview.

use crate::run::perform::performer::Performer;

/// Whether what the run deploys belongs to a pull request alone.
pub fn is_preview(performer: &Performer) -> bool {
    let pull_request = performer.plan.scope.context("pr").map(|pr| pr.get("number").text());
    pull_request.is_some_and(|number| !number.is_empty()) && !performer.facts.protected
}
