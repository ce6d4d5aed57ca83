//! Reads single values of the tree, and collects what is wrong with them.

use super::filled::{mistake, repaired};
use super::text::cut;
use crate::plan::diagnostic::{Diagnostic, closest};
use crate::plan::literal::Shape;
use crate::plan::schema::Text;
use crate::plan::span::Spanned;
use crate::plan::tree::{Entry, EntryKey, Kind, Node, Scalar, Style};
use std::collections::{HashMap, HashSet};

/// How many characters of a bad value a message repeats.
const MAX_SHOWN_CHARS: usize = 60;

/// What is found while a plan is read.
pub struct Reader<'t> {
    text: &'t str,
    pub found: Vec<Diagnostic>,
    /// The steps that could not be read, by service.
    pub unread: HashMap<String, Unread>,
}

/// Steps of a service that are there but could not be read.
#[derive(Debug, Default)]
pub struct Unread {
    /// The ids of those that have one, and words that may be the id of one.
    pub ids: HashSet<String>,
    /// Whether there are others, which are named after an action that is not known.
    pub has_unnamed: bool,
}

/// A value as messages show it.
fn shortened(value: &str) -> String {
    let shown: String = value.chars().take(MAX_SHOWN_CHARS).collect();
    match shown.as_str() {
        "" => "empty".to_owned(),
        shown if shown.len() < value.len() => format!("`{shown}…`"),
        shown => format!("`{shown}`"),
    }
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new(), unread: HashMap::new() }
    }

    /// What could not be read of a service's steps.
    pub fn unread_of(&mut self, service: &str) -> &mut Unread {
        self.unread.entry(service.to_owned()).or_default()
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Reports that `name` has a value of another type than expected.
    pub fn wrong_type(&mut self, name: &str, node: &Node<'_>, expected: &str) {
        let message = format!("`{name}` takes {expected}, not {}", node.kind.name());
        self.report(Diagnostic::error("wrong-type", message, &node.span));
    }

    /// Reports that the value of `name` is not what was expected.
    pub fn bad_value(&mut self, name: &str, value: &Spanned<&str>, expected: &str) {
        // One that is not closed is reported as that.
        if value.value.contains("${{") {
            return;
        }
        let message = format!("`{name}` cannot be {}", shortened(value.value));
        self.report(Diagnostic::error("bad-value", message, &value.span).label(expected));
    }

    /// Reports a word that is not one of the known ones.
    pub fn bad_word(&mut self, name: &str, word: &Spanned<String>, known: &[&'static str]) {
        if word.value.contains("${{") {
            return;
        }
        let message = format!("`{name}` cannot be `{}`", word.value);
        self.report(
            Diagnostic::error("bad-value", message, &word.span)
                .label(format!("expected one of `{}`", known.join("`, `")))
                .suggest(&word.value, known.iter().copied()),
        );
    }

    /// A string with its expressions.
    pub fn string(&mut self, name: &str, node: &Node<'_>) -> Option<Text> {
        match &node.kind {
            Kind::Scalar(scalar) => Some(cut(self.text, scalar, &node.span, &mut self.found)),
            Kind::Null => {
                let message = format!("`{name}` has no value");
                let diagnostic = Diagnostic::error("wrong-type", message, &node.span);
                self.report(diagnostic.help(format!("an empty one is written `{name}: \"\"`")));
                None
            }
            Kind::Sequence(_) | Kind::Mapping(_) => {
                self.wrong_type(name, node, "a single value");
                None
            }
        }
    }

    /// A string that, where it holds no expression, has a shape.
    pub fn checked(&mut self, name: &str, node: &Node<'_>, shape: &Shape) -> Option<Text> {
        // An empty text would be the next mistake.
        if matches!(node.kind, Kind::Null) && (shape.check)("").is_err() {
            let message = format!("`{name}` has no value");
            let example = shape.examples.iter().chain(shape.words).next();
            let help = match example {
                Some(example) => format!("write one, as in `{name}: {example}`, or leave it out"),
                None => format!("write one, or leave `{name}` out"),
            };
            self.report(Diagnostic::error("wrong-type", message, &node.span).help(help));
            return None;
        }
        let text = self.string(name, node)?;
        let Some(literal) = text.as_literal() else {
            self.check_filled(name, &text, shape);
            return Some(text);
        };
        // One that is not closed is reported as that.
        if literal.contains("${{") {
            return Some(text);
        }
        if let Err(expected) = (shape.check)(literal) {
            self.bad_value(name, &Spanned::new(literal, text.span.clone()), &expected);
            let near = closest(literal, shape.words.iter().copied()).map(str::to_owned);
            let near = near.or_else(|| repaired(&text, shape));
            if let (Some(near), Some(last)) = (near, self.found.last_mut()) {
                last.help = Some(format!("did you mean `{near}`?"));
            }
        }
        Some(text)
    }

    /// Reports a text that is not valid whatever its expressions give.
    fn check_filled(&mut self, name: &str, text: &Text, shape: &Shape) {
        let Some(expected) = mistake(text, shape) else { return };
        let shown = shortened(&text.source);
        let message = format!("`{name}` cannot be {shown}, whatever its expressions give");
        let diagnostic = Diagnostic::error("bad-value", message, &text.span).label(expected);
        self.report(match repaired(text, shape) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic,
        });
    }

    /// A string that has to be known before anything is evaluated.
    pub fn word(&mut self, name: &str, node: &Node<'_>) -> Option<Spanned<String>> {
        let text = self.string(name, node)?;
        if let Some(expression) = text.expressions().next() {
            let message = format!("`{name}` takes no expression");
            self.report(
                Diagnostic::error("no-expression-here", message, &expression.span)
                    .label("it has to be known before anything is evaluated"),
            );
        }
        Some(Spanned::new(text.source.into_owned(), text.span))
    }

    /// The entries of a mapping of any names. Names without the shape are
    /// reported and kept.
    pub fn named_entries<'n>(
        &mut self,
        name: &str,
        node: &'n Node<'n>,
        names: &Shape,
    ) -> &'n [Entry<'n>] {
        let entries = self.any_entries(name, node);
        for entry in entries {
            self.check_name(name, &entry.key, names);
        }
        entries
    }

    /// The entries of a mapping, whatever their names.
    pub fn any_entries<'n>(&mut self, name: &str, node: &'n Node<'n>) -> &'n [Entry<'n>] {
        match &node.kind {
            Kind::Mapping(entries) => entries.as_slice(),
            Kind::Null => &[],
            Kind::Scalar(_) | Kind::Sequence(_) => {
                self.wrong_type(name, node, "a mapping");
                &[]
            }
        }
    }

    /// Reports a name under `name` that has not the shape.
    pub fn check_name(&mut self, name: &str, key: &EntryKey<'_>, names: &Shape) {
        if let Err(expected) = (names.check)(&key.value) {
            let message = format!("`{}` cannot be a name under `{name}`", key.value);
            let diagnostic = Diagnostic::error("bad-value", message, &key.span);
            self.report(diagnostic.label(expected));
        }
    }

    /// A name under `name` with expressions in it. `None` if it holds none.
    pub fn name_text(&mut self, name: &str, key: &EntryKey<'_>, names: &Shape) -> Option<Text> {
        let style = match self.text.as_bytes().get(key.span.start) {
            Some(b'\'') => Style::Single,
            Some(b'"') => Style::Double,
            _ => Style::Plain,
        };
        let scalar = Scalar { value: key.value.clone(), style };
        let text = cut(self.text, &scalar, &key.span, &mut self.found);
        text.expressions().next()?;
        self.check_filled(name, &text, names);
        Some(text)
    }
}
