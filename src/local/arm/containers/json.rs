//! Reading bodies that may have anything in them.

use serde_json::Value;

/// The elements of a list; empty for any other value.
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
