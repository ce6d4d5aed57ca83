//! How a text is spelled in YAML: plain where that reads back as the same text.

use std::fmt::Write as _;

/// Where a scalar stands: in flow collections `,`, `[`, `]`, `{`, `}` end it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    Block,
    Flow,
}

/// A text on one line, quoted where YAML would read it as something else.
pub fn spelled(text: &str, place: Place) -> String {
    if is_plain(text, place) {
        text.to_owned()
    } else if text.contains(['"', '\\']) && !text.contains('\'') && !has_control(text) {
        format!("'{text}'")
    } else {
        double_quoted(text)
    }
}

fn has_control(text: &str) -> bool {
    // Next line, line and paragraph separators and the byte order mark are not content of
    // a plain or single-quoted scalar either (YAML 1.2.2, section 5).
    text.contains(|letter: char| letter.is_control() || "\u{2028}\u{2029}\u{feff}".contains(letter))
}

fn is_plain(text: &str, place: Place) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let ends_early = place == Place::Flow && text.contains([',', '[', ']', '{', '}']);
    let is_special = "-?:,[]{}#&*!|>'\"%@`=<~".contains(first) || text.starts_with("...");
    let is_split = text.contains(": ") || text.contains(" #") || text.ends_with(':');
    let has_edge = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    // `a:[b` is a mapping for some readers of flow collections.
    let has_flow_colon = place == Place::Flow && text.contains(':') && text.contains(['"', '\'']);
    let is_misread = ends_early || is_special || is_split || has_edge || has_flow_colon;
    !(is_misread || has_control(text) || is_other_type(text))
}

/// Whether YAML 1.1 or 1.2 reads the plain text as a boolean, null or a number. Readers
/// of both kinds are in use.
fn is_other_type(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan"];
    let is_number = text.starts_with(|first: char| first.is_ascii_digit() || "+.".contains(first))
        && text.contains(|letter: char| letter.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || b"+-._:xoXO".contains(&byte));
    words.contains(&lower.as_str()) || [".inf", "+.inf"].contains(&lower.as_str()) || is_number
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            other if has_control(other.encode_utf8(&mut [0; 4])) => {
                write!(quoted, "\\U{:08x}", u32::from(other)).ok();
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text of several lines can stand in a literal block as it is.
pub fn fits_literal(text: &str) -> bool {
    text.contains('\n') && !text.chars().any(|letter| letter != '\n' && letter != '\t' && has_control(letter.encode_utf8(&mut [0; 4])))
        // A block of blank lines alone, and one that begins with them, needs an indicator of
        // its indentation that some readers get wrong.
        && !text.starts_with(['\n', ' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::{Place, spelled};

    #[test]
    fn text_is_quoted_where_yaml_would_read_something_else() {
        let table = [
            ("web", "web"),
            ("${{ vars.label }}", "${{ vars.label }}"),
            ("/healthz", "/healthz"),
            (".", "."),
            ("demo.azurecr.io/web:v1", "demo.azurecr.io/web:v1"),
            ("80", "\"80\""),
            ("1.10", "\"1.10\""),
            ("12e4567", "\"12e4567\""),
            ("no", "\"no\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("-f", "\"-f\""),
            ("say \"hi\"", "say \"hi\""),
            ("{\"a\": 1}", "'{\"a\": 1}'"),
            ("a\tb", "\"a\\tb\""),
        ];
        for (text, expected) in table {
            assert_eq!(spelled(text, Place::Block), expected, "{text:?}");
        }
        assert_eq!(spelled("${{ pr.tag }}", Place::Flow), "\"${{ pr.tag }}\"");
        assert_eq!(spelled("a,b", Place::Flow), "\"a,b\"");
    }
}
