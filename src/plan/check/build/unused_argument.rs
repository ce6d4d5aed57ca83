//! `unused-argument`: no `ARG` of a Dockerfile takes a build argument.
//!
//! Not one of the rules of a plan's text: the caller reads the Dockerfile.

use crate::plan::check::files::before_a_run;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, BuildKind, Dockerfile, Plan};
use crate::plan::span::Span;
use crate::value::is_predefined_argument;

/// The names that `ARG` declares in the Dockerfile with this path of the file in which a span
/// begins; `None` where that is not known.
pub type Declared<'d> = &'d dyn Fn(&Span, &str) -> Option<Vec<String>>;

/// Reports the build arguments that no `ARG` takes. Nothing after a `run` step is reported,
/// which may write the Dockerfile.
pub fn unused_arguments(plan: &Plan, declared: Declared<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (service, step) in before_a_run(plan) {
        let declared = |path: &str| declared(service, path);
        if let Action::Build(build) = &step.action
            && let BuildKind::Dockerfile(dockerfile) = &build.kind
        {
            check(dockerfile, &declared, &mut found);
        }
    }
    found
}

fn check(
    dockerfile: &Dockerfile,
    declared: &dyn Fn(&str) -> Option<Vec<String>>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(path) = dockerfile.literal_path() else { return };
    if dockerfile.args.len() == 0 {
        return;
    }
    let Some(known) = declared(&path) else { return };
    for (name, _) in dockerfile.args.iter() {
        if is_predefined_argument(&name.value) || known.contains(&name.value) {
            continue;
        }
        let message = format!("no `ARG` of `{path}` takes the build argument `{}`", name.value);
        let warning = Diagnostic::warning("unused-argument", message, &name.span);
        let near = warning.suggest(&name.value, known.iter().map(String::as_str));
        found.push(match near.help {
            Some(_) => near,
            None => {
                near.help(format!("declare it in the stage that uses it: `ARG {}`", name.value))
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::unused_arguments;
    use crate::plan::span::Span;
    use crate::plan::{read, render};

    fn drawn(text: &str) -> String {
        let plan = read(text).plan.expect("a plan");
        let declared = |_: &Span, path: &str| {
            (path == "web/Dockerfile").then(|| vec!["COMMIT".to_owned(), "VERSION".to_owned()])
        };
        render("shipway.yml", text, &unused_arguments(&plan, &declared), false)
    }

    #[test]
    fn argument_that_no_instruction_takes_is_a_warning() {
        assert_eq!(
            drawn(
                "name: a\nsteps:\n- build: { context: web, args: { COMIT: a, TOKEN: b, VERSION: c, https_proxy: d } }\n"
            ),
            "\
warning[unused-argument]: no `ARG` of `web/Dockerfile` takes the build argument `COMIT`
 --> shipway.yml:3:34
  |
3 | - build: { context: web, args: { COMIT: a, TOKEN: b, VERSION: c, https_proxy: d } }
  |                                  ^^^^^
  |
  = help: did you mean `COMMIT`?

warning[unused-argument]: no `ARG` of `web/Dockerfile` takes the build argument `TOKEN`
 --> shipway.yml:3:44
  |
3 | - build: { context: web, args: { COMIT: a, TOKEN: b, VERSION: c, https_proxy: d } }
  |                                            ^^^^^
  |
  = help: declare it in the stage that uses it: `ARG TOKEN`"
        );
    }

    #[test]
    fn unknown_dockerfiles_and_those_after_a_run_are_fine() {
        for steps in [
            "- build: { context: api, args: { X: a } }",
            "- build: { context: web, dockerfile: other, args: { X: a } }",
            "- build: { context: \"${{ env.DIR }}\", args: { X: a } }",
            "- run: make\n- build: { context: web, args: { X: a } }",
        ] {
            assert_eq!(drawn(&format!("name: a\nsteps:\n{steps}\n")), "", "{steps}");
        }
    }
}
