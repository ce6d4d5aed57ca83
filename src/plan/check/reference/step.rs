//! `unknown-step`: not an earlier step of the same service.

use super::output::{self, OutputOwner};
use crate::plan::check::uses::{Use, Uses, member};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::ContextRef;
use crate::plan::expr::contexts::{Members, outputs_of};
use std::collections::HashMap;

/// The steps of each service, by id in lower case.
pub(super) struct Steps<'u, 'p> {
    uses: &'u Uses<'p>,
    by_id: Vec<HashMap<String, usize>>,
}

impl<'u, 'p> Steps<'u, 'p> {
    pub(super) fn of(uses: &'u Uses<'p>) -> Self {
        let services = uses.plan.services.iter().map(|(_, service)| {
            let steps = service.steps.iter().enumerate();
            steps.map(|(at, step)| (step.id.value.to_ascii_lowercase(), at)).collect()
        });
        Self { uses, by_id: services.collect() }
    }

    pub(super) fn check(&self, one: &Use<'_>, reference: &ContextRef, found: &mut Vec<Diagnostic>) {
        let (Some(id), Some((number, here))) = (member(reference, "steps"), one.place.step) else {
            return;
        };
        let Some((service, steps)) = self.uses.service_at(one.place) else { return };
        let at = self.by_id.get(number).and_then(|ids| ids.get(&id.to_ascii_lowercase())).copied();
        match at.and_then(|at| Some((at, steps.steps.get(at)?))) {
            Some((at, step)) if at < here => {
                let outputs = match outputs_of(step.action.keyword()) {
                    Some(Members::Closed(names)) => Some(names),
                    _ => None,
                };
                let owner = OutputOwner { kind: "step", name: id, outputs };
                output::check(one, reference, &owner, found);
            }
            Some((_, step)) => {
                let message = format!("the step `{id}` has not run by then");
                found.push(
                    Diagnostic::error("unknown-step", message, &one.span(&reference.span))
                        .label("an expression sees earlier steps alone")
                        .also(&step.id.span, format!("`{id}` is here")),
                );
            }
            None if self.uses.may_have(service, id) => {}
            None => found.push(self.unknown(one, reference, id, number)),
        }
    }

    fn unknown(
        &self,
        one: &Use<'_>,
        reference: &ContextRef,
        id: &str,
        number: usize,
    ) -> Diagnostic {
        let message = format!("no step of this service has the id `{id}`");
        let service = self.uses.plan.services.0.get(number);
        let known = service.iter().flat_map(|(_, service)| &service.steps);
        let known = known.map(|step| step.id.value.as_str());
        Diagnostic::error("unknown-step", message, &one.span(&reference.span)).suggest(id, known)
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn later_elsewhere_or_nowhere() {
        insta::assert_snapshot!(drawn(
            "name: a\nservices:\n  a:\n    steps:\n      - run: x\n        env: { A: \"${{ steps.last.outputs.x }}\" }\n      \
             - run: x\n        env: { A: \"${{ steps.rnu.outputs.x }}\", B: \"${{ steps.other.outputs.x }}\" }\n      \
             - id: last\n        run: x\n  b:\n    steps: [{ id: other, run: x }]\n"
        ));
    }

    #[test]
    fn a_step_that_could_not_be_read_is_there_all_the_same() {
        let plan = "name: a\nsteps:\n  - id: live\n    deploy: { aic: { ports: [80] } }\n  \
                    - run: x\n    env: { A: \"${{ steps.live.outputs.url }}\" }\n";
        assert_eq!(drawn(plan).matches("error[").count(), 1, "{}", drawn(plan));
    }

    #[test]
    fn unknown_names_are_found_beside_a_step_that_cannot_be_read() {
        insta::assert_snapshot!(drawn(
            "name: a\nservices:\n  web:\n    needs: [bd]\n    steps:\n      - biuld: .\n      \
             - run: x\n        env:\n          A: ${{ steps.lvie.outputs.x }}\n          \
             B: ${{ steps.build.outputs.image-id }}\n          C: ${{ secrets.token }}\n          \
             D: ${{ services.dbb.outputs.url }}\n  db:\n    steps: run\n"
        ));
    }

    #[test]
    fn id_under_a_misspelt_key_is_there_all_the_same() {
        let plan = "name: a\nsteps:\n  - idd: live\n    depoly: { aci: }\n  \
                    - run: x\n    env: { A: \"${{ steps.live.outputs.url }}\" }\n";
        assert_eq!(drawn(plan).matches("error[").count(), 2, "{}", drawn(plan));
    }
}
