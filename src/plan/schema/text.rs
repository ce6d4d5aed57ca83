//! Strings with expressions in them, and scalars that are read from them.

use crate::plan::literal::Literal;
use crate::plan::span::{Span, Spanned};
use std::borrow::Cow;
use std::marker::PhantomData;

/// A string as the plan spells it, cut at its `${{ }}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text {
    /// The scalar's value: without quotes, escapes resolved, never retyped.
    pub source: Cow<'static, str>,
    pub span: Span,
    /// The pieces of `source`, in order. Empty where all of it is literal, as most texts
    /// are.
    pub parts: Vec<Part>,
}

/// A piece of a [`Text`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    Literal(String),
    /// What is between `${{` and `}}`, without the blanks at its ends.
    Expression(Spanned<String>),
}

/// A bare expression, as `if` takes it, without `${{ }}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    pub source: String,
    pub span: Span,
    /// The `if` of the service of a step, which has to hold too.
    pub of_service: Option<Box<Condition>>,
}

/// A scalar of type `T`: a literal, checked when the plan is read, or a text
/// with expressions, read as a `T` when they have values.
#[derive(Clone, Debug)]
pub struct Field<T> {
    /// As the plan spells it. An absent key has its default here and an empty span.
    pub text: Text,
    pub reads_as: PhantomData<T>,
}

/// Keys and values in the order of the plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Map<T>(pub Vec<(Spanned<String>, T)>);

/// A string of the plan that may hold expressions.
#[derive(Clone, Copy, Debug)]
pub enum Template<'p> {
    /// Expressions between `${{` and `}}`.
    Text(&'p Text),
    /// An expression without `${{ }}`.
    Condition(&'p Condition),
}

impl Text {
    /// A text that stands nowhere in the plan: the default of an absent key.
    pub fn default_of(literal: &'static str) -> Self {
        Self { source: literal.into(), span: 0..0, parts: Vec::new() }
    }

    /// The text where it holds no expression.
    pub fn as_literal(&self) -> Option<&str> {
        let is_literal = |part: &Part| matches!(part, Part::Literal(_));
        self.parts.iter().all(is_literal).then_some(&*self.source)
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Expression(expression) => Some(expression),
        })
    }
}

impl Condition {
    pub fn new(source: String, span: Span) -> Self {
        Self { source, span, of_service: None }
    }

    /// It, and the one of the service where there is one.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        self.of_service.as_deref().into_iter().chain([self])
    }
}

impl<T> Field<T> {
    /// A text that is to be read as a `T`.
    pub fn of(text: Text) -> Self {
        Self { text, reads_as: PhantomData }
    }

    /// What an absent key is read as.
    pub fn default_of(literal: &'static str) -> Self {
        Self::of(Text::default_of(literal))
    }
}

impl<T: Literal> Field<T> {
    /// What is spelled out, or left to its default; `None` where it holds an expression or
    /// is not valid.
    pub fn as_literal(&self) -> Option<T> {
        T::parse(self.text.as_literal()?).ok()
    }
}

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

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'p> Template<'p> {
    /// The expressions in it, each with the place where it stands.
    pub fn expressions(self) -> Vec<(&'p str, &'p Span)> {
        match self {
            Self::Text(text) => text
                .expressions()
                .map(|expression| (expression.value.as_str(), &expression.span))
                .collect(),
            Self::Condition(condition) => vec![(&condition.source, &condition.span)],
        }
    }
}
