//! The layers hold: who may know whom, which parts are pure, and who may print.
//! Read from the source, so that an import that breaks them fails a test.

use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Every module of the crate, by the folder or file that holds it.
const MODULES: [&str; 17] = [
    "azure", "cli", "event", "github", "graph", "http", "image", "journal", "local", "oci", "plan",
    "progress", "registry", "report", "resolve", "run", "secret",
];

/// Who may know whom beside itself. `run` and `cli` may know what they like.
const MAY_KNOW: [(&str, &[&str]); 15] = [
    ("secret", &[]),
    ("http", &[]),
    ("progress", &[]),
    ("oci", &[]),
    ("event", &[]),
    ("registry", &["http", "oci", "secret", "progress"]),
    ("azure", &["http", "secret"]),
    ("github", &["http", "secret"]),
    ("image", &["http", "oci", "secret", "progress"]),
    ("plan", &["secret", "oci"]),
    ("graph", &["plan"]),
    ("resolve", &["plan", "secret", "http"]),
    ("journal", &["event"]),
    ("report", &["event", "secret", "github"]),
    ("local", &["oci", "secret"]),
];

/// What a module may take from another where it may not take everything.
const ONLY: [(&str, &str, &[&str]); 2] =
    [("image", "http", &["Retryable", "Retry"]), ("report", "github", &["actions"])];

/// Functions of their arguments: no clock, environment, files, network, threads.
const PURE: [&str; 5] = ["plan", "graph.rs", "run/state.rs", "journal/replay.rs", "report/view.rs"];

const IMPURE: &str = r"\b(std::(fs|env|net|process|thread)|tokio|reqwest|hyper|Instant::now|SystemTime|Timestamp::now)\b";

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file of a module or below a path, with its text.
fn files(below: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![source().join(below)];
    if !waiting[0].exists() {
        waiting = vec![source().join(format!("{below}.rs"))];
    }
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "there is no `{below}` in src");
    found
}

/// The code alone: without comments, and without the tests at the end.
fn code(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let line = |line: &&str| !line.trim_start().starts_with("//");
    shipped.lines().filter(line).collect::<Vec<_>>().join("\n")
}

/// What a text takes from the crate, as paths: `registry::Digest`.
fn taken(text: &str) -> BTreeSet<String> {
    static ONE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\bcrate::(\{|[a-z_]+)(::(\{[^}]*\}|\w+))?").expect("a pattern")
    });
    let mut found = BTreeSet::new();
    for capture in ONE.captures_iter(text) {
        let module = &capture[1];
        assert_ne!(module, "{", "a group at the crate's root cannot be read here; split it");
        let names = capture.get(3).map_or("", |names| names.as_str());
        for name in names.trim_matches(['{', '}']).split(',') {
            let name = name.trim().split([':', ' ']).next().unwrap_or_default();
            if !name.is_empty() || names.is_empty() {
                found.insert(format!("{module}::{name}"));
            }
        }
    }
    found
}

#[test]
fn every_module_has_its_layer() {
    let entries = fs::read_dir(source()).expect("src");
    let mut found: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| !["main", "lib", "testing"].contains(&name.as_str()))
        .collect();
    found.sort();
    found.dedup();
    assert_eq!(found, MODULES);
}

#[test]
fn nobody_knows_more_than_its_layer_may() {
    let mut broken = Vec::new();
    for (module, known) in MAY_KNOW {
        for (path, text) in files(module) {
            for name in taken(&code(&text)) {
                let (other, item) = name.split_once("::").expect("a path");
                let limits = ONLY.iter().find(|only| only.0 == module && only.1 == other);
                let allowed = !MODULES.contains(&other)
                    || other == module
                    || known.contains(&other) && limits.is_none_or(|only| only.2.contains(&item));
                if !allowed {
                    broken.push(format!("{} takes `crate::{name}`", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_is_pure_stays_pure() {
    let impure = Regex::new(IMPURE).expect("a pattern");
    let mut broken = Vec::new();
    for part in PURE {
        for (path, text) in files(part) {
            if path.ends_with("tests.rs") {
                continue;
            }
            let text = code(&text);
            broken.extend(
                impure.find_iter(&text).map(|m| format!("{}: {}", path.display(), m.as_str())),
            );
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_report_and_cli_print() {
    let prints = Regex::new(r"\be?print(ln)?!|\bstd(out|err)\(\)").expect("a pattern");
    let mut broken = Vec::new();
    for module in MODULES.iter().filter(|module| !["report", "cli"].contains(module)) {
        for (path, text) in files(module) {
            // It writes to its parent, over a pipe that stands in for a terminal.
            if path.ends_with("local/runtime/stage/group.rs") {
                continue;
            }
            let text = code(&text);
            broken.extend(
                prints.find_iter(&text).map(|m| format!("{}: {}", path.display(), m.as_str())),
            );
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn groups_and_single_names_are_read_alike() {
    let text = "use crate::oci::{Digest};
use crate::registry::{Client as C};\nuse crate::http;\ncrate::run::x()";
    let taken: Vec<String> = taken(text).into_iter().collect();
    assert_eq!(taken, ["http::", "registry::Client", "registry::Digest", "run::x"]);
}
