//! `unknown-service` and `service-not-needed`: outputs are seen of services that
//! this one needs.

use super::output::{self, OutputOwner};
use crate::plan::check::uses::{Use, Uses, member};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::ContextRef;
use crate::plan::expr::contexts::outputs_of_service;

pub(super) fn check(
    uses: &Uses<'_>,
    one: &Use<'_>,
    reference: &ContextRef,
    found: &mut Vec<Diagnostic>,
) {
    let (Some(name), Some((own, service))) =
        (member(reference, "services"), uses.service_at(one.place))
    else {
        return;
    };
    let span = one.span(&reference.span);
    let Some(named) = uses.service(name) else {
        let message = format!("no service is called `{name}`");
        let known = uses.plan.services.keys();
        found.push(Diagnostic::error("unknown-service", message, &span).suggest(name, known));
        return;
    };
    if !service.needs.iter().any(|need| need.value == name) {
        let message = format!("`{own}` does not need `{name}`, whose outputs it uses");
        let mut needs: Vec<&str> = service.needs.iter().map(|need| need.value.as_str()).collect();
        needs.push(name);
        let diagnostic = Diagnostic::error("service-not-needed", message, &span);
        found.push(if own == name {
            diagnostic.help("the steps of this service are `steps.ID.outputs`")
        } else {
            diagnostic.help(format!("give `{own}` the line `needs: [{}]`", needs.join(", ")))
        });
        return;
    }
    if uses.is_whole(name) {
        let outputs = outputs_of_service(named.steps.iter().map(|step| step.action.keyword()));
        let owner = OutputOwner { kind: "service", name, outputs: Some(&outputs) };
        output::check(one, reference, &owner, found);
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn not_there_and_not_needed() {
        insta::assert_snapshot!(drawn(
            "name: a\nservices:\n  db:\n    steps: [{ build: . }, { tag: \"a.io/b:v1\" }, { push: }]\n  web:\n    steps:\n      \
             - run: x\n        env:\n          A: ${{ services.bd.outputs.image }}\n          \
             B: ${{ services.db.outputs.image }}\n          C: ${{ services.web.outputs.image }}\n"
        ));
    }
}
