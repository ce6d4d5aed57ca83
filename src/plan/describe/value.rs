//! [`PlanValue`]: how the value of a key is read, defaulted, visited for expressions
//! and described in the JSON Schema.

use super::key::Key;
use super::object::{Object, any_of, constant_schema, list_of, map_of, shape_schema};
use super::visit::Visit;
use crate::plan::literal::{Literal, Shape};
use crate::plan::parse::{Entries, Reader};
use crate::plan::schema::{Condition, Field, Map, Text};
use crate::plan::span::Spanned;
use crate::plan::tree::{Kind, Node};
use serde_json::{Value, json};

/// A value in the tree, and the key that it stands at.
#[derive(Clone, Copy)]
pub struct Slot<'n> {
    pub key: &'static Key,
    /// The name in diagnostics: that of the key, or of the entry in a mapping whose
    /// names the plan chooses.
    pub name: &'n str,
    pub node: &'n Node<'n>,
}

impl<'n> Slot<'n> {
    pub fn new(key: &'static Key, node: &'n Node<'n>) -> Self {
        Self { key, name: key.name, node }
    }
}

/// A type that a key of the plan may have.
pub trait PlanValue: Sized {
    /// Reads it. `None` where nothing could be made of it, which is then reported.
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self>;

    /// The value of an absent key. `None` if the key is required.
    fn absent(_key: &'static Key) -> Option<Self> {
        None
    }

    /// The value to go on with after a required key was reported missing or invalid,
    /// so that its neighbours are checked too. `None` gives up on the whole mapping.
    fn placeholder() -> Option<Self> {
        None
    }

    /// Visits all strings in it.
    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>);

    /// The JSON Schema of the value of this key.
    fn schema(key: &'static Key) -> Value;
}

/// Reads a key of a mapping. One that cannot be read counts as absent, so that
/// what stands beside it is read too.
pub fn read_key<T: PlanValue>(
    reader: &mut Reader<'_>,
    entries: &Entries<'_>,
    key: &'static Key,
) -> Option<T> {
    if let Some(node) = entries.get(key.name) {
        let value = T::read(reader, Slot::new(key, node));
        return value.or_else(|| T::absent(key)).or_else(T::placeholder);
    }
    let absent = T::absent(key);
    if absent.is_none() {
        reader.missing(entries, key.name, key.missing_help);
    }
    absent.or_else(T::placeholder)
}

/// Visits the value of a key.
pub fn visit_key<'p, T: PlanValue>(visit: &mut Visit<'_, 'p>, key: &'static Key, value: &'p T) {
    visit.at(key.site, |visit| value.visit(key, visit));
}

/// Adds a key of this type to a schema.
pub fn describe_key<T: PlanValue>(object: &mut Object, key: &'static Key) {
    object.add(key, T::schema(key), T::absent(key).is_none());
}

/// Adds one of several alternative keys, none of which is required by itself.
pub fn describe_choice<T: PlanValue>(object: &mut Object, key: &'static Key) {
    object.add(key, T::schema(key), false);
}

impl PlanValue for Text {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if slot.key.takes_null && slot.node.kind == Kind::Null {
            return Some(Self { span: slot.node.span.clone(), ..Self::default_of("null") });
        }
        reader.checked(slot.name, slot.node, &slot.key.shape)
    }

    fn absent(key: &'static Key) -> Option<Self> {
        key.default.map(Self::default_of)
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        visit.text(key, key.shape, self);
    }

    fn schema(key: &'static Key) -> Value {
        let text = shape_schema(&key.shape);
        if key.takes_null { any_of([text, json!({ "type": "null" })]) } else { text }
    }
}

impl<T: Literal> PlanValue for Field<T> {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        reader.checked(slot.name, slot.node, &Shape::of::<T>()).map(Self::of)
    }

    fn absent(key: &'static Key) -> Option<Self> {
        key.default.map(Self::default_of)
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        visit.text(key, Shape::of::<T>(), &self.text);
    }

    fn schema(key: &'static Key) -> Value {
        let mut shape = Shape::of::<T>();
        if !key.spelled.is_empty() {
            shape.pattern = key.spelled;
        }
        let mut schema = shape_schema(&shape);
        if let Some(most) = key.up_to {
            schema["oneOf"][0] =
                json!({ "type": "number", "exclusiveMinimum": 0, "maximum": most });
        }
        schema
    }
}

impl PlanValue for Condition {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        reader.condition(slot.node)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.all().for_each(|condition| visit.condition(condition));
    }

    fn schema(_: &'static Key) -> Value {
        json!({ "type": ["string", "boolean", "number"] })
    }
}

/// A string without expressions.
impl PlanValue for Spanned<String> {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let word = reader.word(slot.name, slot.node)?;
        if let Err(expected) = (slot.key.shape.check)(&word.value) {
            let value = Spanned::new(word.value.as_str(), word.span.clone());
            reader.bad_value(slot.name, &value, &expected);
        }
        // Kept although it is invalid, so that references to it are not reported too.
        Some(word)
    }

    fn absent(key: &'static Key) -> Option<Self> {
        // An absent key has an empty span.
        key.default.map(|literal| Self::new(literal.to_owned(), 0..0))
    }

    fn placeholder() -> Option<Self> {
        Some(Self::default())
    }

    fn visit<'p>(&'p self, _: &'static Key, _: &mut Visit<'_, 'p>) {}

    fn schema(key: &'static Key) -> Value {
        constant_schema(&key.shape)
    }
}

/// A value of type `T` without expressions.
#[derive(Clone, Copy, Debug)]
pub struct Constant<T>(pub T);

impl<T: Literal> PlanValue for Constant<T> {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let word = reader.word(slot.name, slot.node)?;
        match T::parse(&word.value) {
            Ok(value) => Some(Self(value)),
            Err(expected) => {
                let value = Spanned::new(word.value.as_str(), word.span.clone());
                reader.bad_value(slot.name, &value, &expected);
                None
            }
        }
    }

    fn absent(key: &'static Key) -> Option<Self> {
        key.default.map(|literal| Self(T::parse(literal).expect("the default of a key parses")))
    }

    fn visit<'p>(&'p self, _: &'static Key, _: &mut Visit<'_, 'p>) {}

    fn schema(_: &'static Key) -> Value {
        constant_schema(&Shape::of::<T>())
    }
}

impl<T: PlanValue> PlanValue for Option<T> {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        T::read(reader, slot).map(Some)
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(None)
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        if let Some(value) = self {
            value.visit(key, visit);
        }
    }

    fn schema(key: &'static Key) -> Value {
        T::schema(key)
    }
}

impl<T: PlanValue> PlanValue for Box<T> {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        T::read(reader, slot).map(Self::new)
    }

    fn absent(key: &'static Key) -> Option<Self> {
        T::absent(key).map(Self::new)
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        T::visit(self, key, visit);
    }

    fn schema(key: &'static Key) -> Value {
        T::schema(key)
    }
}

/// A list, or a single value in its place unless the key says [`Key::list`].
impl<T: PlanValue> PlanValue for Vec<T> {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if slot.key.is_list && !matches!(slot.node.kind, Kind::Sequence(_)) {
            reader.wrong_type(slot.name, slot.node, "a list");
            return None;
        }
        let items = slot.node.items().iter();
        Some(items.filter_map(|node| T::read(reader, Slot { node, ..slot })).collect())
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self::new())
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        for item in self {
            item.visit(key, visit);
        }
    }

    fn schema(key: &'static Key) -> Value {
        let item = T::schema(key);
        if key.is_list { list_of(item) } else { any_of([item.clone(), list_of(item)]) }
    }
}

/// A mapping of any names that pass the check of [`Key::names`].
impl<T: PlanValue> PlanValue for Map<T> {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let mut map = Self::default();
        for entry in reader.named_entries(slot.name, slot.node, &slot.key.names) {
            let (name, node) = (&entry.key, &entry.value);
            if let Some(value) = T::read(reader, Slot { name: &name.value, node, ..slot }) {
                map.0.push((name.to_owned_text(), value));
            }
        }
        Some(map)
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self::default())
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        for (_, value) in self.iter() {
            value.visit(key, visit);
        }
    }

    fn schema(key: &'static Key) -> Value {
        map_of(&key.names, &T::schema(key))
    }
}
