//! The functions of templates over arrays and objects, and those that take texts as well.

use super::error::TemplateError;
use super::values::text_of;
use serde_json::{Map, Value, json};

/// A longer `range` is refused, as Azure does.
const MAX_RANGE: i64 = 10_000;

/// `None` where there is no such function, or not with these arguments.
pub fn call(name: &str, arguments: &[Value]) -> Option<Result<Value, TemplateError>> {
    Some(Ok(match (name, arguments) {
        ("createarray", items) => json!(items),
        ("createobject", pairs) if pairs.len() % 2 == 0 => {
            let pair = |pair: &[Value]| (text_of(&pair[0]), pair[1].clone());
            Value::Object(pairs.chunks(2).map(pair).collect())
        }
        ("array", [Value::Array(items)]) => json!(items),
        ("array", [value]) => json!([value]),
        ("concat", [Value::Array(_), ..]) => {
            let lists: Vec<&Vec<Value>> =
                arguments.iter().map(Value::as_array).collect::<Option<_>>()?;
            Value::Array(lists.into_iter().flatten().cloned().collect())
        }
        ("length", [value]) => match value {
            Value::Array(items) => json!(items.len()),
            Value::Object(members) => json!(members.len()),
            Value::String(text) => json!(text.chars().count()),
            _ => return None,
        },
        ("empty", [value]) => match value {
            Value::Null => json!(true),
            Value::Array(items) => json!(items.is_empty()),
            Value::Object(members) => json!(members.is_empty()),
            Value::String(text) => json!(text.is_empty()),
            _ => return None,
        },
        ("first", [Value::Array(items)]) => items.first().cloned().unwrap_or_default(),
        ("last", [Value::Array(items)]) => items.last().cloned().unwrap_or_default(),
        ("first", [Value::String(text)]) => json!(text.chars().take(1).collect::<String>()),
        ("last", [Value::String(text)]) => {
            json!(text.chars().last().map(String::from).unwrap_or_default())
        }
        ("contains", [Value::Array(items), value]) => json!(items.contains(value)),
        ("contains", [Value::Object(members), Value::String(name)]) => {
            json!(members.keys().any(|known| known.eq_ignore_ascii_case(name)))
        }
        ("contains", [Value::String(text), part]) => json!(text.contains(&text_of(part))),
        ("skip" | "take", [value, Value::Number(count)]) => {
            let count = usize::try_from(count.as_i64()?.max(0)).ok()?;
            return part(name == "take", value, count).map(Ok);
        }
        ("union", [_, ..]) => return union(arguments).map(Ok),
        ("intersection", [Value::Array(first), rest @ ..]) => {
            let lists: Vec<&Vec<Value>> =
                rest.iter().map(Value::as_array).collect::<Option<_>>()?;
            let in_all = |item: &&Value| lists.iter().all(|list| list.contains(item));
            json!(first.iter().filter(in_all).collect::<Vec<_>>())
        }
        ("range", [Value::Number(start), Value::Number(count)]) => {
            let (start, count) = (start.as_i64()?, count.as_i64()?);
            if !(0..=MAX_RANGE).contains(&count) {
                let message = format!("The function 'range' gives at most {MAX_RANGE} numbers.");
                return Some(Err(TemplateError::invalid(message)));
            }
            json!((start..start.saturating_add(count)).collect::<Vec<_>>())
        }
        ("json", [Value::String(text)]) => {
            return Some(serde_json::from_str(text).map_err(|_| {
                TemplateError::invalid("The argument of the function 'json' is not JSON.")
            }));
        }
        _ => return None,
    }))
}

fn part(is_take: bool, value: &Value, count: usize) -> Option<Value> {
    Some(match (value, is_take) {
        (Value::Array(items), true) => json!(items.iter().take(count).collect::<Vec<_>>()),
        (Value::Array(items), false) => json!(items.iter().skip(count).collect::<Vec<_>>()),
        (Value::String(text), true) => json!(text.chars().take(count).collect::<String>()),
        (Value::String(text), false) => json!(text.chars().skip(count).collect::<String>()),
        _ => return None,
    })
}

fn union(arguments: &[Value]) -> Option<Value> {
    if arguments[0].is_array() {
        let mut all: Vec<Value> = Vec::new();
        let lists = arguments.iter().map(Value::as_array).collect::<Option<Vec<_>>>()?;
        for item in lists.into_iter().flatten() {
            if !all.contains(item) {
                all.push(item.clone());
            }
        }
        return Some(Value::Array(all));
    }
    let mut all = Map::new();
    for members in arguments.iter().map(Value::as_object).collect::<Option<Vec<_>>>()? {
        merge(&mut all, members);
    }
    Some(Value::Object(all))
}

/// Objects within objects are united too.
fn merge(into: &mut Map<String, Value>, members: &Map<String, Value>) {
    for (name, value) in members {
        match (into.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(value)) => merge(known, value),
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}
