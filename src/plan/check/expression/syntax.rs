//! `expression-syntax` and `unknown-function`: an expression cannot be parsed.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::{FUNCTIONS, SyntaxError};
use crate::plan::span::Spanned;

/// The parser's error as a diagnostic.
pub(in crate::plan::check) fn explain(
    text: &str,
    expression: &Spanned<&str>,
    error: &SyntaxError,
) -> Diagnostic {
    let exact = text.get(expression.span.clone()) == Some(expression.value);
    let span = if exact { &error.span } else { &expression.span };
    let called = text.get(span.clone()).unwrap_or_default();
    let is_call = text.get(span.end..).is_some_and(|rest| rest.trim_start().starts_with('('));
    let known = FUNCTIONS.map(|(name, _)| name);
    if exact && is_call && !known.iter().any(|name| name.eq_ignore_ascii_case(called)) {
        let diagnostic = Diagnostic::error("unknown-function", error.message.as_str(), span);
        let suggested = diagnostic.clone().suggest(called, known);
        return match (&suggested.help, &error.help) {
            (None, Some(help)) => diagnostic.help(help),
            _ => suggested,
        };
    }
    let diagnostic = Diagnostic::error("expression-syntax", error.message.as_str(), span);
    match &error.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn at_the_place_of_the_mistake() {
        insta::assert_snapshot!(drawn(
            "name: a\nvars:\n  a: ${{ git.sha == \"x\" }}\n  b: ${{ contain('a', 'b') }}\n  \
             c: ${{ }}\n  d: '${{ ''a'' == }}'\n  e: ${{ obliterate(1) }}\n  f: ${{ contains('a') }}\n\
             steps: [{ run: x, if: git.sha = 'a' }]\n"
        ));
    }
}
