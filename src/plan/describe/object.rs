//! JSON Schema (draft 2020-12) of mappings and of single values.
//!
//! A scalar is taken as it is spelled, so a text may be a number or a boolean to
//! a validator. Wherever expressions are evaluated, a text that holds `${{` may
//! stand for any type.

use super::key::Key;
use crate::plan::literal::{Shape, ShapeKind};
use serde_json::{Map, Value, json};

/// The schema of a mapping while its keys are collected.
#[derive(Default)]
pub struct Object {
    about: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
    /// Groups of keys, of each of which exactly one has to be there.
    groups: Vec<Vec<&'static str>>,
    #[cfg(test)]
    keys: Vec<ObjectKey>,
}

/// A key of an [`Object`], for the tables of docs/reference.md, which a test writes.
#[cfg(test)]
pub struct ObjectKey {
    pub key: &'static Key,
    pub is_required: bool,
    /// The words that it is one of; empty where it is not a word.
    pub words: Vec<String>,
}

impl Object {
    /// The mapping's own meaning.
    pub fn about(&mut self, about: &str) {
        self.about = sentence(about);
    }

    /// Adds a key with the schema of its value.
    pub fn add(&mut self, key: &'static Key, schema: Value, is_required: bool) {
        if is_required {
            self.required.push(key.name);
        }
        #[cfg(test)]
        self.keys.push(ObjectKey { key, is_required, words: words(&schema) });
        self.properties.insert(key.name.to_owned(), described(key, schema));
    }

    /// Exactly one of these keys has to be there.
    pub fn one_of(&mut self, keys: &'static [Key]) {
        self.groups.push(keys.iter().map(|key| key.name).collect());
    }

    /// At least one of these keys has to be there.
    pub fn any_required(&self, keys: &[&str]) -> Value {
        let mut schema = self.to_schema();
        let required: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
        schema["anyOf"] = required.into();
        schema
    }

    /// The keys, in the order in which they are documented.
    #[cfg(test)]
    pub fn keys(&self) -> &[ObjectKey] {
        &self.keys
    }

    /// The schema as JSON.
    pub fn to_schema(&self) -> Value {
        // A mapping with nothing in it may be written as nothing at all.
        let may_be_null = self.required.is_empty() && self.groups.is_empty();
        let mut schema = json!({
            "type": if may_be_null { json!(["object", "null"]) } else { json!("object") },
            "description": self.about,
            "properties": self.properties,
            "patternProperties": { "^x-": true },
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        let groups = self.groups.iter().map(|group| {
            let one: Vec<Value> = group.iter().map(|key| json!({ "required": [key] })).collect();
            json!({ "oneOf": one })
        });
        match groups.collect::<Vec<_>>().as_slice() {
            [] => {}
            [one] => schema["oneOf"] = one["oneOf"].clone(),
            several => schema["allOf"] = several.into(),
        }
        schema
    }
}

/// The words that a schema allows; empty where it is not a choice of words.
#[cfg(test)]
fn words(schema: &Value) -> Vec<String> {
    let words = schema["oneOf"][0]["enum"].as_array().into_iter().flatten();
    words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// The schema of a key's value, with what the key says beside it.
fn described(key: &Key, mut schema: Value) -> Value {
    let mut about = sentence(key.about);
    if !key.absent.is_empty() {
        about = format!("{about} Where absent: {}.", key.absent);
    }
    if !about.is_empty() {
        schema["description"] = about.into();
    }
    if let Some(default) = key.default.filter(|default| !default.is_empty()) {
        let default = match schema_default(&schema, default) {
            Some(typed) => typed,
            None => default.into(),
        };
        schema["default"] = default;
    }
    schema
}

/// A default as the number or boolean that it is, where the schema has that type.
fn schema_default(schema: &Value, default: &str) -> Option<Value> {
    let text = schema.to_string();
    let is_typed = text.contains("\"number\"}") || text.contains("\"integer\"}");
    let is_boolean = text.contains("\"boolean\"}");
    (is_typed || is_boolean).then(|| serde_json::from_str(default).ok()).flatten()
}

/// A doc comment as one text: without the line breaks and the blank that rustdoc
/// keeps at the start of each line.
pub fn sentence(about: &str) -> String {
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One of several schemas.
pub fn any_of<const N: usize>(schemas: [Value; N]) -> Value {
    json!({ "anyOf": Vec::from(schemas) })
}

/// A list of such values. `null` is an empty one.
pub fn list_of(item: Value) -> Value {
    let mut schema = json!({ "type": ["array", "null"] });
    schema["items"] = item;
    schema
}

/// A mapping of any names of a shape.
pub fn map_of(names: &Shape, value: &Value) -> Value {
    let mut schema = json!({ "type": ["object", "null"], "additionalProperties": value });
    if !names.pattern.is_empty() {
        schema["propertyNames"] = json!({ "pattern": names.pattern });
    }
    schema
}

/// Such a value, or nothing.
pub fn nothing_or(schema: Value) -> Value {
    any_of([json!({ "type": "null" }), schema])
}

/// A single value in which expressions may stand.
pub fn shape_schema(shape: &Shape) -> Value {
    let expression = json!({ "type": "string", "pattern": "\\$\\{\\{" });
    let spelled = || json!({ "type": "string", "pattern": shape.pattern });
    let mut schema = match shape.kind {
        ShapeKind::Boolean => {
            json!({ "oneOf": [{ "type": "boolean" }, { "enum": ["true", "false"] }, expression] })
        }
        ShapeKind::Number => {
            json!({ "oneOf": [{ "type": "number" }, spelled(), expression] })
        }
        ShapeKind::Integer => {
            json!({ "oneOf": [{ "type": "integer" }, spelled(), expression] })
        }
        ShapeKind::Text if !shape.words.is_empty() => {
            json!({ "oneOf": [{ "enum": shape.words }, expression] })
        }
        ShapeKind::Text if shape.pattern.is_empty() => {
            json!({ "type": ["string", "number", "boolean"] })
        }
        ShapeKind::Text => json!({
            "anyOf": [
                { "type": ["string", "number", "boolean"], "pattern": shape.pattern },
                expression,
            ],
        }),
    };
    if !shape.examples.is_empty() {
        schema["examples"] = json!(shape.examples);
    }
    schema
}
