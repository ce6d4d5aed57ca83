//! The scanner's errors, in words that name the remedy.

use super::flow::explain_unquoted;
use crate::plan::diagnostic::Diagnostic;
use granit_parser::{ErrorKind, Marker, ScanError};

/// A mistake of YAML. There is never more than one, because what comes after it
/// cannot be parsed.
pub fn explain(text: &str, error: &ScanError) -> Diagnostic {
    let mut at = byte(text, error.marker());
    if let Some(diagnostic) = explain_unquoted(text, at) {
        return diagnostic;
    }
    if text[..at].ends_with('\t') {
        at -= 1;
    }
    let letter = text[at..].chars().next();
    let span = at..at + letter.map_or(0, char::len_utf8);
    let code = match error.kind() {
        ErrorKind::RecursionLimitExceeded => "yaml-depth",
        ErrorKind::UnknownAnchor => "yaml-alias",
        _ => "yaml-syntax",
    };
    let (message, help) = words(error.kind(), &text[at..]);
    let diagnostic = Diagnostic::error(code, message, &span);
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn words(kind: &ErrorKind, rest: &str) -> (String, Option<&'static str>) {
    const QUOTE: &str = "put the value in quotes";
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            ("a tab stands where YAML takes spaces alone".into(), Some("indent with spaces"))
        }
        ErrorKind::InvalidColonPlacement => (
            "a `:` stands where no key can be".into(),
            Some("close the `[` or `{` before it, or put a value that holds a `:` in quotes"),
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed => (
            "a `:` stands where no key can be".into(),
            Some("put a value that holds `: ` in quotes, and indent a key as its neighbours are"),
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("a key without its `:`".into(), Some("write `key: value`"))
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::BlockSequenceEntryNotAllowed => (
            "this line is indented neither as those before it nor as what is in them".into(),
            Some("keys of one mapping, and items of one list, begin in one column"),
        ),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            ("a quoted text is not closed".into(), Some("close it where it ends"))
        }
        ErrorKind::UnclosedFlowCollection { open } => (format!("`{open}` is not closed"), None),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{open}` is closed by `{close}`"), None)
        }
        ErrorKind::UnexpectedCharacter { character: '\0' } => {
            ("a NUL character, which no text has".into(), None)
        }
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("`{}` cannot begin a value", character.escape_debug()), Some(QUOTE))
        }
        ErrorKind::UnknownAnchor => {
            let name: String =
                rest.chars().skip(1).take_while(|letter| letter.is_alphanumeric()).collect();
            (format!("no anchor `&{name}` comes before this"), None)
        }
        ErrorKind::RecursionLimitExceeded => ("nested more than 64 levels deep".into(), None),
        // The scanner has some eighty more, most of them never seen.
        other => (format!("not YAML: {other}"), None),
    }
}

/// The byte of a place: the scanner's errors count characters.
fn byte(text: &str, marker: &Marker) -> usize {
    let counted = || text.char_indices().nth(marker.index()).map_or(text.len(), |(at, _)| at);
    let at = marker.byte_offset().unwrap_or_else(counted);
    if text.is_char_boundary(at) { at } else { text.len() }
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use crate::plan::diagnostic::render;
    use std::fmt::Write as _;

    fn drawn(yaml: &str) -> String {
        let mut found = Vec::new();
        assert!(load(yaml, &mut found).is_none(), "{yaml}");
        render("ship.yml", yaml, &found, false)
    }

    #[test]
    fn each_names_its_remedy() {
        let shown = [
            "steps:\n\t- push:\n",
            "a: b: c\n",
            "a: 1\n  b: 2\n",
            "a:\n   b: 2\n  c: 3\n",
            "a: 1\nb\nc: 2\n",
            "a: \"x\nb: 2\n",
            "a: [1, 2\nb: 3\n",
            "a: [1, 2",
            "a: [1, 2}\n",
            "a: @x\n",
            "a: %x\n",
            "a: x\0y\n",
            "a: *x\n",
            "a: 1\n---\nb: 2\n",
            "a: &x [*x]\n",
            "a: &x b\n- c\n",
        ]
        .map(drawn)
        .join("\n\n");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn nesting_has_an_end() {
        for open in ["[", "{a: ", "- ", "[{a: "] {
            let drawn = drawn(&open.repeat(100_000));
            assert!(
                drawn.starts_with("error[yaml-depth]: nested more than 64 levels deep"),
                "{drawn}"
            );
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(bomb, "a{level}: &a{level} [{items}]").expect("a string takes all");
        }
        let drawn = drawn(&bomb);
        assert!(
            drawn.starts_with("error[yaml-bomb]: aliases repeat more than 100000 values"),
            "{drawn}"
        );
    }
}
