//! `not-known-yet`: an expression names a context that has no value yet.

use crate::plan::check::uses::Use;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::contexts::{Site, context};

pub(super) fn check(one: &Use<'_>, found: &mut Vec<Diagnostic>) {
    let site = one.place.site;
    for reference in &one.contexts {
        let Some(context) = context(reference.context()).filter(|known| !site.sees(known)) else {
            continue;
        };
        let seen = site.contexts().map(|context| context.name).collect::<Vec<_>>().join("`, `");
        found.push(
            Diagnostic::error(
                "not-known-yet",
                format!("`{}` is not known {}", context.name, describe(site)),
                &one.span(&reference.span),
            )
            .label(format!("it is there {}", context.phase.describe()))
            .help(format!("here are `{seen}`")),
        );
    }
    for function in one.functions.iter().filter(|function| function.function.is_status()) {
        if !site.has_status() {
            let message = format!(
                "`{}()` asks how the run stands, which only the `if` of a step can",
                function.function.name()
            );
            found.push(Diagnostic::error("not-known-yet", message, &one.span(&function.span)));
        }
    }
}

/// In words that fit after "is not known".
fn describe(site: Site) -> &'static str {
    match site {
        Site::EnvironmentCondition => "when the environment is chosen",
        Site::EnvironmentSetting => "in the settings of an environment",
        Site::Variable => "when the variables get their values",
        Site::PlanEnv => "in the plan's `env`",
        Site::SecretSource => "before the secrets are read",
        Site::Azure => "in `azure`",
        Site::Registry => "in `registries`",
        Site::RegistryName => "in the host of a registry",
        Site::StepCondition | Site::Step => "here",
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn each_place_sees_what_is_known_by_then() {
        insta::assert_snapshot!(drawn(
            "name: a\nenv: { A: \"${{ steps.run.outputs.x }}\" }\nvars: { a: \"${{ vars.b }}\", b: 1 }\n\
             secrets: { s: { keyvault: \"${{ secrets.s }}\" } }\n\
             azure: { location: \"${{ services.a.outputs.url }}\" }\n\
             registries: { '${{ secrets.s }}.io': {}, r.io: { insecure: \"${{ steps.run.outputs.x }}\" } }\n\
             environments: { e: { if: vars.a == 1 || always(), ttl: \"${{ secrets.s }}\" } }\n\
             steps: [{ run: 'x', name: \"${{ success() }}\" }]\n"
        ));
    }
}
