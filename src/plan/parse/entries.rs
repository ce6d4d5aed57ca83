//! Mappings whose keys are known.

use super::foreign_keys::{Instead, instead_of};
use super::reader::Reader;
use crate::plan::describe::Key;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::span::Span;
use crate::plan::tree::{Entry, EntryKey, Kind, Node};

/// A mapping, all of whose keys are known. Nothing at all is an empty one.
pub struct Entries<'n> {
    /// What it is, such as `a step`.
    what: &'static str,
    span: Span,
    pairs: &'n [Entry<'n>],
    /// Whether it has unknown keys: what seems to be missing may be one of them,
    /// misspelt.
    pub has_unknown: bool,
}

impl Reader<'_> {
    /// Reads a mapping of these keys and reports all others but `x-…`.
    pub fn entries<'n>(
        &mut self,
        what: &'static str,
        node: &'n Node<'n>,
        keys: &[Key],
    ) -> Option<Entries<'n>> {
        let entries = match &node.kind {
            Kind::Mapping(entries) => entries.as_slice(),
            Kind::Null => &[],
            Kind::Scalar(_) | Kind::Sequence(_) => {
                let message = format!("{what} is a mapping, not {}", node.kind.name());
                self.report(Diagnostic::error("wrong-type", message, &node.span));
                return None;
            }
        };
        let mut has_unknown = false;
        for entry in entries {
            let name = &*entry.key.value;
            if !name.starts_with("x-") && !keys.iter().any(|key| key.name == name) {
                has_unknown = true;
                self.unknown_key(what, &entry.key, keys);
            }
        }
        Some(Entries { what, span: node.span.clone(), pairs: entries, has_unknown })
    }

    fn unknown_key(&mut self, what: &str, key: &EntryKey<'_>, keys: &[Key]) {
        let name = &key.value;
        let unknown = || {
            let message = format!("{what} has no key `{name}`");
            Diagnostic::error("unknown-key", message, &key.span)
        };
        self.report(match instead_of(what, name) {
            Some(Instead::Called(other)) => unknown().help(format!("it is called `{other}` here")),
            Some(Instead::Write(words)) => unknown().help(words),
            Some(Instead::NotYet(words)) => {
                let message = format!("`{name}` is not supported yet");
                let diagnostic = Diagnostic::error("not-yet-supported", message, &key.span);
                if words.is_empty() { diagnostic } else { diagnostic.help(words) }
            }
            None => {
                let known = || keys.iter().map(|key| key.name);
                let diagnostic = unknown().suggest(name, known());
                if diagnostic.help.is_some() {
                    diagnostic
                } else {
                    let list = known().collect::<Vec<_>>().join("`, `");
                    diagnostic.help(format!("it has `{list}`"))
                }
            }
        });
    }

    /// Reports a key that has to be there and is not.
    pub fn missing(&mut self, entries: &Entries<'_>, key: &str, help: &str) {
        if entries.has_unknown {
            return;
        }
        let message = format!("{} needs `{key}`", entries.what);
        let diagnostic = Diagnostic::error("missing-key", message, &entries.span);
        self.report(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    /// Reports a key that does not go with another.
    pub fn conflict(&mut self, key: &EntryKey<'_>, with: &EntryKey<'_>, help: &str) {
        self.report(conflict(key, with, help));
    }
}

/// A key that does not go with another.
pub fn conflict(key: &EntryKey<'_>, with: &EntryKey<'_>, help: &str) -> Diagnostic {
    let message = format!("`{}` does not go with `{}`", key.value, with.value);
    Diagnostic::error("conflicting-keys", message, &key.span)
        .also(&with.span, format!("`{}` is here", with.value))
        .help(help)
}

impl<'n> Entries<'n> {
    /// Where the mapping stands.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The value of a key, where it is there.
    pub fn get(&self, name: &str) -> Option<&'n Node<'n>> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// The key itself, where it is there.
    pub fn key(&self, name: &str) -> Option<&'n EntryKey<'n>> {
        self.entry(name).map(|entry| &entry.key)
    }

    /// The keys that are there, in the order of the text.
    pub fn keys(&self) -> impl Iterator<Item = &'n EntryKey<'n>> {
        self.pairs.iter().map(|entry| &entry.key)
    }

    /// The first of several keys that is there.
    pub fn first_of(&self, keys: &[Key]) -> Option<&'n EntryKey<'n>> {
        self.keys().find(|found| keys.iter().any(|key| key.name == found.value))
    }

    fn entry(&self, name: &str) -> Option<&'n Entry<'n>> {
        self.pairs.iter().find(|entry| entry.key.value == name)
    }
}
