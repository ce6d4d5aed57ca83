//! Texts that others wrote, for people.

/// How much of one text is shown. The URL of a workflow has some 100 characters.
const MAX_CHARS: usize = 200;

/// A text from a certificate or a log, in backticks: without control characters, which a
/// terminal or a log would obey, and cut where it is long.
pub fn quoted(text: &str) -> String {
    format!("`{}`", escaped(text).replace('`', "\\u{60}"))
}

/// The same of a message that quotes such a text.
pub fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(MAX_CHARS) {
        match character {
            '\'' | '"' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{escaped, quoted};

    #[test]
    fn controls_are_escaped_and_long_texts_cut() {
        assert_eq!(quoted("https://a.example.com/it's"), "`https://a.example.com/it's`");
        assert_eq!(quoted("a\n::error::\u{1b}[2J"), "`a\\n::error::\\u{1b}[2J`");
        assert_eq!(quoted("a\u{202e}b` c"), "`a\\u{202e}b\\u{60} c`");
        assert_eq!(escaped("missing field `a`, not `\n`"), "missing field `a`, not `\\n`");
        assert_eq!(quoted(&"é".repeat(200)), format!("`{}`", "é".repeat(200)));
        assert_eq!(quoted(&"é".repeat(201)), format!("`{}…`", "é".repeat(200)));
    }
}
