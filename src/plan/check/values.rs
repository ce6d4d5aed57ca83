//! `bad-value` and `empty-name` of the plan's own variables: what they give is not what the key
//! takes that uses them.
//!
//! Not one of the rules of a plan's text: `--set` may give a variable another value, so that
//! a plan with such a mistake can be run all the same.

use super::known_values::{literals, place_of, remedy, scope_of, variables_of};
use super::same_registry;
use super::uses::is_conditional;
use crate::plan::describe::{Found, PlanKeys as _, Visit};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::Scope;
use crate::plan::expr::contexts::Site;
use crate::plan::schema::{Plan, Template, Text};
use std::collections::BTreeSet;

/// A text that depends on nothing but variables of the plan.
struct Variable<'p> {
    text: &'p Text,
    found: Found<'p>,
    /// Their names in lower case.
    names: BTreeSet<String>,
}

/// Reports each text that depends on nothing but variables whose values the plan gives, and
/// that its key does not take in one of the environments.
pub fn unfit_values<'p>(plan: &'p Plan) -> Vec<Diagnostic> {
    let environments = literals(plan);
    if environments.iter().all(|(_, known)| known.is_empty()) {
        return Vec::new();
    }
    let mut texts = Vec::new();
    // Keys of `azure` that an environment gives itself.
    let mut own = BTreeSet::new();
    let mut see = |found: Found<'p>| {
        if let Some(environment) = found.place.environment.filter(|_| is_azure(&found)) {
            own.insert((environment, found.place.key));
        }
        texts.extend(Variable::of(found));
    };
    plan.visit_keys(&mut Visit::new(Site::Step, &mut see));
    // A step may be left out where the value does not fit.
    texts.retain(|text| !is_conditional(plan, text.found.place));
    let mut reported = Vec::new();
    for (number, (environment, known)) in environments.iter().enumerate() {
        let (scope, place) = (scope_of(known), place_of(*environment));
        texts.retain(|text| {
            // The settings of an environment count in no other, and those of the plan in none
            // that gives its own.
            let counts = match text.found.place.environment {
                Some(environment) => environment == number,
                None => !(is_azure(&text.found) && own.contains(&(number, text.found.place.key))),
            };
            let is_known = counts && text.names.iter().all(|name| known.contains_key(name));
            let Some(mistake) = is_known.then(|| text.mistake(&scope)).flatten() else {
                return true;
            };
            let named = text.names.iter();
            let mistake = mistake.help(remedy(&text.names));
            reported.push(
                named.fold(mistake, |mistake, name| mistake.also(&known[name].span, place.clone())),
            );
            // Once is enough.
            false
        });
    }
    same_registry::check(plan, &environments, &mut reported);
    reported
}

/// Whether it is a setting of `azure` that is written.
fn is_azure(found: &Found<'_>) -> bool {
    let Template::Text(text) = found.template else { return false };
    found.place.site == Site::Azure && !text.span.is_empty()
}

impl<'p> Variable<'p> {
    fn of(found: Found<'p>) -> Option<Self> {
        let Template::Text(text) = found.template else { return None };
        variables_of(text).map(|names| Self { text, found, names })
    }

    /// What is wrong with its value. An empty one may be left out, except where a request
    /// would be sent to what is left.
    fn mistake(&self, scope: &Scope) -> Option<Diagnostic> {
        let place = self.found.place;
        if matches!(place.key, "http" | "tcp" | "verify")
            && let Some(error) = self.empty(scope)
        {
            return Some(error);
        }
        let value = self.text.render(scope).ok()?;
        let value = value.plain().filter(|value| !value.is_empty())?;
        let expected = (place.shape.check)(value).err()?;
        let message = format!("`{}` cannot be `{value}`", place.key);
        Some(Diagnostic::error("bad-value", message, &self.text.span).label(expected))
    }

    /// Why an address begins with nothing.
    fn empty(&self, scope: &Scope) -> Option<Diagnostic> {
        let error = self.text.check_address(scope).err()?;
        Some(Diagnostic::error(error.code, error.message, &error.span))
    }
}

#[cfg(test)]
mod tests {
    use super::unfit_values;
    use crate::plan::{read, render};

    fn drawn(text: &str) -> String {
        let reading = read(text);
        let plan = reading.plan.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        render("shipway.yml", text, &unfit_values(&plan), false)
    }

    fn plan(vars: &str, steps: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g, location: westeurope }}\n{vars}\nsteps:\n\
             - {{ id: live, deploy: {{ image: \"a.io/b:v1\", aci: {{ name: a, ports: [80] }} }} }}\n{steps}\n"
        )
    }

    #[test]
    fn value_that_its_key_does_not_take_is_shown_with_its_variable() {
        let label = "- deploy: { image: \"a.io/b:v1\", aci: { dns-label: \"${{ vars.label }}\", ports: [80] } }";
        assert_eq!(
            drawn(&plan("vars: { label: Bad_Label }", label)),
            "\
error[bad-value]: `dns-label` cannot be `Bad_Label`
 --> shipway.yml:6:51
  |
3 | vars: { label: Bad_Label }
  |                --------- its value
...
6 | - deploy: { image: \"a.io/b:v1\", aci: { dns-label: \"${{ vars.label }}\", ports: [80] } }
  |                                                   ^^^^^^^^^^^^^^^^^^^ expected 5 to 63 lower-case letters, digits and `-`, a letter first, no `-` last
  |
  = help: change the plan's value; a run takes another one from `--set label=VALUE`"
        );
    }

    #[test]
    fn value_of_one_environment_is_named_with_it() {
        let vars = "vars: { within: 1m }\nenvironments:\n  fast: { if: 'true' }\n  slow: { vars: { within: later } }";
        let said = drawn(&plan(vars, "- verify: { http: /, within: \"${{ vars.within }}\" }"));
        assert!(said.starts_with("error[bad-value]: `within` cannot be `later`\n"), "{said}");
        assert!(said.contains("----- its value in `slow`\n"), "{said}");
    }

    #[test]
    fn settings_of_an_environment_are_checked_in_it_alone() {
        let environments = |of_a: &str| {
            format!(
                "environments:\n  a: {{ if: 'true', azure: {{ resource-group: \"${{{{ vars.g }}}}\" }}, \
                 vars: {{ g: '{of_a}' }} }}\n  b: {{ vars: {{ g: 'b ad' }} }}"
            )
        };
        assert_eq!(drawn(&plan(&environments("good"), "- verify: /")), "");
        let said = drawn(&plan(&environments("b ad"), "- verify: /"));
        let first = "error[bad-value]: `resource-group` cannot be `b ad`\n --> shipway.yml:4:45\n";
        assert!(said.starts_with(first), "{said}");
    }

    #[test]
    fn setting_of_the_plan_is_not_checked_where_an_environment_has_its_own() {
        let of = |own: &str| {
            let text = "name: a\nazure: { resource-group: \"${{ vars.g }}\", location: westeurope }\n\
                        environments:\n  a: { if: 'true', vars: { g: good } }\n  b: { vars: { g: 'b ad' }OWN }\n\
                        steps:\n- run: x\n";
            drawn(&text.replace("OWN", own))
        };
        assert_eq!(of(", azure: { resource-group: fixed }"), "");
        assert!(of("").starts_with("error[bad-value]: `resource-group` cannot be `b ad`\n"));
    }

    #[test]
    fn address_that_would_begin_with_nothing_is_a_mistake() {
        for verify in ["\"${{ vars.host }}/healthz\"", "{ tcp: \"${{ vars.host }}:80\" }"] {
            let said = drawn(&plan("vars: { host: '' }", &format!("- verify: {verify}")));
            let first =
                "error[empty-name]: `vars.host` is empty, and an address would be made of it\n";
            assert!(said.starts_with(first), "{verify}: {said}");
            let help =
                "help: change the plan's value; a run takes another one from `--set host=VALUE`";
            assert!(said.contains(help), "{verify}: {said}");
        }
    }

    #[test]
    fn what_another_value_or_a_condition_may_make_right_is_fine() {
        let verify = |text: &str| format!("- verify: {{ http: /, within: \"{text}\" }}");
        for (vars, step) in [
            ("vars: { t: 1m }", verify("${{ vars.t }}")),
            ("vars: { t: '${{ git.branch }}' }", verify("${{ vars.t }}")),
            ("vars: { t: later }", verify("${{ git.branch == 'main' && vars.t || '1m' }}")),
            ("vars: { t: later }", format!("{}\n  if: vars.t != 'later'", verify("${{ vars.t }}"))),
            (
                "vars: { t: later }\nenvironments:\n  a: { vars: { t: 2m } }",
                verify("${{ vars.t }}"),
            ),
        ] {
            assert_eq!(drawn(&plan(vars, &step)), "", "{vars} {step}");
        }
    }
}
