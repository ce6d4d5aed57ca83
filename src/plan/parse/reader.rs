//! Reads single values of the tree, and keeps what is wrong with them.

use super::plan::Broken;
use super::text::cut;
use crate::plan::diagnostic::{Diagnostic, closest};
use crate::plan::expr::Scalar;
use crate::plan::schema::{Field, Map, Text};
use crate::plan::span::Spanned;
use crate::plan::tree::{Kind, Node};
use std::collections::HashMap;
use std::marker::PhantomData;

/// What is found while a plan is read.
pub(super) struct Reader<'t> {
    /// The plan's text.
    pub(super) text: &'t str,
    pub(super) found: Vec<Diagnostic>,
    /// What could not be read, by service.
    pub(super) broken: HashMap<String, Broken>,
}

/// A check of a literal: what was expected, where it is not that.
pub(super) type Check = fn(&str) -> Result<(), String>;

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new(), broken: HashMap::new() }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// `key` was to be something else.
    pub(super) fn wrong_type(&mut self, key: &str, node: &Node, expected: &str) {
        let what = node.kind.name();
        self.report(Diagnostic::error(
            "wrong-type",
            format!("`{key}` takes {expected}, not {what}"),
            &node.span,
        ));
    }

    /// The value of `key` is not what it can be; `expected` says what is.
    pub(super) fn bad_value(&mut self, key: &str, value: &Spanned<&str>, expected: &str) {
        // One that is not closed is reported as that.
        if value.value.contains("${{") {
            return;
        }
        let shown: String = value.value.chars().take(60).collect();
        let what = match shown.as_str() {
            "" => "empty".to_owned(),
            shown if shown.len() < value.value.len() => format!("`{shown}…`"),
            shown => format!("`{shown}`"),
        };
        self.report(
            Diagnostic::error("bad-value", format!("`{key}` cannot be {what}"), &value.span)
                .label(expected),
        );
    }

    /// A string with its expressions.
    pub(super) fn string(&mut self, key: &str, node: &Node) -> Option<Text> {
        match &node.kind {
            Kind::Scalar(scalar) => Some(cut(self.text, scalar, &node.span, &mut self.found)),
            Kind::Null => {
                let diagnostic =
                    Diagnostic::error("wrong-type", format!("`{key}` has no value"), &node.span);
                self.report(diagnostic.help(format!("an empty one is written `{key}: \"\"`")));
                None
            }
            Kind::Sequence(_) | Kind::Mapping(_) => {
                self.wrong_type(key, node, "a single value");
                None
            }
        }
    }

    /// A string that, where it holds no expression, passes a check.
    pub(super) fn checked(&mut self, key: &str, node: &Node, check: Check) -> Option<Text> {
        let text = self.string(key, node)?;
        if let Some(literal) = text.as_literal()
            && let Err(expected) = check(literal)
        {
            self.bad_value(key, &Spanned::new(literal, text.span.clone()), &expected);
        }
        Some(text)
    }

    /// A string that has to be known before anything is evaluated.
    pub(super) fn word(&mut self, key: &str, node: &Node) -> Option<Spanned<String>> {
        let text = self.string(key, node)?;
        if let Some(expression) = text.expressions().next() {
            self.report(
                Diagnostic::error(
                    "no-expression-here",
                    format!("`{key}` takes no expression"),
                    &expression.span,
                )
                .label("it has to be known before anything is evaluated"),
            );
        }
        Some(Spanned::new(text.source, text.span))
    }

    /// A string of a certain type, that has to be known beforehand.
    pub(super) fn scalar<T: Scalar>(&mut self, key: &str, node: &Node) -> Option<T> {
        let word = self.word(key, node)?;
        match T::read(&word.value) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.bad_value(key, &Spanned::new(&word.value, word.span.clone()), &expected);
                None
            }
        }
    }

    /// A scalar of a certain type, with its expressions.
    pub(super) fn field<T: Scalar>(&mut self, key: &str, node: &Node) -> Option<Field<T>> {
        let text = self.string(key, node)?;
        if let Some(literal) = text.as_literal()
            && let Err(expected) = T::read(literal)
        {
            self.bad_value(key, &Spanned::new(literal, text.span.clone()), &expected);
            let near = closest(literal, T::WORDS.iter().copied());
            if let (Some(near), Some(last)) = (near, self.found.last_mut()) {
                last.help = Some(format!("did you mean `{near}`?"));
            }
        }
        Some(Field { text, reads_as: PhantomData })
    }

    /// A list of strings, or a single one.
    pub(super) fn strings(&mut self, key: &str, node: &Node, check: Check) -> Vec<Text> {
        node.items().iter().filter_map(|item| self.checked(key, item, check)).collect()
    }

    /// A list of strings, which may not be a single one.
    pub(super) fn list(&mut self, key: &str, node: &Node) -> Option<Vec<Text>> {
        let Kind::Sequence(items) = &node.kind else {
            self.wrong_type(key, node, "a list");
            return None;
        };
        Some(items.iter().filter_map(|item| self.string(key, item)).collect())
    }

    /// A mapping of strings, under names that pass a check.
    pub(super) fn strings_by_name(&mut self, key: &str, node: &Node, check: Check) -> Map<Text> {
        self.named(key, node, check, |reader, name, value| reader.string(&name.value, value))
    }

    /// A mapping of anything, under names that pass a check.
    pub(super) fn named<T>(
        &mut self,
        key: &str,
        node: &Node,
        check: Check,
        mut read: impl FnMut(&mut Self, &Spanned<String>, &Node) -> Option<T>,
    ) -> Map<T> {
        let entries = match &node.kind {
            Kind::Mapping(entries) => entries.as_slice(),
            Kind::Null => &[],
            Kind::Scalar(_) | Kind::Sequence(_) => {
                self.wrong_type(key, node, "a mapping");
                &[]
            }
        };
        let mut map = Map::default();
        for entry in entries {
            if let Err(expected) = check(&entry.key.value) {
                let message = format!("`{}` cannot be a name under `{key}`", entry.key.value);
                self.report(
                    Diagnostic::error("bad-value", message, &entry.key.span).label(expected),
                );
            }
            if let Some(value) = read(self, &entry.key, &entry.value) {
                map.0.push((entry.key.clone(), value));
            }
        }
        map
    }
}

impl Text {
    /// A text that stands in no plan: the default of an absent key.
    pub fn default_of(literal: &str) -> Self {
        let parts = match literal {
            "" => Vec::new(),
            literal => vec![crate::plan::schema::Part::Literal(literal.to_owned())],
        };
        Self { source: literal.to_owned(), span: 0..0, parts }
    }
}

impl<T> Field<T> {
    /// What an absent key is read as.
    pub fn default_of(literal: &str) -> Self {
        Self { text: Text::default_of(literal), reads_as: PhantomData }
    }
}
