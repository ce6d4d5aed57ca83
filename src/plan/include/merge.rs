//! One tree of several files.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::parse::conflict;
use crate::plan::parsed::not_a_plan;
use crate::plan::plan_text::PlanText;
use crate::plan::schema::Version;
use crate::plan::span::{Span, Spanned};
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
    text: &PlanText,
    found: &mut Vec<Diagnostic>,
) -> bool {
    let Kind::Mapping(entries) = &mut root.kind else { return true };
    let mut is_whole = true;
    for node in included {
        let Some(others) = own_entries(node, entries, found) else {
            is_whole = false;
            continue;
        };
        for entry in others {
            let key = &*entry.key.value;
            let is_own = OWN.contains(&key) || key.starts_with("x-");
            match entries.iter_mut().find(|known| known.key.value == entry.key.value) {
                _ if is_own => {}
                Some(known) if TAKEN.contains(&key) => add_entries(known, entry, text, found),
                // One that is unknown is reported as any other.
                Some(_) => {}
                None => entries.push(entry),
            }
        }
    }
    is_whole
}

/// The entries of an included file. `None` where they cannot be merged into the plan's.
fn own_entries<'t>(
    node: Node<'t>,
    plan: &[Entry<'_>],
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<Entry<'t>>> {
    let entries = match node.kind {
        Kind::Mapping(entries) if !entries.is_empty() => entries,
        Kind::Mapping(_) | Kind::Null => {
            found.push(empty(&node.span));
            return None;
        }
        Kind::Scalar(_) | Kind::Sequence(_) => {
            found.push(not_a_plan(&node));
            return None;
        }
    };
    let entries = with_named_service(entries, found)?;
    (!conflicts(plan, &entries, found)).then_some(entries)
}

/// An included file with nothing in it.
pub fn empty(span: &Span) -> Diagnostic {
    Diagnostic::error("empty-plan", "the included plan is empty", span)
        .help("it has `services` or settings such as `vars`; or leave it out of `include`")
}

/// Reports a plan with `steps` where an included file has services.
fn conflicts(entries: &[Entry<'_>], others: &[Entry<'_>], found: &mut Vec<Diagnostic>) -> bool {
    let of = |entries: &[Entry<'_>], key: &str| {
        entries.iter().find(|entry| entry.key.value == key).map(|entry| entry.key.span.clone())
    };
    let (Some(steps), Some(services)) = (of(entries, "steps"), of(others, "services")) else {
        return false;
    };
    let message = "a plan with `steps` has one service, and the included file has others";
    found.push(
        Diagnostic::error("conflicting-keys", message, &steps)
            .also(&services, "these")
            .help("put the steps under `services`, as `services: { NAME: { steps: … } }`"),
    );
    true
}

/// With a service, named as the plan, in place of top-level `steps`. `None` where it cannot be
/// made.
fn with_named_service<'t>(
    mut entries: Vec<Entry<'t>>,
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<Entry<'t>>> {
    let place =
        |entries: &[Entry<'_>], key: &str| entries.iter().position(|it| it.key.value == key);
    let version = place(&entries, "version").and_then(|at| entries[at].value.spelled());
    if let Some(mistake) = version.as_ref().and_then(Version::check) {
        found.push(mistake);
        return None;
    }
    let Some(at) = place(&entries, "steps") else { return Some(entries) };
    if let Some(services) = place(&entries, "services") {
        let (steps, services) = (&entries[at].key, &entries[services].key);
        found.push(conflict(steps, services, "give the steps to one of the services"));
        return None;
    }
    let steps = entries.remove(at);
    let name = entries.iter().find(|entry| entry.key.value == "name");
    let Some(Node { kind: Kind::Scalar(name), span }) = name.map(|entry| &entry.value) else {
        let message = "an included plan with `steps` has no `name`, which names its service";
        found.push(Diagnostic::error("missing-key", message, &steps.key.span));
        return None;
    };
    let key: EntryKey<'t> = Spanned::new(name.value.clone(), span.clone());
    let span = steps.key.span.start..steps.value.span.end;
    let services = EntryKey { value: "services".into(), span: steps.key.span.clone() };
    let service = Node { kind: Kind::Mapping(vec![steps]), span: span.clone() };
    let kind = Kind::Mapping(vec![Entry { key, value: service }]);
    entries.push(Entry { key: services, value: Node { kind, span } });
    Some(entries)
}

/// Adds the entries of a mapping to those of another file. What both say is taken once, except
/// services, and what has a path where their folders differ.
fn add_entries<'t>(
    known: &mut Entry<'t>,
    other: Entry<'t>,
    text: &PlanText,
    found: &mut Vec<Diagnostic>,
) {
    if matches!(known.value.kind, Kind::Null) {
        known.value = other.value;
        return;
    }
    let under = known.key.value.clone();
    let means_the_same = |one: &Entry<'_>, other: &Entry<'_>| {
        let is_here = text.folder_of(&one.key.span) == text.folder_of(&other.key.span);
        under != "services"
            && says_the_same(&one.value, &other.value)
            && (is_here || !names_a_file(&one.value))
    };
    let (Kind::Mapping(entries), Kind::Mapping(others)) = (&mut known.value.kind, other.value.kind)
    else {
        return;
    };
    for entry in others {
        match entries.iter().find(|known| known.key.value == entry.key.value) {
            None => entries.push(entry),
            Some(known) if means_the_same(known, &entry) => {}
            Some(known) => found.push(clash(&under, known, &entry)),
        }
    }
}

fn clash(under: &str, known: &Entry<'_>, entry: &Entry<'_>) -> Diagnostic {
    let name = &entry.key.value;
    let (message, help) = if under == "services" {
        (
            format!("two files have a service `{name}`"),
            "rename one of them: the key under \
         `services`, or the `name` of a plan with `steps`",
        )
    } else if says_the_same(&known.value, &entry.value) {
        (
            format!("`{name}` under `{under}` is the file of two folders"),
            "a `file` is relative to the plan that names it: leave one out, or rename it",
        )
    } else {
        (
            format!("`{name}` under `{under}` is in two files that differ"),
            "write the same in both, or leave it out of one of them",
        )
    };
    Diagnostic::error("duplicate-key", message, &entry.key.span)
        .label("again here")
        .also(&known.key.span, "first here")
        .help(help)
}

/// Whether a value reads a file, whose path depends on where it stands.
fn names_a_file(node: &Node<'_>) -> bool {
    match &node.kind {
        Kind::Null | Kind::Scalar(_) => false,
        Kind::Sequence(items) => items.iter().any(names_a_file),
        Kind::Mapping(entries) => {
            entries.iter().any(|entry| entry.key.value == "file" || names_a_file(&entry.value))
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
