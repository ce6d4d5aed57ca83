//! A turn of a loop, and what it is asked for.

use super::error::TemplateError;
use serde_json::Value;

/// One turn of a loop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoopTurn {
    /// Empty where the loop has no name.
    pub name: String,
    pub index: i64,
}

/// `copyIndex([loop], [offset])` in these turns, the innermost last.
pub fn copy_index(arguments: &[Value], turns: &[LoopTurn]) -> Result<Value, TemplateError> {
    let (name, offset) = match arguments {
        [] => (None, 0),
        [Value::String(name)] => (Some(name), 0),
        [Value::Number(offset)] => (None, offset.as_i64().unwrap_or_default()),
        [Value::String(name), Value::Number(offset)] => {
            (Some(name), offset.as_i64().unwrap_or_default())
        }
        _ => {
            let message = "The arguments of 'copyIndex' are the name of a loop and an offset.";
            return Err(TemplateError::invalid(message));
        }
    };
    let found = match name {
        None => turns.last(),
        Some(name) => turns.iter().rev().find(|turn| turn.name.eq_ignore_ascii_case(name)),
    };
    let turn = found.ok_or_else(|| {
        TemplateError::invalid(
            "The template function 'copyIndex' is not expected at this location. The function can \
             only be used in a resource with copy specified.",
        )
    })?;
    Ok((turn.index + offset).into())
}
