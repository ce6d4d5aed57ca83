//! `toJSON` and `fromJSON`.

use super::coerce::number_to_text;
use super::functions::LARGEST;
use super::value::{Kind, Object, Value};

/// The value as JSON, two spaces a level, as GitHub writes it.
pub(super) fn to_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

/// The same for people to read: `***` stands for what a secret went into.
pub(super) fn to_shown_json(value: &Value) -> String {
    to_json(&masked(value))
}

fn masked(value: &Value) -> Value {
    if value.taint().is_secret() && !matches!(value.kind, Kind::Null | Kind::Boolean(_)) {
        return Value::from("***");
    }
    match &value.kind {
        Kind::Null | Kind::Boolean(_) | Kind::Number(_) | Kind::String(_) => value.clone(),
        Kind::Array(items) | Kind::Filtered(items) => {
            Value::from(items.iter().map(masked).collect::<Vec<_>>())
        }
        Kind::Object(object) => {
            let members = object.iter().map(|(name, member)| (name.to_owned(), masked(member)));
            Value::from(Object::default().holding(members))
        }
    }
}

/// Reads JSON. The message names the place, never the text.
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
        if text.len() > LARGEST {
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

#[cfg(test)]
mod tests {
    use super::super::value::{Object, Value};
    use crate::secret::Redactor;

    #[test]
    fn what_people_are_shown_holds_no_secret() {
        let secret =
            Value::secret(&Redactor::default().adopt("secrets.token", "hunter22".to_owned()));
        let list = Value::from(vec![secret.clone(), Value::from(1.5), Value::NULL]);
        let value = Value::from(Object::default().with("user", "me").with("list", list));
        assert_eq!(
            value.shown(),
            "{\n  \"user\": \"me\",\n  \"list\": [\n    \"***\",\n    1.5,\n    null\n  ]\n}"
        );
        assert_eq!(secret.shown(), "\"***\"");
        assert_eq!(Value::from(true).tainted(secret.taint()).shown(), "true");
    }
}
