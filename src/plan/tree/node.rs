//! The values of the tree.

use crate::plan::span::{Span, Spanned};
use std::borrow::Cow;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'t> {
    pub kind: Kind<'t>,
    /// From its first byte to its last. A value that is not written stands where
    /// its key is.
    pub span: Span,
}

/// What a value is, before it has a type.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind<'t> {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(Scalar<'t>),
    Sequence(Vec<Node<'t>>),
    Mapping(Vec<Entry<'t>>),
}

/// A scalar: without quotes, escapes resolved, never retyped.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar<'t> {
    /// A piece of the text, unless an escape or a fold makes it differ.
    pub value: Cow<'t, str>,
    pub style: Style,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    Plain,
    Single,
    Double,
    /// `|` or `>`, whose content is indented by this many columns.
    Block(usize),
}

/// The key of an entry, as it is spelled.
pub type EntryKey<'t> = Spanned<Cow<'t, str>>;

#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'t> {
    pub key: EntryKey<'t>,
    pub value: Node<'t>,
}

impl Node<'_> {
    /// The items of a list. A single value is a list of itself.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Null => &[],
            Kind::Sequence(items) => items,
            Kind::Scalar(_) | Kind::Mapping(_) => std::slice::from_ref(self),
        }
    }

    /// The scalar as it is spelled, where it is one.
    pub fn spelled(&self) -> Option<Spanned<String>> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(Spanned::new(scalar.value.to_string(), self.span.clone())),
            Kind::Null | Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }
}

impl Kind<'_> {
    /// What messages call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}
