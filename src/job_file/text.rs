//! Sets one member of a JSON text, and leaves all else as it is spelled.

use super::error::JobFileError;
use serde_json::{Map, Value};
use std::ops::Range;

/// The text with the member at `path` set to `value`. Objects on the way are made where they
/// are not there. The text must be valid JSON, with an object at the top.
pub fn set(text: &str, path: &[&str], value: &Value) -> Result<String, JobFileError> {
    let style = Style::of(text);
    let mut object = Scanner::new(text).object(0);
    for (depth, name) in path.iter().enumerate() {
        let mut named = object.members.iter().filter(|member| member.name == *name);
        let found = named.next();
        if named.next().is_some() {
            return Err(JobFileError::Twice(path[..=depth].join(".")));
        }
        let Some(member) = found else {
            let value = path[depth + 1..].iter().rev().fold(value.clone(), |inner, name| {
                Value::Object(Map::from_iter([((*name).to_owned(), inner)]))
            });
            return Ok(insert(text, &object, name, &style, &value));
        };
        if depth + 1 == path.len() {
            let indent = line_indent(text, member.start);
            let printed = style.print(value, indent, style.is_one_line);
            return Ok(replaced(text, &member.value, &printed));
        }
        if !text[member.value.clone()].starts_with('{') {
            return Err(JobFileError::NoObject(path[..=depth].join(".")));
        }
        object = Scanner::new(text).object(member.value.start);
    }
    Ok(text.to_owned())
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

/// An object in the text.
struct Object {
    /// Where its `{` is.
    start: usize,
    /// Behind its `}`.
    end: usize,
    members: Vec<Member>,
}

struct Member {
    name: String,
    /// Where its name begins.
    start: usize,
    value: Range<usize>,
}

/// Finds the members of objects in JSON that is valid.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The object that begins at a place, or behind white space there.
    fn object(mut self, from: usize) -> Object {
        self.at = from;
        self.skip_space();
        let start = self.at;
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.skip_space();
            match self.byte() {
                Some(b'"') => {
                    let name_start = self.at;
                    self.skip_string();
                    let name = serde_json::from_str(&self.text[name_start..self.at]);
                    self.skip_space();
                    // The colon.
                    self.at += 1;
                    self.skip_space();
                    let value_start = self.at;
                    self.skip_value();
                    members.push(Member {
                        name: name.unwrap_or_default(),
                        start: name_start,
                        value: value_start..self.at,
                    });
                }
                Some(b',') => self.at += 1,
                _ => break,
            }
        }
        Object { start, end: self.at + 1, members }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => {
                    self.skip_string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ if depth == 0 && byte.is_ascii_whitespace() => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}
