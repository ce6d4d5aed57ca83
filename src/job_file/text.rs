//! Sets or removes one member of a JSON text, and leaves all else as it is spelled.

use super::error::JobFileError;
use super::scan::{Object, Scanner};
use serde_json::{Map, Value};
use std::ops::Range;

/// The text with the member at `path` set to `value`. Objects on the way are made where they
/// are not there, or `null`. The text must be valid JSON, with an object at the top.
pub fn set(text: &str, path: &[&str], value: &Value) -> Result<String, JobFileError> {
    let style = Style::of(text);
    let mut object = Scanner::new(text).object(0);
    for (depth, name) in path.iter().enumerate() {
        let Some(at) = object.position(name, &path[..=depth])? else {
            let value = nested(&path[depth + 1..], value);
            return Ok(insert(text, &object, name, &style, &value));
        };
        let member = &object.members[at];
        let is_null = &text[member.value.clone()] == "null";
        if depth + 1 == path.len() || is_null {
            let indent = line_indent(text, member.start);
            let is_spread = text[object.start..member.start].contains('\n');
            let printed = style.print(&nested(&path[depth + 1..], value), indent, !is_spread);
            return Ok(replaced(text, &member.value, &printed));
        }
        if !text[member.value.clone()].starts_with('{') {
            return Err(JobFileError::NoObject(path[..=depth].join(".")));
        }
        object = Scanner::new(text).object(member.value.start);
    }
    Ok(text.to_owned())
}

/// The text without the member at `path`, if it is there.
pub fn remove(text: &str, path: &[&str]) -> Result<String, JobFileError> {
    let mut object = Scanner::new(text).object(0);
    for (depth, name) in path.iter().enumerate() {
        let Some(at) = object.position(name, &path[..=depth])? else { break };
        let members = &object.members;
        let member = &members[at];
        if depth + 1 == path.len() {
            let range = match (at.checked_sub(1), members.get(at + 1)) {
                (Some(before), _) => members[before].value.end..member.value.end,
                (None, Some(after)) => member.start..after.start,
                (None, None) => object.start + 1..object.end - 1,
            };
            return Ok(replaced(text, &range, ""));
        }
        if !text[member.value.clone()].starts_with('{') {
            break;
        }
        object = Scanner::new(text).object(member.value.start);
    }
    Ok(text.to_owned())
}

/// A value below the names that lead to it.
fn nested(names: &[&str], value: &Value) -> Value {
    names.iter().rev().fold(value.clone(), |inner, name| {
        Value::Object(Map::from_iter([((*name).to_owned(), inner)]))
    })
}

impl Object {
    /// Where the member of a name is. Fails where there are two; `path` is for its message.
    fn position(&self, name: &str, path: &[&str]) -> Result<Option<usize>, JobFileError> {
        let mut named = self.members.iter().enumerate().filter(|(_, member)| member.name == name);
        let found = named.next().map(|(at, _)| at);
        match named.next() {
            Some(_) => Err(JobFileError::Twice(path.join("."))),
            None => Ok(found),
        }
    }
}

/// Adds a member at the end of an object.
fn insert(text: &str, object: &Object, name: &str, style: &Style, value: &Value) -> String {
    let key = Value::String(name.to_owned());
    let indent = match object.members.last() {
        Some(last) => line_indent(text, last.start).to_owned(),
        None => format!("{}{}", line_indent(text, object.start), style.indent),
    };
    let is_spread = object
        .members
        .last()
        .map_or(!style.is_one_line, |last| text[object.start..last.start].contains('\n'));
    let member = format!("{key}: {}", style.print(value, &indent, !is_spread));
    let line = format!("{}{indent}", style.line_break);
    let (at, added) = match object.members.last() {
        Some(last) if is_spread => (last.value.end, format!(",{line}{member}")),
        Some(last) => (last.value.end, format!(", {member}")),
        None if is_spread => {
            let end = format!("{}{}", style.line_break, line_indent(text, object.start));
            return replaced(
                text,
                &(object.start + 1..object.end - 1),
                &format!("{line}{member}{end}"),
            );
        }
        None => return replaced(text, &(object.start + 1..object.end - 1), &format!(" {member} ")),
    };
    replaced(text, &(at..at), &added)
}

fn replaced(text: &str, range: &Range<usize>, by: &str) -> String {
    format!("{}{by}{}", &text[..range.start], &text[range.end..])
}

/// The white space at the start of the line in which a place is.
fn line_indent(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |line_break| line_break + 1);
    let line = &text[start..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// How the text is laid out.
struct Style {
    /// What one more level is indented by.
    indent: String,
    line_break: &'static str,
    is_one_line: bool,
}

impl Style {
    fn of(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.len() - line.trim_start().len());
        // The first line that is indented is one level deep.
        let width = lines.position(|indent| indent > 0);
        let line = width.and_then(|at| text.lines().nth(at)).unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start().len()];
        Self {
            indent: if indent.is_empty() { "  ".to_owned() } else { indent.to_owned() },
            line_break: if text.contains("\r\n") { "\r\n" } else { "\n" },
            is_one_line: !text.trim_end().contains('\n'),
        }
    }

    /// A value whose first line stands in a line with this indent.
    fn print(&self, value: &Value, indent: &str, one_line: bool) -> String {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let inner = format!("{indent}{}", self.indent);
                let printed = members.iter().map(|(name, value)| {
                    format!(
                        "{}: {}",
                        Value::String(name.clone()),
                        self.print(value, &inner, one_line)
                    )
                });
                let printed: Vec<String> = printed.collect();
                if one_line {
                    return format!("{{ {} }}", printed.join(", "));
                }
                let line = format!("{}{inner}", self.line_break);
                let end = format!("{}{indent}", self.line_break);
                format!("{{{line}{}{end}}}", printed.join(&format!(",{line}")))
            }
            other => other.to_string(),
        }
    }
}
