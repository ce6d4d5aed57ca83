//! Strings with expressions in them, and scalars that are read from them.

use crate::plan::span::{Span, Spanned};
use std::marker::PhantomData;

/// A string as the plan spells it, cut at its `${{ }}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text {
    /// The scalar's value: without quotes, escapes resolved, never retyped.
    pub source: String,
    /// Where the scalar stands.
    pub span: Span,
    /// `source`, in order.
    pub parts: Vec<Part>,
}

/// A piece of a [`Text`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// Stands for itself.
    Literal(String),
    /// What is between `${{` and `}}`, and where.
    Expression(Spanned<String>),
}

/// A bare expression, as `if` takes it, without `${{ }}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// The expression.
    pub source: String,
    /// Where it stands.
    pub span: Span,
}

/// A scalar of type `T`: a literal, checked when the plan is read, or a text
/// with expressions, read as a `T` when they can be.
#[derive(Clone, Debug)]
pub struct Field<T> {
    /// As the plan spells it. An absent key has its default here and an empty span.
    pub text: Text,
    /// What it is to be read as.
    pub reads_as: PhantomData<T>,
}

/// A size in bytes: `1.5GB` is 1,500,000,000 and `1GiB` is 1,073,741,824.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size(pub u64);

/// Keys and values in the order of the plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Map<T>(pub Vec<(Spanned<String>, T)>);

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Map<T> {
    /// The value at a key.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
    }

    /// In the order of the plan.
    pub fn iter(&self) -> impl Iterator<Item = (&Spanned<String>, &T)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The keys, in the order of the plan.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.value.as_str())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
