//! Places in the plan's text.

use std::borrow::Cow;
use std::ops::Range;

/// A range of bytes in the plan's text.
pub type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value that stands at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl Spanned<Cow<'_, str>> {
    /// The same, for when the text is gone.
    pub fn to_owned_text(&self) -> Spanned<String> {
        Spanned::new(self.value.to_string(), self.span.clone())
    }
}
