//! JSON Schema (draft 7) of mappings and of single values.
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
    let typed = schema["oneOf"][0]["type"].as_str()?;
    let is_typed = ["number", "integer", "boolean"].contains(&typed);
    is_typed.then(|| serde_json::from_str(default).ok()).flatten()
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
    let mut literals = literal_schemas(shape);
    if shape.kind == ShapeKind::Text && shape.words.is_empty() && shape.pattern.is_empty() {
        // Any text is a literal already.
        return with_examples(one_or_any(literals), shape);
    }
    literals.push(expression);
    // What an expression matches, no literal of these kinds does.
    let is_one = shape.kind != ShapeKind::Text || !shape.words.is_empty();
    let key = if is_one { "oneOf" } else { "anyOf" };
    with_examples(json!({ key: literals }), shape)
}

/// A single value in which no expression may stand.
pub fn constant_schema(shape: &Shape) -> Value {
    let literals = literal_schemas(shape);
    let is_one = shape.kind != ShapeKind::Text;
    let schema = if is_one { json!({ "oneOf": literals }) } else { one_or_any(literals) };
    with_examples(schema, shape)
}

fn with_examples(mut schema: Value, shape: &Shape) -> Value {
    if !shape.examples.is_empty() {
        schema["examples"] = json!(shape.examples);
    }
    schema
}

fn one_or_any(mut schemas: Vec<Value>) -> Value {
    if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) }
}

/// The schemas of which a literal matches one.
fn literal_schemas(shape: &Shape) -> Vec<Value> {
    let spelled = || json!({ "type": "string", "pattern": shape.pattern });
    match shape.kind {
        ShapeKind::Boolean => vec![json!({ "type": "boolean" }), json!({ "enum": shape.words })],
        ShapeKind::Number => vec![json!({ "type": "number", "minimum": 0 }), spelled()],
        ShapeKind::Integer => vec![whole_numbers(shape), spelled()],
        ShapeKind::Text if !shape.words.is_empty() => vec![json!({ "enum": shape.words })],
        ShapeKind::Text => text_schemas(shape),
    }
}

/// The schemas of a text. A pattern is for strings alone, so the check itself decides which
/// numbers and booleans are a text that it takes.
fn text_schemas(shape: &Shape) -> Vec<Value> {
    let takes = |samples: &[&str]| samples.iter().any(|sample| (shape.check)(sample).is_ok());
    let takes_fraction = takes(&["0.5", "1.25"]);
    let takes_whole = takes(&["0", "1", "12", "443", "8080", "123456", "99999999999"]);
    let takes_any_number = shape.range.is_none() && takes_fraction && takes(&["-1", "-0.5"]);
    let mut types = vec!["string"];
    if takes_any_number {
        types.push("number");
    }
    if takes(&["true", "false"]) {
        types.push("boolean");
    }
    let mut text = match types.as_slice() {
        [only] => json!({ "type": only }),
        several => json!({ "type": several }),
    };
    if !shape.pattern.is_empty() {
        text["pattern"] = shape.pattern.into();
    }
    let mut all = vec![text];
    if takes_whole && !takes_any_number {
        let mut numbers = whole_numbers(shape);
        if takes_fraction {
            numbers["type"] = "number".into();
        }
        all.push(numbers);
    }
    all
}

/// Whole numbers, without a sign: no text that is read as a number has one.
fn whole_numbers(shape: &Shape) -> Value {
    let mut numbers = json!({ "type": "integer", "minimum": 0 });
    if let Some((smallest, largest)) = shape.range {
        numbers["minimum"] = smallest.into();
        numbers["maximum"] = largest.into();
    }
    numbers
}
