//! Files that import each other. A circle is read as a whole or not at all, so
//! the ones that there are stay small and have a reason.

use super::source::{Segments, Source};
use std::collections::{BTreeMap, BTreeSet};

const MAX_CIRCLES: usize = 12;
const MAX_FILES: usize = 3;

/// The circles that are allowed, and why.
const ALLOWED: &[(&[&str], &str)] = &[
    (&["http/cause.rs", "http/error.rs"], "an error, and the words for its causes"),
    (
        &["local/registry/error.rs", "local/registry/upstream/error.rs"],
        "the error of a response, and the error of a fetch that becomes one",
    ),
    (
        &["plan/expr/evaluate.rs", "plan/expr/functions.rs"],
        "functions such as `case` evaluate only the arguments that they need",
    ),
    (&["secret/line.rs", "secret/redactor.rs"], "the redactor, and its form for long lines"),
];

/// The sets of modules from which each reaches all others.
fn circles(source: &Source) -> Vec<BTreeSet<Segments>> {
    let uses: BTreeMap<&Segments, BTreeSet<&Segments>> =
        source.files().map(|(module, _)| (module, source.uses(module))).collect();
    let reached: BTreeMap<&Segments, BTreeSet<&Segments>> =
        uses.keys().map(|module| (*module, reachable(module, &uses))).collect();
    let mut found = BTreeSet::new();
    for (module, others) in &reached {
        if others.contains(module) {
            let circle = others.iter().filter(|other| reached[**other].contains(module));
            found.insert(circle.map(|it| (*it).clone()).collect::<BTreeSet<Segments>>());
        }
    }
    found.into_iter().collect()
}

/// What a module leads to; itself only where a path leads back.
fn reachable<'a>(
    from: &Segments,
    uses: &BTreeMap<&'a Segments, BTreeSet<&'a Segments>>,
) -> BTreeSet<&'a Segments> {
    let mut found: BTreeSet<&Segments> = BTreeSet::new();
    let mut waiting: Vec<&Segments> = uses[from].iter().copied().collect();
    while let Some(module) = waiting.pop() {
        if found.insert(module) {
            waiting.extend(uses[module].iter().copied());
        }
    }
    found
}

#[test]
fn files_import_each_other_only_where_allowed() {
    let source = Source::of_the_crate();
    let path = |module: &Segments| {
        let found = source.files().find(|(other, _)| *other == module);
        found.map(|(_, file)| file.path.clone()).expect("a file")
    };
    let found: BTreeSet<Vec<String>> =
        circles(source).iter().map(|circle| circle.iter().map(path).collect()).collect();
    let allowed: BTreeSet<Vec<String>> = ALLOWED
        .iter()
        .map(|(files, _)| files.iter().map(|file| (*file).to_owned()).collect())
        .collect();

    let unexpected: Vec<_> = found.difference(&allowed).collect();
    let gone: Vec<_> = allowed.difference(&found).collect();
    assert!(unexpected.is_empty(), "new circles: {unexpected:#?}");
    assert!(gone.is_empty(), "no longer circles, remove them from the list: {gone:#?}");
    assert!(allowed.len() <= MAX_CIRCLES, "{} circles", allowed.len());
    assert!(allowed.iter().all(|files| files.len() <= MAX_FILES), "{allowed:#?}");
}
