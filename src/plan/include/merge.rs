//! One tree of several files.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::span::Spanned;
use crate::plan::tree::{Entry, EntryKey, Kind, Node};

/// The top-level keys whose entries are taken from an included file.
const TAKEN: [&str; 7] =
    ["azure", "env", "environments", "registries", "secrets", "services", "vars"];

/// The top-level keys that say how an included file is run by itself.
const OWN: [&str; 4] = ["include", "name", "report", "version"];

/// Puts the entries of included files into the plan's. `false` where something of one is
/// left out because it is not known what it is.
pub fn merge<'t>(
    root: &mut Node<'t>,
    included: Vec<Node<'t>>,
    found: &mut Vec<Diagnostic>,
) -> bool {
    let Kind::Mapping(entries) = &mut root.kind else { return true };
    let mut is_whole = true;
    for node in included {
        let Kind::Mapping(mut others) = node.kind else {
            let message = format!("a plan is a mapping, and this is {}", node.kind.name());
            found.push(Diagnostic::error("not-a-plan", message, &node.span));
            is_whole = false;
            continue;
        };
        is_whole &= name_service(&mut others, found);
        for entry in others {
            let key = &*entry.key.value;
            let is_own = OWN.contains(&key) || key.starts_with("x-");
            match entries.iter_mut().find(|known| known.key.value == entry.key.value) {
                _ if is_own => {}
                Some(known) if TAKEN.contains(&key) => add_entries(known, entry, found),
                // One that is unknown is reported as any other.
                Some(_) => {}
                None => entries.push(entry),
            }
        }
    }
    is_whole
}

/// Makes a service of top-level `steps`, named as the plan. `false` where there is no name.
fn name_service<'t>(entries: &mut Vec<Entry<'t>>, found: &mut Vec<Diagnostic>) -> bool {
    let Some(at) = entries.iter().position(|entry| entry.key.value == "steps") else {
        return true;
    };
    let steps = entries.remove(at);
    let name = entries.iter().find(|entry| entry.key.value == "name");
    let Some(Node { kind: Kind::Scalar(name), span }) = name.map(|entry| &entry.value) else {
        let message = "an included plan with `steps` has no `name`, which names its service";
        found.push(Diagnostic::error("missing-key", message, &steps.key.span));
        return false;
    };
    let key: EntryKey<'t> = Spanned::new(name.value.clone(), span.clone());
    let span = steps.key.span.start..steps.value.span.end;
    let services = EntryKey { value: "services".into(), span: steps.key.span.clone() };
    let service = Node { kind: Kind::Mapping(vec![steps]), span: span.clone() };
    let kind = Kind::Mapping(vec![Entry { key, value: service }]);
    entries.push(Entry { key: services, value: Node { kind, span } });
    true
}

/// Adds the entries of a mapping to those of another file. What both say is taken once.
fn add_entries<'t>(known: &mut Entry<'t>, other: Entry<'t>, found: &mut Vec<Diagnostic>) {
    if matches!(known.value.kind, Kind::Null) {
        known.value = other.value;
        return;
    }
    let under = known.key.value.clone();
    let (Kind::Mapping(entries), Kind::Mapping(others)) = (&mut known.value.kind, other.value.kind)
    else {
        return;
    };
    for entry in others {
        match entries.iter().find(|known| known.key.value == entry.key.value) {
            None => entries.push(entry),
            Some(known) if says_the_same(&known.value, &entry.value) => {}
            Some(known) => found.push(
                Diagnostic::error(
                    "duplicate-key",
                    format!("`{}` under `{under}` is in two files that differ", entry.key.value),
                    &entry.key.span,
                )
                .label("again here")
                .also(&known.key.span, "first here")
                .help("rename one of them, or write the same in both"),
            ),
        }
    }
}

/// Whether two values are equal, wherever they stand.
fn says_the_same(one: &Node<'_>, other: &Node<'_>) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Scalar(one), Kind::Scalar(other)) => one.value == other.value,
        (Kind::Sequence(one), Kind::Sequence(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| says_the_same(one, other))
        }
        (Kind::Mapping(one), Kind::Mapping(other)) => {
            one.len() == other.len()
                && one.iter().all(|entry| {
                    let same = other.iter().find(|other| other.key.value == entry.key.value);
                    same.is_some_and(|same| says_the_same(&entry.value, &same.value))
                })
        }
        (Kind::Null | Kind::Scalar(_) | Kind::Sequence(_) | Kind::Mapping(_), _) => false,
    }
}
