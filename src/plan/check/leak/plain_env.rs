//! `plain-secret`: a variable that is named like a password gets a value that is not a
//! secret, and so is stored in plain text.

use super::secret_name::{is_secret_name, words};
use crate::plan::check::uses::{Uses, member};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::{ContextRef, references};
use crate::plan::schema::{Action, Build, BuildKind, Map, Text};
use crate::plan::span::Spanned;

/// Where a variable ends up, which decides who can read it and how a secret is given
/// instead.
#[derive(Clone, Copy)]
enum Destination {
    /// Everyone who may read the container group in Azure.
    Group,
    /// Everyone who has the image: build arguments are in its history.
    BuildArguments,
    /// Everyone who has the image.
    Image,
}

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let steps = uses.plan.services.iter().flat_map(|(_, service)| &service.steps);
    for step in steps {
        match &step.action {
            Action::Deploy(deploy) => {
                let all = deploy.variables().flat_map(Map::iter);
                let plain = all.filter(|(_, it)| it.secure.text.as_literal() == Some("false"));
                let texts = plain.map(|(name, variable)| (name, &variable.value));
                check_all(uses, texts, Destination::Group, found);
            }
            Action::Build(Build { kind: BuildKind::Dockerfile(dockerfile) }) => {
                check_all(uses, dockerfile.args.iter(), Destination::BuildArguments, found);
            }
            Action::Build(Build { kind: BuildKind::Layers(layers) }) => {
                check_all(uses, layers.env.iter(), Destination::Image, found);
            }
            Action::Build(Build { kind: BuildKind::Image(_) })
            | Action::Tag(_)
            | Action::Push(_)
            | Action::Verify(_)
            | Action::Run(_) => {}
        }
    }
}

fn check_all<'p>(
    uses: &Uses<'_>,
    env: impl Iterator<Item = (&'p Spanned<String>, &'p Text)>,
    destination: Destination,
    found: &mut Vec<Diagnostic>,
) {
    for (name, text) in env {
        if is_secret_name(&name.value) && is_plain(uses, text) {
            found.push(report(name, text, destination));
        }
    }
}

/// Whether the value is not empty and comes only from literals, `env` and `vars`, none of
/// them declared secret. Outputs of steps may be secret, and other contexts, such as
/// `git`, never are: both are accepted.
fn is_plain(uses: &Uses<'_>, text: &Text) -> bool {
    if text.source.trim().is_empty() {
        return false;
    }
    let named: Vec<ContextRef> = text
        .expressions()
        .flat_map(|one| references(&one.value, 0).unwrap_or_default())
        .filter(|one| one.flows)
        .collect();
    let is_variable =
        |one: &ContextRef| member(one, "env").is_some() || member(one, "vars").is_some();
    named.iter().all(|one| is_variable(one) && !uses.is_secret(one))
}

fn report(name: &Spanned<String>, text: &Text, destination: Destination) -> Diagnostic {
    let who = match destination {
        Destination::Group => "everyone who may read the container group",
        Destination::BuildArguments | Destination::Image => "everyone who has the image",
    };
    let message = format!("`{}` is not a secret here, so {who} sees its value", name.value);
    let variable = source_variable(text).unwrap_or_else(|| name.value.clone());
    let secret = words(&variable).join("-");
    let declaration = format!("secrets: {{ {secret}: {{ env: {variable} }} }}");
    let used = format!("{{ {}: \"${{{{ secrets.{secret} }}}}\" }}", name.value);
    let help = match destination {
        Destination::Group => {
            format!(
                "declare it as a secret, which is sent as a secure value:\n{declaration}\nenv: {used}"
            )
        }
        Destination::BuildArguments => format!(
            "declare it as a secret, and give it to the build by `secrets`, which leaves no trace:\n\
             {declaration}\nbuild: {{ secrets: {used} }}"
        ),
        Destination::Image => format!(
            "declare it as a secret, and give it to the container when it is deployed:\n\
             {declaration}\ndeploy: {{ aci: {{ env: {used} }} }}"
        ),
    };
    Diagnostic::warning("plain-secret", message, &text.span).help(help)
}

/// The name in a text that is exactly `${{ env.NAME }}`.
fn source_variable(text: &Text) -> Option<String> {
    let mut expressions = text.expressions();
    let (one, None) = (expressions.next()?, expressions.next()) else { return None };
    let named = references(&one.value, 0).unwrap_or_default();
    let [only] = named.as_slice() else { return None };
    let variable = member(only, "env")?;
    let whole = text.source.trim().strip_prefix("${{")?.strip_suffix("}}")?.trim();
    (whole == format!("env.{variable}")).then(|| variable.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    const HEAD: &str = "name: a\nvars: { p: hunter22 }\nsecrets: { s: { env: S } }\nazure: { resource-group: g }\nsteps:\n";

    #[test]
    fn password_from_a_variable_is_a_warning_with_the_rewrite() {
        insta::assert_snapshot!(drawn(&format!(
            "{HEAD}- build: {{ context: ., args: {{ NPM_TOKEN: \"${{{{ env.NPM_TOKEN }}}}\" }} }}\n\
             - build: {{ layers: [], env: {{ API_KEY: abc }} }}\n\
             - deploy:\n    image: a.io/b:v1\n    aci:\n      \
             env: {{ DB_PASS: \"${{{{ env.DB_PASS }}}}\", ConnectionStrings__Main: \"Password=${{{{ vars.p }}}}\" }}\n      \
             containers: [{{ name: x, image: \"a.io/b:v1\", env: {{ dbPassword: \"${{{{ env.PW }}}}\" }} }}]\n\
             - {{ run: x, env: {{ A: \"${{{{ secrets.s }}}}\" }} }}\n"
        )));
    }

    #[test]
    fn only_a_variable_that_is_the_whole_value_becomes_the_secret() {
        let shown = drawn(&format!(
            "{HEAD}- deploy:\n    image: a.io/b:v1\n    aci:\n      env:\n        \
             DB_PASSWORD: \"Password=${{{{ env.P }}}}\"\n        \
             API_KEY: \"${{{{ format('{{0}}!', env.P) }}}}\"\n        \
             TOKEN: \"${{{{ env.P }}}}\"\n"
        ));
        let declared: Vec<&str> =
            shown.lines().map(str::trim).filter(|line| line.starts_with("secrets: {")).collect();
        assert_eq!(
            declared,
            [
                "secrets: { db-password: { env: DB_PASSWORD } }",
                "secrets: { api-key: { env: API_KEY } }",
                "secrets: { p: { env: P } }",
            ],
            "{shown}"
        );
    }

    #[test]
    fn secrets_outputs_and_other_names_are_accepted() {
        fine(&format!(
            "{HEAD}- {{ id: login, run: x, env: {{ TOKEN: \"${{{{ env.TOKEN }}}}\" }} }}\n\
             - deploy:\n    image: a.io/b:v1\n    aci:\n      env:\n        \
             DB_PASS: \"${{{{ secrets.s }}}}\"\n        API_TOKEN: \"${{{{ env.S }}}}\"\n        \
             SESSION_TOKEN: \"${{{{ steps.login.outputs.token }}}}\"\n        CACHE_TOKEN: \"${{{{ git.sha }}}}\"\n        \
             EMPTY_PASSWORD: \"\"\n        KEYBOARD: us\n        PUBLIC_KEY: abc\n        PASSWORD_FILE: /run/p\n"
        ));
    }
}
