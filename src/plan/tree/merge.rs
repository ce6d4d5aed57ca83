//! Duplicate keys, and the merge key `<<`.

use super::node::{Entry, Kind, Node};
use crate::plan::diagnostic::Diagnostic;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Keeps the first of several entries with one name and reports the others.
pub fn drop_duplicates(entries: &mut Vec<Entry<'_>>, found: &mut Vec<Diagnostic>) {
    if are_few_and_differ(entries) {
        return;
    }
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
    let mut again = HashSet::new();
    for (at, entry) in entries.iter().enumerate() {
        let before = *first.entry(&entry.key.value).or_insert(at);
        if before == at {
            continue;
        }
        again.insert(at);
        found.push(
            Diagnostic::error(
                "duplicate-key",
                format!("`{}` is given twice", entry.key.value),
                &entry.key.span,
            )
            .label("again here")
            .also(&entries[before].key.span, "first here"),
        );
    }
    if !again.is_empty() {
        let mut at = 0;
        entries.retain(|_| {
            at += 1;
            !again.contains(&(at - 1))
        });
    }
}

/// Whether these are few entries with different names. Most mappings are small,
/// and for those comparing each with each takes less than a table.
fn are_few_and_differ(entries: &[Entry<'_>]) -> bool {
    let is_new = |at: usize| entries[..at].iter().all(|e| e.key.value != entries[at].key.value);
    entries.len() <= 12 && (1..entries.len()).all(is_new)
}

/// Adds what `<<` brings (YAML 1.1, "Merge Key Language-Independent Type"): what
/// the mapping says itself wins, then what comes first.
pub fn merge<'t>(entries: &mut Vec<Entry<'t>>, merged: Vec<Node<'t>>, found: &mut Vec<Diagnostic>) {
    if merged.is_empty() {
        return;
    }
    let mut known: HashSet<Cow<'t, str>> =
        entries.iter().map(|entry| entry.key.value.clone()).collect();
    let sources = merged.into_iter().flat_map(|node| match node.kind {
        Kind::Sequence(items) => items,
        kind => vec![Node { kind, span: node.span }],
    });
    for source in sources {
        let Kind::Mapping(brought) = source.kind else {
            let what = source.kind.name();
            found.push(Diagnostic::error(
                "wrong-type",
                format!("`<<` takes a mapping or a list of them, not {what}"),
                &source.span,
            ));
            continue;
        };
        entries.extend(brought.into_iter().filter(|entry| known.insert(entry.key.value.clone())));
    }
}
