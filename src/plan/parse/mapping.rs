//! Mappings whose keys are known.

use super::reader::Reader;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::span::{Span, Spanned};
use crate::plan::tree::{Entry, Kind, Node};

/// A mapping, all of whose keys are known. Nothing at all is an empty one.
pub(super) struct Mapping<'n> {
    /// What it is, such as `a step`.
    what: &'static str,
    span: Span,
    entries: &'n [Entry],
    /// Whether it has keys that nobody knows: what seems to be missing may be
    /// one of them.
    pub(super) has_unknown: bool,
}

impl Reader<'_> {
    /// Reads a mapping of these keys and reports all others but `x-…`.
    pub(super) fn mapping<'n>(
        &mut self,
        what: &'static str,
        node: &'n Node,
        keys: &[&'static str],
    ) -> Option<Mapping<'n>> {
        let entries = match &node.kind {
            Kind::Mapping(entries) => entries.as_slice(),
            Kind::Null => &[],
            Kind::Scalar(_) | Kind::Sequence(_) => {
                let message = format!("{what} is a mapping, not {}", node.kind.name());
                self.report(Diagnostic::error("wrong-type", message, &node.span));
                return None;
            }
        };
        let known = |entry: &&Entry| keys.contains(&entry.key.value.as_str());
        let mut has_unknown = false;
        for entry in entries.iter().filter(|entry| !known(entry)) {
            if !entry.key.value.starts_with("x-") {
                has_unknown = true;
                self.unknown_key(what, &entry.key, keys);
            }
        }
        Some(Mapping { what, span: node.span.clone(), entries, has_unknown })
    }

    fn unknown_key(&mut self, what: &str, key: &Spanned<String>, keys: &[&'static str]) {
        let name = &key.value;
        let mut diagnostic =
            Diagnostic::error("unknown-key", format!("{what} has no key `{name}`"), &key.span)
                .suggest(name, keys.iter().copied());
        if diagnostic.help.is_none() {
            diagnostic = diagnostic.help(format!("it has `{}`", keys.join("`, `")));
        }
        self.report(diagnostic);
    }

    /// Reports a key that has to be there and is not.
    pub(super) fn missing(&mut self, mapping: &Mapping<'_>, key: &str, help: &str) {
        if mapping.has_unknown {
            return;
        }
        let message = format!("{} needs `{key}`", mapping.what);
        let diagnostic = Diagnostic::error("missing-key", message, &mapping.span);
        self.report(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    /// Reports a key that does not go with another.
    pub(super) fn conflict(&mut self, key: &Spanned<String>, with: &Spanned<String>, help: &str) {
        let message = format!("`{}` does not go with `{}`", key.value, with.value);
        let diagnostic = Diagnostic::error("conflicting-keys", message, &key.span)
            .also(&with.span, format!("`{}` is here", with.value));
        self.report(diagnostic.help(help));
    }
}

impl<'n> Mapping<'n> {
    /// The value of a key, where it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The key itself, where it is there.
    pub(super) fn key(&self, key: &str) -> Option<&'n Spanned<String>> {
        self.entry(key).map(|entry| &entry.key)
    }

    /// The first of several keys that is there.
    pub(super) fn first_of(&self, keys: &[&str]) -> Option<&'n Spanned<String>> {
        self.entries.iter().map(|entry| &entry.key).find(|key| keys.contains(&key.value.as_str()))
    }

    /// How many of several keys are there.
    pub(super) fn count_of(&self, keys: &[&str]) -> usize {
        self.entries.iter().filter(|entry| keys.contains(&entry.key.value.as_str())).count()
    }

    fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key.value == key)
    }
}
