//! What the program is made of: every crate is pinned, comes from the registry, and has a
//! licence that permits to use it here.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Words of licence expressions (SPDX). Another one has to be read before it is added.
const LICENCES: [&str; 14] = [
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "LLVM-exception",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
    "OR",
    "AND",
    "WITH",
];

/// The packages of a workspace, without its own.
fn dependencies(manifest: &str) -> Vec<Value> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    // The crates of other systems are not on every machine.
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu", "--manifest-path"]);
    let output = cargo.arg(manifest).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let Value::Array(packages) = metadata["packages"].take() else { panic!("packages") };
    packages.into_iter().filter(|package| !package["source"].is_null()).collect()
}

#[test]
fn licence_of_every_dependency_is_known() {
    let mut unknown = BTreeSet::new();
    for package in dependencies("Cargo.toml") {
        let licence = package["license"].as_str().unwrap_or("none").to_owned();
        let words = licence.split([' ', '(', ')', '/']).filter(|word| !word.is_empty());
        if words.clone().next().is_none() || words.clone().any(|word| !LICENCES.contains(&word)) {
            unknown.insert(format!("{}: {licence}", package["name"]));
        }
    }
    assert_eq!(unknown, BTreeSet::new());
}

#[test]
fn every_dependency_is_pinned_and_from_one_registry() {
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(lock);
        let text = std::fs::read_to_string(path).expect("a lock file");
        let mut sources = BTreeSet::new();
        for package in text.split("[[package]]").skip(1) {
            let value = |key: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(key));
                line.map(|value| value.trim_matches('"').to_owned())
            };
            let Some(source) = value("source = ") else { continue };
            let name = value("name = ").unwrap_or_default();
            assert!(source.starts_with("registry+"), "{lock}: {name} is from {source}");
            assert_eq!(value("checksum = ").map(|sum| sum.len()), Some(64), "{lock}: {name}");
            sources.insert(source);
        }
        assert_eq!(sources.len(), 1, "{lock}: {sources:?}");
    }
}
