//! What is wrong with an expression whatever its contexts hold: `bad-format`,
//! `bad-json` and `bad-case` of constants, `bad-value` of a constant that its key does
//! not take, `not-text` of a whole context.

use crate::plan::check::uses::Use;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::{EvalError, Value, constant_mistakes, constant_value};
use crate::plan::schema::{Part, Template};
use crate::plan::span::Spanned;

pub(super) fn check(one: &Use<'_>, found: &mut Vec<Diagnostic>) {
    let calls_nothing = one.functions.is_empty();
    if calls_nothing && one.contexts.len() == 1 {
        found.extend(whole_context(one));
        return;
    }
    let source = one.expression.value.to_owned();
    let expression = Spanned::new(source, one.expression.span.clone());
    let mistakes = constant_mistakes(&expression);
    if mistakes.is_empty() && one.contexts.is_empty() {
        found.extend(constant_value(&expression).and_then(|value| misfit(one, &value)));
    }
    found.extend(mistakes.into_iter().map(|error| drawn(one, error)));
}

fn drawn(one: &Use<'_>, error: EvalError) -> Diagnostic {
    let diagnostic = Diagnostic::error(error.code, error.message, &one.span(&error.span));
    match error.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// A context as a whole is an object.
fn whole_context(one: &Use<'_>) -> Option<Diagnostic> {
    let Template::Text(_) = one.template else { return None };
    let [context] = one.contexts.as_slice() else { return None };
    let source = one.expression.value;
    (context.path.len() == 1 && context.flows && source == context.context())
        .then(|| not_text(one, "an object"))
}

fn not_text(one: &Use<'_>, what: &str) -> Diagnostic {
    let source = one.expression.value;
    let message = format!("`{source}` is {what}, not text");
    Diagnostic::error("not-text", message, &one.expression.span)
        .help(format!("name one of its members, or write `toJSON({source})`"))
}

/// Why a constant is not what its key takes.
fn misfit(one: &Use<'_>, value: &Value) -> Option<Diagnostic> {
    let Template::Text(text) = one.template else { return None };
    if value.is_collection() {
        return Some(not_text(one, if value.is_array() { "a list" } else { "an object" }));
    }
    let [Part::Expression(_)] = text.parts.as_slice() else { return None };
    let given = value.text();
    // An empty text may be left out, or is reported by its own rule.
    if given.is_empty() {
        return None;
    }
    let expected = (one.place.shape.check)(&given).err()?;
    let message = format!("`{}` cannot be `{given}`", one.place.key);
    Some(Diagnostic::error("bad-value", message, &one.expression.span).label(expected))
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn constants_are_evaluated() {
        insta::assert_snapshot!(drawn(
            "name: a\nazure: { resource-group: g }\nsteps:\n  - run: x\n    env:\n      \
             A: ${{ format('{1}', git.sha) }}\n      B: ${{ fromJSON('{') }}\n      \
             C: ${{ case('x', 'a', 'b') }}\n      D: ${{ vars }}\n      \
             E: ${{ fromJSON('[1]') }}\n    timeout: ${{ 'soon' }}\n    \
             if: github.ref == fromJSON('main')\n"
        ));
    }

    #[test]
    fn what_only_the_run_knows_is_fine() {
        fine(
            "name: a\nvars: { t: 5m }\nsteps:\n  - run: x\n    timeout: ${{ vars.t }}\n    \
             env: { A: \"${{ toJSON(vars) }}\", B: \"${{ format('{0}', vars.t) }}\" }\n  \
             - run: y\n    timeout: ${{ format('{0}m', 5) }}\n    \
             if: contains(fromJSON('[\"a\", \"b\"]'), git.branch)\n",
        );
    }
}
