//! `unknown-output`: a step or service gives no output of this name.

use crate::plan::check::uses::Use;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::{ContextRef, Segment};

/// The step or service whose output an expression uses.
pub(super) struct OutputOwner<'a> {
    /// `step` or `service`.
    pub kind: &'static str,
    pub name: &'a str,
    /// The names of its outputs; `None` if it may have any, as a `run` step does.
    pub outputs: Option<&'a [&'static str]>,
}

/// Checks that the owner has the output that `….outputs.NAME` names.
pub(super) fn check(
    one: &Use<'_>,
    reference: &ContextRef,
    owner: &OutputOwner<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let OutputOwner { kind, name, outputs } = owner;
    let span = one.span(&reference.span);
    match reference.path.get(2) {
        Some(Segment::Name(word)) if word.eq_ignore_ascii_case("outputs") => {}
        Some(Segment::Name(word)) if *kind == "step" && is_end(word) => return,
        Some(Segment::Name(word)) => {
            let members =
                if *kind == "step" { "`outputs`, `outcome` and `conclusion`" } else { "`outputs`" };
            let message = format!("a {kind} has {members}, not `{word}`");
            let context = reference.context();
            found.push(
                Diagnostic::error("unknown-output", message, &span)
                    .help(format!("write `{context}.{name}.outputs.NAME`")),
            );
            return;
        }
        _ => return,
    }
    let (Some(Segment::Name(output)), Some(known)) = (reference.path.get(3), *outputs) else {
        return;
    };
    if known.iter().any(|known| known.eq_ignore_ascii_case(output)) {
        return;
    }
    let message = format!("the {kind} `{name}` has no output `{output}`");
    let diagnostic =
        Diagnostic::error("unknown-output", message, &span).suggest(output, known.iter().copied());
    let list = match known {
        [] => "no step of it pushes, deploys or verifies".to_owned(),
        known => format!("it has `{}`", known.join("`, `")),
    };
    found.push(if diagnostic.help.is_none() { diagnostic.help(list) } else { diagnostic });
}

/// Whether a member of a step says how it ended.
fn is_end(member: &str) -> bool {
    ["outcome", "conclusion"].iter().any(|end| end.eq_ignore_ascii_case(member))
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn what_steps_and_services_do_not_give() {
        insta::assert_snapshot!(drawn(
            "name: a\nservices:\n  db:\n    steps: [{ run: x }]\n  web:\n    needs: [db]\n    steps:\n      \
             - build: .\n      - tag: a.io/b:v1\n      - push:\n      - run: x\n        env:\n          \
             A: ${{ steps.push.outputs.digst }}\n          B: ${{ steps.build.outputs.url }}\n          \
             C: ${{ steps.push.result }}\n          D: ${{ services.db.outputs.url }}\n"
        ));
    }

    #[test]
    fn a_step_says_how_it_ended() {
        fine(
            "name: a\nsteps:\n  - run: x\n  - run: y\n    if: always() && steps.run.outcome == 'failure'\n    \
             env: { A: \"${{ steps.run.conclusion }}\" }\n",
        );
    }

    #[test]
    fn a_program_names_its_own() {
        fine(
            "name: a\nsteps:\n  - run: x\n  - run: y\n    env: { A: \"${{ steps.run.outputs.anything }}\" }\n",
        );
    }
}
