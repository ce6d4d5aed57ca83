//! Changes JSON documents of Azure, whose members may be of any type: what is written by
//! index panics where an object was expected and something else is there.

use serde_json::{Map, Value};

/// The entries of the list at a JSON pointer (RFC 6901); none where no list is there.
pub fn entries_mut<'v>(
    document: &'v mut Value,
    pointer: &str,
) -> impl Iterator<Item = &'v mut Value> {
    document.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Sets the value at a path, and makes the objects that lead to it.
pub fn set(document: &mut Value, path: &[&str], value: impl Into<Value>) {
    let last = path.iter().fold(document, |inner, name| {
        if !inner.is_object() {
            *inner = Value::Object(Map::new());
        }
        &mut inner[*name]
    });
    *last = value.into();
}

#[cfg(test)]
mod tests {
    use super::{entries_mut, set};
    use serde_json::json;

    #[test]
    fn documents_of_any_shape_can_be_changed() {
        for mut document in [json!([]), json!("a"), json!({ "a": [{ "b": 1 }] }), json!(null)] {
            assert_eq!(entries_mut(&mut document, "/a/0/b").count(), 0);
            set(&mut document, &["a", "b"], 2);
            assert_eq!(document, json!({ "a": { "b": 2 } }));
        }
        let mut list = json!({ "a": [1, 2] });
        entries_mut(&mut list, "/a").for_each(|entry| set(entry, &["b"], 0));
        assert_eq!(list, json!({ "a": [{ "b": 0 }, { "b": 0 }] }));
    }
}
