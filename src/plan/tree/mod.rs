//! YAML as a tree that knows where each key and value stands.
//!
//! The tree is built from the events of granit-parser, the scanner under
//! serde-saphyr, rather than by a `Deserialize` over the latter's `Spanned`: that
//! takes three times as long, which for a thousand services is past what `check`
//! may take altogether, and does not know where a collection ends. A scalar stays
//! as it is spelled; nothing here knows what a plan means.

mod load;
mod locate;
mod merge;
mod syntax;

pub(super) use load::load;
pub(super) use locate::locate;

use super::span::{Span, Spanned};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// From its first byte to its last. Nothing at all is where its key is.
    pub(super) span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A scalar: without quotes, escapes resolved, never retyped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    pub(super) value: String,
    pub(super) style: Style,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// `|` or `>`, whose content is indented by this many columns.
    Block(usize),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: Spanned<String>,
    pub(super) value: Node,
}

impl Node {
    /// The items of a list; what is no list is its only item.
    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Null => &[],
            Kind::Sequence(items) => items,
            Kind::Scalar(_) | Kind::Mapping(_) => std::slice::from_ref(self),
        }
    }
}

impl Kind {
    /// What it is called in a message.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

#[cfg(test)]
mod tests;
