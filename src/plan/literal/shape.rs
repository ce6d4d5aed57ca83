//! What a literal looks like, with its type and without.

use crate::value::Word;

/// A type that a single value of the plan is read as.
pub trait Literal: Sized {
    /// What the JSON Schema says of it. Its check is [`Self::parse`].
    const SHAPE: Shape;

    /// Parses a literal. The error says what was expected, such as "expected a
    /// number", and never what was given, which may be a secret.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A [`Literal`] without its type, so that it can stand in a table.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub kind: ShapeKind,
    /// The words it is one of; empty where it is not a word.
    pub words: &'static [&'static str],
    /// A regular expression that all literals match, or empty.
    pub pattern: &'static str,
    /// The smallest and the largest whole number that it may be; `None` where it is no
    /// number, or where its length is what counts.
    pub range: Option<(u32, u32)>,
    pub examples: &'static [&'static str],
    /// Stand-ins for what an expression gives: if some value makes a text valid, one of
    /// these does. Empty where that cannot be promised.
    pub fillings: &'static [&'static str],
    /// Changes a text into a similar one that may be valid.
    pub repair: Option<fn(&str) -> String>,
    /// The error says what was expected.
    pub check: fn(&str) -> Result<(), String>,
}

/// The type that a value has in JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShapeKind {
    Text,
    Number,
    Integer,
    Boolean,
}

impl Shape {
    /// Any text, the empty one included.
    pub const ANY: Self = Self {
        kind: ShapeKind::Text,
        words: &[],
        pattern: "",
        range: None,
        examples: &[],
        fillings: &[],
        repair: None,
        check: |_| Ok(()),
    };

    /// The shape of a type, with the type's own parser as its check.
    pub const fn of<T: Literal>() -> Self {
        Self { check: |text| T::parse(text).map(drop), ..T::SHAPE }
    }

    /// A text that matches a pattern.
    pub(super) const fn text(pattern: &'static str, examples: &'static [&'static str]) -> Self {
        Self { pattern, examples, ..Self::ANY }
    }

    /// The whole numbers that it may be.
    pub(super) const fn within(self, smallest: u32, largest: u32) -> Self {
        Self { range: Some((smallest, largest)), ..self }
    }

    /// What its expressions are replaced by to find out whether any value makes a text
    /// valid.
    pub(super) const fn filled_by(self, fillings: &'static [&'static str]) -> Self {
        Self { fillings, ..self }
    }

    /// How a text is changed into a similar one that may be valid.
    pub(super) const fn repaired_by(self, repair: fn(&str) -> String) -> Self {
        Self { repair: Some(repair), ..self }
    }

    /// One of these words.
    pub(super) const fn one_of(words: &'static [&'static str]) -> Self {
        Self { words, ..Self::ANY }
    }
}

impl<T: Word> Literal for T {
    const SHAPE: Shape = Shape::one_of(T::WORDS);

    fn parse(text: &str) -> Result<Self, String> {
        T::from_word(text).ok_or_else(|| {
            let words: Vec<_> = T::WORDS.iter().map(|word| format!("`{word}`")).collect();
            format!("expected {}", words.join(" or "))
        })
    }
}

/// Fails with what was expected unless a condition holds.
pub(super) fn expect(holds: bool, expected: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(expected.to_owned()) }
}

/// Defines a rule for texts that are carried as text: a type without a value,
/// whose parser only checks.
macro_rules! rule {
    ($(#[$meta:meta])* $name:ident, $shape:expr, $check:expr) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name;

        impl $crate::plan::literal::Literal for $name {
            const SHAPE: $crate::plan::literal::Shape = $shape;

            fn parse(text: &str) -> Result<Self, String> {
                let check: fn(&str) -> Result<(), String> = $check;
                check(text).map(|()| Self)
            }
        }
    };
}
pub(super) use rule;
