//! Which outputs of other steps a step needs that are not known before a run.

use crate::event::StepId;
use crate::plan::PlanKeys as _;
use crate::plan::expr::{ContextRef, Segment, references};
use crate::plan::schema::Step;
use crate::run::perform::performer::Performer;
use crate::run::store::Store;

/// The step whose output is needed and not known, if there is one.
pub fn unknown_output(
    performer: &Performer,
    store: &Store,
    id: &StepId,
    service: usize,
    step: &Step,
) -> Option<String> {
    let templates = step.templates();
    let expressions = templates.iter().flat_map(|template| template.expressions());
    let found = expressions.flat_map(|(source, _)| references(source, 0).unwrap_or_default());
    found.into_iter().find_map(|reference| {
        let (of, output) = output(&reference)?;
        if reference.context().eq_ignore_ascii_case("steps") {
            let step = StepId { service: id.service.clone(), step: of.to_owned() };
            return store.output(&step, output).is_none().then(|| step.to_string());
        }
        let mut needs = performer.plan.needs(service).into_iter();
        let need = needs.find(|need| performer.plan.service_name(*need) == of)?;
        let outputs = store.of_service(performer, need);
        let is_known = outputs.iter().any(|(name, _)| name == output);
        (!is_known).then(|| of.to_owned())
    })
}

/// The step or service and the name of `steps.ID.outputs.NAME` and
/// `services.NAME.outputs.NAME`.
fn output(reference: &ContextRef) -> Option<(&str, &str)> {
    let context = reference.context();
    let is_of_steps = ["steps", "services"].iter().any(|it| context.eq_ignore_ascii_case(it));
    match reference.path.as_slice() {
        [_, Segment::Name(of), Segment::Name(outputs), Segment::Name(name), ..]
            if is_of_steps && outputs.eq_ignore_ascii_case("outputs") =>
        {
            Some((of, name))
        }
        _ => None,
    }
}
