//! Expressions without quotes inside `[ ]` and `{ }`, where the `{` of `${{` begins a
//! mapping of YAML.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::span::Span;

/// How many lines before the mistake are searched for the `[` or `{` that is open.
const MAX_LINES_BEFORE: usize = 50;

/// Explains a mistake at `at` by an expression on its line, where that is the cause.
pub fn explain_unquoted(text: &str, at: usize) -> Option<Diagnostic> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let rewritten = quoted(line, open_before(text, start));
    let first = rewritten.first.filter(|first| start + first.start <= at)?;
    let span = start + first.start..start + first.end;
    let line = rewritten.line.trim();
    Some(
        Diagnostic::error("yaml-syntax", "an expression inside `[ ]` or `{ }` needs quotes", &span)
            .label("YAML takes its `{` for a mapping")
            .help(format!("write `{line}`")),
    )
}

/// How many `[` and `{` are open at the start of a line.
fn open_before(text: &str, start: usize) -> usize {
    let mut lines: Vec<&str> = text[..start].lines().rev().take(MAX_LINES_BEFORE).collect();
    lines.reverse();
    lines.iter().fold(0, |open, line| quoted(line, open).open)
}

/// A line whose expressions inside `[ ]` and `{ }` are in quotes.
struct Quoted {
    line: String,
    /// The first expression that was not.
    first: Option<Span>,
    /// How many `[` and `{` are open at its end.
    open: usize,
}

/// Puts the expressions of a line into quotes that stand inside `[ ]` or `{ }` without
/// them. `open` is how many of these are open at its start.
fn quoted(line: &str, open: usize) -> Quoted {
    let mut quoted = Quoted { line: String::new(), first: None, open };
    let mut rest = line;
    // Whether a value can begin here: only there do quotes and brackets mean something.
    let mut is_start = true;
    while let Some(letter) = rest.chars().next() {
        let at = line.len() - rest.len();
        let length = match letter {
            '"' | '\'' if is_start => closing(rest, letter),
            '#' if is_start => rest.len(),
            '[' | '{' if is_start => {
                quoted.open += 1;
                1
            }
            ']' | '}' if quoted.open > 0 => {
                quoted.open -= 1;
                1
            }
            ' ' | ',' | ':' | '-' => 1,
            _ if quoted.open > 0 => plain(rest),
            _ => letter.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        let is_value = quoted.open > 0 && length > 1 && !piece.starts_with(['"', '\'', '#']);
        if let (true, Some(dollar)) = (is_value, piece.find("${{")) {
            let end = piece[dollar..].find("}}").map_or(piece.len(), |end| dollar + end + 2);
            quoted.first.get_or_insert(at + dollar..at + end);
            let escaped = piece.replace('\\', "\\\\").replace('"', "\\\"");
            quoted.line.extend(["\"", escaped.as_str(), "\""]);
        } else {
            quoted.line.push_str(piece);
        }
        is_start = match letter {
            ' ' => is_start,
            '[' | '{' | ',' => is_start || quoted.open > 0,
            ':' | '-' => after.starts_with(' '),
            _ => false,
        };
        rest = after;
    }
    quoted
}

/// The length of a quoted text, with its quotes.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if letter == quote && !escaped {
            return at + 1;
        }
        escaped = letter == '\\' && quote == '"' && !escaped;
    }
    text.len()
}

/// The length of a plain value inside `[ ]` or `{ }`, in which an expression is one
/// piece, without the blanks at its end.
fn plain(text: &str) -> usize {
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        if rest.starts_with("${{") {
            at += rest.find("}}").map_or(rest.len(), |end| end + 2);
        } else if ",[]{}".contains(letter)
            || rest.starts_with(": ")
            || rest == ":"
            || rest.starts_with(" #")
        {
            break;
        } else {
            at += letter.len_utf8();
        }
    }
    // Other white space, such as a no-break space, is a part of the value in YAML.
    text[..at].trim_end_matches([' ', '\t']).len().max(1)
}

#[cfg(test)]
mod tests {
    use crate::plan::{read, render};

    #[test]
    fn expression_without_quotes_is_explained() {
        let shown = [
            "tags: [${{ git.sha }}, latest]\n",
            "tags: [ latest, v-${{ git.sha }} ]\n",
            "env: { A: ${{ vars.a }}, B: 'it''s' } # ${{ x }}\n",
            "env: { A: ${{ vars.a && 'b' }}-${{ vars.b }} }\n",
            "env: { A: \"${{ vars.a }}\", B: ${{ vars.b }} }\n",
            "tags: [\n  latest,\n  ${{ git.sha }}, v1\n]\n",
            "- push: { image: a/b, tags: [${{ github.event.release['tag_name'] }}] }\n",
        ]
        .map(|text| render("shipway.yml", text, &read(text).diagnostics, false));
        insta::assert_snapshot!(shown.join("\n\n"));
    }

    #[test]
    fn other_mistakes_beside_an_expression_stay_what_they_are() {
        for text in [
            "run: echo ${{ vars.a }}: b\n",
            "a: [\"${{ vars.a }}\", b: c: d]\n",
            "a: x [${{ vars.a }}] y: z\n",
            "# [ ${{ x }}\na: b: c\n",
            "a: {\u{a0},",
            "a: [\t,\u{2003}b\u{a0}",
        ] {
            let drawn = render("shipway.yml", text, &read(text).diagnostics, false);
            assert!(drawn.contains("error[yaml-syntax]"), "{drawn}");
            assert!(!drawn.contains("needs quotes"), "{drawn}");
        }
    }
}
