//! The functions of templates over texts.

use super::error::TemplateError;
use super::hashes::{guid, unique_string};
use super::values::text_of;
use crate::local::identity::random_uuid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};

const MAX_PADDING: usize = 1_300;

/// `None` where there is no such function, or not with these arguments.
pub fn call(name: &str, arguments: &[Value]) -> Option<Result<Value, TemplateError>> {
    let texts = || arguments.iter().map(Value::as_str).collect::<Option<Vec<&str>>>();
    Some(Ok(match (name, arguments) {
        ("string", [value]) => json!(text_of(value)),
        ("concat", [first, ..]) if !first.is_array() => {
            json!(arguments.iter().map(text_of).collect::<String>())
        }
        ("format", [Value::String(format), rest @ ..]) => return Some(formatted(format, rest)),
        ("tolower", [Value::String(text)]) => json!(text.to_lowercase()),
        ("toupper", [Value::String(text)]) => json!(text.to_uppercase()),
        ("trim", [Value::String(text)]) => json!(text.trim()),
        ("replace", [Value::String(text), Value::String(from), Value::String(to)]) => {
            json!(text.replace(from.as_str(), to))
        }
        ("split", [Value::String(text), Value::String(at)]) if !at.is_empty() => {
            json!(text.split(at.as_str()).collect::<Vec<_>>())
        }
        ("split", [Value::String(text), Value::Array(at)]) => {
            let at: Vec<char> = at.iter().filter_map(|one| one.as_str()?.chars().next()).collect();
            json!(text.split(at.as_slice()).collect::<Vec<_>>())
        }
        ("join", [Value::Array(items), Value::String(between)]) => {
            json!(items.iter().map(text_of).collect::<Vec<_>>().join(between))
        }
        ("startswith", [Value::String(text), Value::String(part)]) => {
            json!(text.to_lowercase().starts_with(&part.to_lowercase()))
        }
        ("endswith", [Value::String(text), Value::String(part)]) => {
            json!(text.to_lowercase().ends_with(&part.to_lowercase()))
        }
        ("indexof", [Value::String(text), Value::String(part)]) => {
            json!(place(text, text.to_lowercase().find(&part.to_lowercase())))
        }
        ("lastindexof", [Value::String(text), Value::String(part)]) => {
            json!(place(text, text.to_lowercase().rfind(&part.to_lowercase())))
        }
        ("substring", [Value::String(text), rest @ ..]) => return substring(text, rest),
        ("padleft", [value, Value::Number(width), rest @ ..]) => {
            let fill = rest.first().and_then(Value::as_str).and_then(|fill| fill.chars().next());
            let (text, width) = (text_of(value), usize::try_from(width.as_u64()?).ok()?);
            let missing = width.saturating_sub(text.chars().count()).min(MAX_PADDING);
            let fill = fill.unwrap_or(' ').to_string().repeat(missing);
            json!(format!("{fill}{text}"))
        }
        ("base64", [Value::String(text)]) => json!(STANDARD.encode(text)),
        ("base64tostring", [Value::String(text)]) => {
            let bytes = STANDARD.decode(text).ok()?;
            json!(String::from_utf8(bytes).ok()?)
        }
        ("uricomponent", [Value::String(text)]) => {
            json!(percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string())
        }
        ("uri", [Value::String(base), Value::String(relative)]) => {
            json!(url::Url::parse(base).ok()?.join(relative).ok()?.to_string())
        }
        ("uniquestring", [_, ..]) => json!(unique_string(&texts()?)),
        ("guid", [_, ..]) => json!(guid(&texts()?)),
        ("newguid", []) => json!(random_uuid()),
        ("utcnow", []) => json!(jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()),
        _ => return None,
    }))
}

/// The place of a part, in characters; -1 where it is not there.
fn place(text: &str, at: Option<usize>) -> i64 {
    let before = at.and_then(|at| text.get(..at)).map(|before| before.chars().count());
    before.and_then(|count| i64::try_from(count).ok()).unwrap_or(-1)
}

/// `{0}`, `{1}`: the arguments in their order. `{{` stands for `{`.
fn formatted(format: &str, arguments: &[Value]) -> Result<Value, TemplateError> {
    let invalid = || TemplateError::invalid(format!("The format '{format}' is not valid."));
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            text.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        let end = rest.find('}').filter(|_| brace == "{").ok_or_else(invalid)?;
        let index: usize = rest[..end]
            .split([':', ','])
            .next()
            .unwrap_or_default()
            .parse()
            .map_err(|_| invalid())?;
        text.push_str(&text_of(arguments.get(index).ok_or_else(invalid)?));
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    Ok(Value::String(text))
}

fn substring(text: &str, rest: &[Value]) -> Option<Result<Value, TemplateError>> {
    let count = text.chars().count();
    let number = |at: usize| {
        rest.get(at).map(|value| value.as_u64().and_then(|it| usize::try_from(it).ok()))
    };
    let start = number(0)??;
    let length = match number(1) {
        Some(length) => length?,
        None => count.saturating_sub(start),
    };
    if start + length > count {
        return Some(Err(TemplateError::invalid(format!(
            "The arguments of 'substring' are beyond the text '{text}', which has {count} \
             characters."
        ))));
    }
    Some(Ok(json!(text.chars().skip(start).take(length).collect::<String>())))
}
