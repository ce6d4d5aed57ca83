//! The scanner's errors, in words that name the remedy.

use super::events::events;
use super::flow::explain_unquoted;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::span::Span;
use granit_parser::{ErrorKind, Marker, ScanError};

/// A mistake of YAML. There is never more than one, because what comes after it
/// cannot be parsed.
pub fn explain(text: &str, error: &ScanError) -> Diagnostic {
    let at = byte(text, error.marker());
    if let Some(diagnostic) = explain_unquoted(text, at) {
        return diagnostic;
    }
    let open = open_before(text, at);
    let at = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => tab_near(text, at),
        // Its place is the beginning of the text, which a tab may stand before.
        ErrorKind::TabInPlainScalar => tab_after(text, at).unwrap_or(at),
        ErrorKind::InvalidQuotedScalarIndent => match &open {
            Some(Open { at, bracket: None }) => *at,
            _ => at,
        },
        _ => at,
    };
    let code = match error.kind() {
        ErrorKind::RecursionLimitExceeded => "yaml-depth",
        ErrorKind::UnknownAnchor => "yaml-alias",
        _ => "yaml-syntax",
    };
    let (message, help) = words(error.kind(), &text[at..]);
    let mut diagnostic = Diagnostic::error(code, message, &letter(text, at));
    if let (ErrorKind::InvalidColonPlacement, Some(Open { at, bracket: Some(bracket) })) =
        (error.kind(), &open)
    {
        diagnostic = diagnostic.also(&letter(text, *at), format!("this `{bracket}` is open"));
    }
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn letter(text: &str, at: usize) -> Span {
    at..at + text[at..].chars().next().map_or(0, char::len_utf8)
}

/// What is not closed.
struct Open {
    at: usize,
    /// `None` for a quoted text.
    bracket: Option<char>,
}

/// What is open before a place: the scanner finds where it begins once the text ends there,
/// and not at the beginning of a line, whose indent is wrong for a quoted text.
fn open_before(text: &str, at: usize) -> Option<Open> {
    let before = text[..at].trim_end();
    let error = events(before).find_map(Result::err)?;
    let bracket = match error.kind() {
        ErrorKind::UnclosedFlowCollection { open } => Some(*open),
        ErrorKind::UnclosedQuotedScalar => None,
        _ => return None,
    };
    Some(Open { at: byte(before, error.marker()), bracket })
}

/// The tab that a mistake is about: before its place, else after it.
fn tab_near(text: &str, at: usize) -> usize {
    if text[..at].ends_with('\t') { at - 1 } else { tab_after(text, at).unwrap_or(at) }
}

/// The next tab in the line, or at the beginning of the next line that says something. The
/// scanner gives the text before it.
fn tab_after(text: &str, at: usize) -> Option<usize> {
    let mut start = at;
    for line in text[at..].split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t']);
        let searched = if start == at { line } else { &line[..line.len() - content.len()] };
        if let Some(tab) = searched.find('\t') {
            return Some(start + tab);
        }
        let says_nothing = content.trim_end().is_empty() || content.starts_with('#');
        if start != at && !says_nothing {
            break;
        }
        start += line.len();
    }
    None
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
        ErrorKind::UnclosedFlowCollection { open } => {
            let help = match open {
                '[' => "put `]` where the list ends",
                _ => "put `}` where the mapping ends",
            };
            (format!("`{open}` is not closed"), Some(help))
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            let help = match open {
                '[' => "put `]` in place of the `}`, or before it",
                _ => "put `}` in place of the `]`, or before it",
            };
            (format!("`{open}` is closed by `{close}`"), Some(help))
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
    fn tab_of_a_further_line_is_pointed_at() {
        assert_eq!(
            drawn("name: a\nsteps:\n  - run: x\n\t- run: y\n"),
            "\
error[yaml-syntax]: a tab stands where YAML takes spaces alone
 --> ship.yml:4:1
  |
4 |     - run: y
  | ^
  |
  = help: indent with spaces"
        );
        let shown = drawn("steps:\n  - run: x\n\n  # next\n  \t- run: y\n");
        assert!(shown.contains(" --> ship.yml:5:3\n"), "{shown}");
        // The one before `b` is as good as a space.
        let shown = drawn("a:\tb\n\tc: d\n");
        assert!(shown.contains(" --> ship.yml:2:1\n"), "{shown}");
    }

    #[test]
    fn quote_that_is_not_closed_is_pointed_at_where_it_opens() {
        assert_eq!(
            drawn("name: \"a\nsteps:\n  - run: x\n"),
            "\
error[yaml-syntax]: a quoted text is not closed
 --> ship.yml:1:7
  |
1 | name: \"a
  |       ^
  |
  = help: close it where it ends"
        );
        let shown = drawn("name: a\nsteps:\n  - run: 'x\n    name: y\n  - run: 'z'\n");
        assert!(shown.contains(" --> ship.yml:3:10\n"), "{shown}");
        let shown = drawn("name: a\nsteps: [{ run: \"x }]\n");
        assert!(shown.contains(" --> ship.yml:2:16\n"), "{shown}");
    }

    #[test]
    fn bracket_that_is_open_is_pointed_at_from_the_next_key() {
        assert_eq!(
            drawn("name: a\nsteps: [{ run: x }\nvars: { a: 1 }\n"),
            "\
error[yaml-syntax]: a `:` stands where no key can be
 --> ship.yml:3:5
  |
2 | steps: [{ run: x }
  |        - this `[` is open
3 | vars: { a: 1 }
  |     ^
  |
  = help: close the `[` or `{` before it, or put a value that holds a `:` in quotes"
        );
    }

    #[test]
    fn bracket_without_its_own_end_names_the_end() {
        let help = |yaml: &str| {
            let shown = drawn(yaml);
            shown.split("= help: ").nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(help("a: [1, 2"), "put `]` where the list ends");
        assert_eq!(help("a:\n  b: { c: d\n"), "put `}` where the mapping ends");
        assert_eq!(help("a: [1, 2}\n"), "put `]` in place of the `}`, or before it");
        assert_eq!(help("steps: [{ run: x ]\n"), "put `}` in place of the `]`, or before it");
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
