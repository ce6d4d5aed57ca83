//! `toJSON` and `fromJSON`.

use super::primitive::number_to_text;
use super::value::{Kind, MAX_TEXT_BYTES, Value};

/// Writes a value as JSON, indented by two spaces a level as at GitHub.
pub(super) fn to_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

/// Parses JSON. The error names the place, never the text, which may be secret.
pub(super) fn from_json(text: &str) -> Result<Value, String> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(Value::from(&json))
}

/// Recursion is bounded: no value is nested deeper than the JSON it came from,
/// and the reader of that stops at 128.
fn write(value: &Value, level: usize, text: &mut String) {
    match &value.kind {
        Kind::Null => text.push_str("null"),
        Kind::Boolean(value) => text.push_str(if *value { "true" } else { "false" }),
        Kind::Number(number) => text.push_str(&number_to_text(*number)),
        Kind::String(string) => text.push_str(&quoted(string)),
        Kind::Array(items) | Kind::Filtered(items) => {
            let items = items.iter().map(|item| (None, item));
            write_all(['[', ']'], items, level, text);
        }
        Kind::Object(object) => {
            let members = object.iter().map(|(name, member)| (Some(name), member));
            write_all(['{', '}'], members, level, text);
        }
    }
}

fn write_all<'a>(
    brackets: [char; 2],
    members: impl Iterator<Item = (Option<&'a str>, &'a Value)>,
    level: usize,
    text: &mut String,
) {
    text.push(brackets[0]);
    let mut any = false;
    for (name, member) in members {
        if text.len() > MAX_TEXT_BYTES {
            return;
        }
        text.push_str(if any { ",\n" } else { "\n" });
        text.push_str(&"  ".repeat(level + 1));
        if let Some(name) = name {
            text.push_str(&quoted(name));
            text.push_str(": ");
        }
        write(member, level + 1, text);
        any = true;
    }
    if any {
        text.push('\n');
        text.push_str(&"  ".repeat(level));
    }
    text.push(brackets[1]);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
