//! Outputs that steps need, and that are not there.

use super::PlanSession;
use super::layout::Chosen;
use crate::event::StepId;
use crate::plan::PlanKeys as _;
use crate::plan::expr::{ContextRef, Segment, references};
use crate::plan::schema::{Step, Template};
use crate::run::outcome::StepError;
use crate::run::perform::Performer;
use crate::run::store::Store;

/// Refuses to continue where a step needs an output that was made from a secret: the
/// journal holds no secrets, and with an empty text the step would do something else.
pub fn refuse_lost_outputs(
    session: &PlanSession,
    chosen: &Chosen,
    store: &Store,
) -> Result<(), StepError> {
    let pending = chosen.layout.steps.iter().zip(chosen.steps(session));
    let is_made_again = |source: &StepId| {
        chosen.layout.steps.iter().any(|step| step.id == *source && !step.done_before)
    };
    for (layout, (_, step)) in pending.filter(|(layout, _)| !layout.done_before) {
        for (source, output) in store.lost().iter().filter(|(source, _)| !is_made_again(source)) {
            if source.service == layout.id.service && uses(step, source, output) {
                return Err(StepError::new(format!(
                    "`{}` needs the output `{output}` of `{source}`, which was made from a secret \
                     and is kept nowhere",
                    layout.id
                ))
                .help(format!("start again with the step that makes it: `--from {source}`")));
            }
        }
    }
    Ok(())
}

/// Refuses to run with an empty text for an output of a service that `--only` leaves out.
/// Earlier runs on this machine have left theirs in `store`.
pub fn refuse_left_out_outputs(
    performer: &Performer,
    chosen: &Chosen,
    store: &Store,
    session: &PlanSession,
) -> Result<(), StepError> {
    let only = &session.options.only;
    for (layout, (_, step)) in chosen.layout.steps.iter().zip(chosen.steps(session)) {
        for reference in step.templates().into_iter().flat_map(Template::expressions) {
            for found in references(reference.0, 0).unwrap_or_default() {
                if !found.flows || found.has_fallback {
                    continue;
                }
                let Some((service, output)) = output_of_service(&found) else { continue };
                let place = session.plan.services.keys().position(|known| known == service);
                let Some(place) = place.filter(|_| !only.iter().any(|it| it == service)) else {
                    continue;
                };
                let outputs = store.of_service(performer, place);
                if outputs.iter().any(|(name, _)| name == output) {
                    continue;
                }
                return Err(StepError::new(format!(
                    "`{}` needs the output `{output}` of `{service}`, which `--only` leaves out and \
                     no earlier run on this machine has made",
                    layout.id
                ))
                .help(format!("add `--only {service}`, or run the whole plan")));
            }
        }
    }
    Ok(())
}

/// The service and the name of `services.NAME.outputs.NAME`.
fn output_of_service(reference: &ContextRef) -> Option<(&str, &str)> {
    match reference.path.as_slice() {
        [_, Segment::Name(service), Segment::Name(outputs), Segment::Name(name), ..]
            if reference.context().eq_ignore_ascii_case("services")
                && outputs.eq_ignore_ascii_case("outputs") =>
        {
            Some((service, name))
        }
        _ => None,
    }
}

/// Whether a step refers to an output, or to several that may include it.
fn uses(step: &Step, source: &StepId, output: &str) -> bool {
    let named = |segment: Option<&Segment>, name: &str| match segment {
        Some(Segment::Name(found)) => found.eq_ignore_ascii_case(name),
        Some(Segment::Any | Segment::Computed) | None => true,
        Some(Segment::Index(_)) => false,
    };
    step.templates().into_iter().flat_map(Template::expressions).any(|(text, _)| {
        references(text, 0).unwrap_or_default().iter().any(|found| {
            found.context().eq_ignore_ascii_case("steps")
                && named(found.path.get(1), &source.step)
                && named(found.path.get(2), "outputs")
                && named(found.path.get(3), output)
        })
    })
}
