//! The values of a JSON text, as far as a check of its shape needs them.
//!
//! JSON has numbers, depths and escapes that `serde_json::Value` refuses. They stay in the
//! file as they are, so that here something of the same type stands for them.

use super::scan::Scanner;
use serde_json::{Map, Value};

/// What is deeper is not looked at: no definition of a job comes near it.
const MAX_DEPTH: usize = 32;

/// The value of a text that is valid JSON.
pub fn value(text: &str) -> Value {
    below(text.trim(), 0)
}

fn below(text: &str, depth: usize) -> Value {
    match text.bytes().next() {
        Some(b'{') => {
            Value::Object(if depth < MAX_DEPTH { members(text, depth) } else { Map::new() })
        }
        Some(b'[') if depth < MAX_DEPTH => {
            let items = Scanner::new(text).items().into_iter();
            Value::Array(items.map(|item| below(&text[item], depth + 1)).collect())
        }
        Some(b'[') => Value::Array(Vec::new()),
        Some(b'"') => serde_json::from_str(text).unwrap_or(Value::String(String::new())),
        // A number that is too large for any type.
        _ => serde_json::from_str(text).unwrap_or_else(|_| f64::MAX.into()),
    }
}

fn members(text: &str, depth: usize) -> Map<String, Value> {
    let members = Scanner::new(text).object(0).members.into_iter();
    members.map(|member| (member.name, below(&text[member.value], depth + 1))).collect()
}
