//! What keeps a rollback from being complete, found before anything is changed.

use crate::cli::revisions::ListedRevision;
use crate::cli::session::PlanSession;
use crate::cli::targets::Target;
use crate::oci::Reference;
use crate::plan::schema::{Action, Map};
use crate::run::perform::{DeployForecast, Forecast, StepForecast};
use crate::value::Verdict;
use std::collections::BTreeSet;

/// A rollback that is foreseen.
pub struct Intended<'a> {
    pub target: &'a Target,
    pub to: &'a ListedRevision,
    /// Of the session whose deploy puts it back.
    pub steps: &'a [StepForecast],
}

/// Why the rollback would not be complete; empty if it would.
pub fn obstacles(session: &PlanSession, intended: &Intended<'_>) -> Vec<String> {
    let Intended { target, to, steps } = intended;
    let mut found = Vec::new();
    if to.is_there == Some(false) {
        found.push(format!("its image `{}` is no longer in the registry", image(to)));
    }
    let named = variables(session, &target.tags.service);
    let secure = to.revision.secure.iter().flatten();
    found.extend(
        secure.filter(|name| !named.contains(name.as_str())).map(|name| {
            format!("it had the secure variable `{name}`, which the plan no longer has")
        }),
    );
    for step in *steps {
        let id = &step.id;
        match &step.forecast {
            Forecast::Deploy { target: deploy, .. } => found.extend(of_deploy(deploy, target)),
            Forecast::Skipped if step.action == "deploy" => {
                found.push(format!("the `if` of `{id}` is false here"));
            }
            Forecast::DependsOn { step } => found.push(format!(
                "`{id}` needs an output of `{step}`, which a rollback does not run again"
            )),
            Forecast::Failed(failure) if to.is_there != Some(false) => {
                found.push(failure.chain.join(": "));
                break;
            }
            // The same once more, or it follows from it.
            Forecast::Failed(_) => break,
            _ => {}
        }
    }
    found
}

fn image(to: &ListedRevision) -> String {
    Reference { tag: None, ..to.revision.image.clone() }.to_string()
}

fn of_deploy(deploy: &DeployForecast, target: &Target) -> Vec<String> {
    let Some(compared) = &deploy.compared else { return Vec::new() };
    let mut found = Vec::new();
    let id = target.id.to_string();
    if !compared.target.as_str().eq_ignore_ascii_case(&id) {
        found.push(format!(
            "it runs in {} `{}`, and with this plan and these options it would be {}",
            target.kind.name, target.id.name, deploy.name
        ));
        return found;
    }
    if compared.difference.verdict == Verdict::Refuse {
        let changes = compared.difference.replacement_reasons().join(", ");
        found.push(format!(
            "it changes {changes}, for which {} has to be deleted, and `replace: never` forbids that",
            deploy.name
        ));
    }
    found
}

/// The names of the environment variables that the plan gives the service.
fn variables<'p>(session: &'p PlanSession, service: &str) -> BTreeSet<&'p str> {
    let mut names = BTreeSet::new();
    let steps = session.plan.services.get(service).map(|service| &service.steps);
    for step in steps.into_iter().flatten() {
        let Action::Deploy(deploy) = &step.action else { continue };
        names.extend(deploy.variables().flat_map(Map::keys));
    }
    names
}
