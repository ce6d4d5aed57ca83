//! `duplicate-key`: a key of `registries` with variables gives the host of another key.

use super::known_values::{Literals, place_of, remedy, scope_of, variables_of};
use crate::oci::registry_host;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::Scope;
use crate::plan::schema::{Plan, Registries, Text};
use crate::plan::span::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Looks at the registries as each environment has them, by the literals of its variables.
pub(super) fn check(
    plan: &Plan,
    environments: &[(Option<&str>, Literals<'_>)],
    found: &mut Vec<Diagnostic>,
) {
    let mut reported = BTreeSet::new();
    for (environment, known) in environments {
        let scope = scope_of(known);
        let own = environment.and_then(|name| plan.environments.get(name));
        let lists = std::iter::once(&plan.registries).chain(own.map(|own| &own.registries));
        for second in lists.flat_map(|registries| second_keys(registries, &scope, known)) {
            let Second { key, names, host, first } = second;
            if !reported.insert(key.span.start) {
                continue;
            }
            let source = &key.source;
            let message =
                format!("`{source}` under `registries` gives `{host}`, which is listed already");
            let diagnostic = Diagnostic::error("duplicate-key", message, &key.span)
                .also(&first, "first here")
                .help(remedy(&names));
            let place = place_of(*environment);
            let values = names.iter().map(|name| &known[name].span);
            found.push(values.fold(diagnostic, |it, span| it.also(span, place.clone())));
        }
    }
}

/// A key that gives a host which another has.
struct Second<'p> {
    key: &'p Text,
    /// The variables in it.
    names: BTreeSet<String>,
    host: String,
    first: Span,
}

fn second_keys<'p>(
    registries: &'p Registries,
    scope: &Scope,
    known: &Literals<'_>,
) -> Vec<Second<'p>> {
    let named = registries.iter().map(|(host, _)| (host.value.clone(), host.span.clone()));
    let mut hosts: BTreeMap<String, Span> = named.collect();
    let mut seconds = Vec::new();
    for key in registries.unnamed_keys() {
        let names = variables_of(key).filter(|names| names.iter().all(|it| known.contains_key(it)));
        let Some(names) = names else { continue };
        let Ok(value) = key.render(scope) else { continue };
        let Some(host) = value.plain().map(registry_host) else { continue };
        match hosts.get(&host) {
            Some(first) => seconds.push(Second { key, names, host, first: first.clone() }),
            None => {
                hosts.insert(host, key.span.clone());
            }
        }
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::plan::check::known_values::literals;
    use crate::plan::{read, render};

    fn drawn(plan: &str) -> String {
        let text = format!("name: a\n{plan}\nsteps: [{{ run: x }}]\n");
        let reading = read(&text);
        let plan = reading.plan.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        let mut found = Vec::new();
        check(&plan, &literals(&plan), &mut found);
        render("shipway.yml", &text, &found, false)
    }

    #[test]
    fn key_that_gives_a_listed_host_is_an_error() {
        assert_eq!(
            drawn(
                "vars: { h: index.docker.io }\nregistries: { docker.io: {}, '${{ vars.h }}': {} }"
            ),
            "\
error[duplicate-key]: `${{ vars.h }}` under `registries` gives `docker.io`, which is listed already
 --> shipway.yml:3:30
  |
2 | vars: { h: index.docker.io }
  |            --------------- its value
3 | registries: { docker.io: {}, '${{ vars.h }}': {} }
  |               ---------      ^^^^^^^^^^^^^^^
  |               |
  |               first here
  |
  = help: change the plan's value; a run takes another one from `--set h=VALUE`"
        );
    }

    #[test]
    fn keys_of_an_environment_are_compared_with_each_other() {
        let two = "vars: { a: a.io, b: b.io }\nenvironments:\n  live: { vars: { b: a.io }, OWN }";
        let own = "registries: { '${{ vars.a }}': {}, '${{ vars.b }}': {} }";
        let said = drawn(&two.replace("OWN", own));
        let first = "error[duplicate-key]: `${{ vars.b }}` under `registries` gives `a.io`";
        assert!(said.starts_with(first), "{said}");
        assert!(said.contains("its value in `live`"), "{said}");
        // What the environment changes of a registry of the plan.
        let of_plan = "x-y: 1 }\nregistries: { '${{ vars.a }}': {}, c.io: {}";
        assert_eq!(drawn(&two.replace("OWN", of_plan)), "");
    }

    #[test]
    fn hosts_that_are_not_known_or_differ_are_fine() {
        assert_eq!(drawn("vars: { h: b.io }\nregistries: { a.io: {}, '${{ vars.h }}': {} }"), "");
        let of_git =
            "vars: { h: '${{ git.branch }}' }\nregistries: { a.io: {}, '${{ vars.h }}': {} }";
        assert_eq!(drawn(of_git), "");
    }
}
