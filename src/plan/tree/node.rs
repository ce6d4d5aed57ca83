//! The values of the tree.

use crate::plan::span::{Span, Spanned};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub kind: Kind,
    /// From its first byte to its last. A value that is not written stands where
    /// its key is.
    pub span: Span,
}

/// What a value is, before it has a type.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A scalar: without quotes, escapes resolved, never retyped.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    pub value: String,
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

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: Spanned<String>,
    pub value: Node,
}

impl Node {
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
            Kind::Scalar(scalar) => Some(Spanned::new(scalar.value.clone(), self.span.clone())),
            Kind::Null | Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }
}

impl Kind {
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
