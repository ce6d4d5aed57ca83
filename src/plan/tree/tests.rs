//! Trees, written so that a person can compare them.

use super::{Kind, Node, load};
use std::fmt::Write as _;

fn shown(yaml: &str) -> String {
    let mut found = Vec::new();
    let mut out = String::new();
    if let Some(node) = load(yaml, &mut found) {
        show(yaml, &node, 0, &mut out);
    }
    for one in found {
        writeln!(out, "! {}: {}", one.code, one.message).expect("a string takes all");
    }
    out
}

fn show(yaml: &str, node: &Node<'_>, level: usize, out: &mut String) {
    let indent = "  ".repeat(level);
    let source = &yaml[node.span.clone()];
    match &node.kind {
        Kind::Null => writeln!(out, "{indent}null {source:?}"),
        Kind::Scalar(scalar) => writeln!(out, "{indent}{:?} {source:?}", scalar.value),
        Kind::Sequence(items) => {
            let shown = writeln!(out, "{indent}list {source:?}");
            for item in items {
                show(yaml, item, level + 1, out);
            }
            shown
        }
        Kind::Mapping(entries) => {
            let shown = writeln!(out, "{indent}mapping {source:?}");
            for entry in entries {
                writeln!(out, "{indent}  {}:", entry.key.value).expect("a string takes all");
                show(yaml, &entry.value, level + 2, out);
            }
            shown
        }
    }
    .expect("a string takes all");
}

#[track_caller]
fn case(yaml: &str, expected: &str) {
    assert_eq!(shown(yaml), expected, "{yaml}");
}

#[test]
fn scalars_are_as_they_are_spelled() {
    case(
        "a: 1.10\nb: 12e4567\nno: no\nd: ~\ne:\nf: \"null\"\n",
        r#"mapping "a: 1.10\nb: 12e4567\nno: no\nd: ~\ne:\nf: \"null\""
  a:
    "1.10" "1.10"
  b:
    "12e4567" "12e4567"
  no:
    "no" "no"
  d:
    null "~"
  e:
    null "e"
  f:
    "null" "\"null\""
"#,
    );
    case("a\n", "\"a\" \"a\"\n");
    case("", "");
    case("# nothing\n", "");
    case("\u{feff}a: b\n", "mapping \"a: b\"\n  a:\n    \"b\" \"b\"\n");
    case("a: !!int \"12\"\n", "mapping \"a: !!int \\\"12\\\"\"\n  a:\n    \"12\" \"\\\"12\\\"\"\n");
}

#[test]
fn collections_aliases_and_merges() {
    case(
        "a: &x {b: [1, 2 ], c: d}\ne: *x\nf:\n  <<: *x\n  c: own\ng:\n  - h\n  - i: j\n    k: l\n",
        r#"mapping "a: &x {b: [1, 2 ], c: d}\ne: *x\nf:\n  <<: *x\n  c: own\ng:\n  - h\n  - i: j\n    k: l"
  a:
    mapping "{b: [1, 2 ], c: d}"
      b:
        list "[1, 2 ]"
          "1" "1"
          "2" "2"
      c:
        "d" "d"
  e:
    mapping "{b: [1, 2 ], c: d}"
      b:
        list "[1, 2 ]"
          "1" "1"
          "2" "2"
      c:
        "d" "d"
  f:
    mapping "<<: *x\n  c: own"
      c:
        "own" "own"
      b:
        list "[1, 2 ]"
          "1" "1"
          "2" "2"
  g:
    list "- h\n  - i: j\n    k: l"
      "h" "h"
      mapping "i: j\n    k: l"
        i:
          "j" "j"
        k:
          "l" "l"
"#,
    );
    case(
        "{\"a\": \"b\\/c\",\n\t\"d\": []}",
        r#"mapping "{\"a\": \"b\\/c\",\n\t\"d\": []}"
  a:
    "b/c" "\"b\\/c\""
  d:
    list "[]"
"#,
    );
}

#[test]
fn what_is_wrong_and_does_not_stop_reading() {
    let found = |yaml: &str| {
        shown(yaml).lines().filter(|line| line.starts_with('!')).collect::<Vec<_>>().join("\n")
    };
    let twice = "! duplicate-key: `a` is given twice";
    assert_eq!(found("a: 1\nb: 2\na: 3\na: 4\n"), [twice, twice].join("\n"));
    assert_eq!(found("a: !foo b\n"), "! yaml-tag: `!foo` is a YAML tag, which means nothing here");
    assert_eq!(found("a: {{ x }}\n"), "! yaml-key: a key is a single word");
    assert_eq!(
        found("<<: 1\n"),
        "! wrong-type: `<<` takes a mapping or a list of them, not a single value"
    );
}

/// Whether serde-saphyr, which types its scalars, has read the same.
fn same(node: &Node<'_>, other: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (&node.kind, other) {
        (Kind::Null, Value::Null) => true,
        (Kind::Scalar(scalar), Value::String(text)) => scalar.value == *text,
        (Kind::Scalar(scalar), Value::Bool(_) | Value::Number(_)) => !scalar.value.contains(' '),
        (Kind::Sequence(items), Value::Array(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(a, b)| same(a, b))
        }
        (Kind::Mapping(entries), Value::Object(others)) => {
            let found = |entry: &super::Entry| others.get(&*entry.key.value);
            entries.len() == others.len()
                && entries
                    .iter()
                    .all(|entry| found(entry).is_some_and(|other| same(&entry.value, other)))
        }
        _ => false,
    }
}

#[test]
fn serde_saphyr_reads_the_same() {
    let plans = [
        include_str!("../../../tests/fixtures/plans/smallest.yml"),
        include_str!("../../../tests/fixtures/plans/full.yml"),
        include_str!("../../../tests/fixtures/plans/builds.yml"),
        include_str!("../../../tests/fixtures/plans/bad-values.yml"),
        "a: &a { b: 1, c: [x, 'it''s', \"\\u00e9\\n\"] }\nd: *a\ne: { <<: *a, b: 2 }\nf:\n  <<: [*a, { g: h }]\n",
        "a: |\n  one\n   two\n\nb: >-\n  one\n  two\n\n  three\nc: one\n  two\nd: \"one\n\n  two \\\n  three\"\n",
        "{\"a\": [1, null, true, {\"b\": \"c\\/d\"}],\n\t\"e\": \"\\ud83d\\ude00\"}",
    ];
    for yaml in plans {
        let other: serde_json::Value = serde_yaml::from_str(yaml).expect("it is YAML");
        let node = load(yaml, &mut Vec::new()).expect("it is YAML");
        assert!(same(&node, &other), "{yaml}\n{node:#?}\n{other:#?}");
    }
}
