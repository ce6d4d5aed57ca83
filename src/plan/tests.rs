//! Reading as a whole: mistakes together, bad input, size, and anything at all.

use super::diagnostic::explanations;
use super::read::MAX_PLAN_BYTES;
use super::{read, read_bytes, render};
use proptest::prelude::*;
use regex::Regex;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const GOOD: [&str; 3] = [
    include_str!("../../tests/fixtures/plans/smallest.yml"),
    include_str!("../../tests/fixtures/plans/full.yml"),
    include_str!("../../tests/fixtures/plans/builds.yml"),
];

fn drawn(text: &str) -> String {
    render("shipway.yml", text, &read(text).diagnostics, false)
}

#[test]
fn eight_mistakes_are_eight_diagnostics() {
    let text = include_str!("../../tests/fixtures/plans/eight-mistakes.yml");
    let reading = read(text);
    assert!(reading.plan.is_none());
    assert_eq!(reading.diagnostics.len(), 8);
    insta::assert_snapshot!(drawn(text));
}

#[test]
fn every_kind_of_mistake_in_a_value() {
    insta::assert_snapshot!(drawn(include_str!("../../tests/fixtures/plans/bad-values.yml")));
}

/// Each is a plan with one value that is out of range, of which the JSON Schema says so
/// too: `tests/run` gives them to an independent validator.
#[test]
fn value_out_of_range_is_one_mistake() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plans/out-of-range");
    let mut files: Vec<_> =
        folder.read_dir().expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let mut all = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a plan");
        let diagnostics = read(&text).diagnostics;
        let name = file.file_stem().expect("a name").to_string_lossy();
        assert_eq!(diagnostics.len(), 1, "{name}:\n{}", drawn(&text));
        let label = &diagnostics[0];
        writeln!(all, "{name}: {}", label.message).expect("a string takes text");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn every_kind_of_mistake_in_the_shape() {
    insta::assert_snapshot!(drawn(include_str!("../../tests/fixtures/plans/bad-shapes.yml")));
}

#[test]
fn what_is_no_plan() {
    let shown =
        ["", "# nothing\n", "~\n", "just text\n", "- a\n- b\n", "{}\n", "name: a\n"].map(drawn);
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn bytes_that_are_no_text() {
    let drawn = |bytes: &[u8]| {
        let (text, reading) = read_bytes(bytes);
        assert!(reading.plan.is_none());
        render("shipway.yml", &text, &reading.diagnostics, false)
    };
    let large = vec![b'a'; MAX_PLAN_BYTES + 1];
    let shown = [
        drawn(b"name: a\nx: \xc3(\n"),
        drawn(b"\xff\xfen\0a\0"),
        drawn(b"name: a\0b\n"),
        drawn(&large),
    ];
    insta::assert_snapshot!(shown.join("\n\n"));
}

/// How long this thread has had a processor: what else runs here does not count.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel counts");
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number comes first"))
}

/// A plan of so many services with six steps each, in which each needs the one
/// before.
fn large(services: usize) -> String {
    let mut text =
        "name: large\nazure: { resource-group: g }\nvars: { label: x }\nservices:\n".to_owned();
    for number in 0..services {
        let needs = if number == 0 { String::new() } else { format!("s{}", number - 1) };
        write!(
            text,
            "  s{number}:\n    needs: [{needs}]\n    steps:\n      - run: make test\n        timeout: 5m\n      \
             - build: services/s{number}\n      - tag: {{ image: shop.azurecr.io/s{number}, tags: [\"${{{{ git.short-sha }}}}\"] }}\n      \
             - push:\n      - deploy: {{ aci: {{ dns-label: \"${{{{ vars.label }}}}-s{number}\", ports: [80] }} }}\n      \
             - verify: /healthz\n"
        )
        .expect("a string takes all");
    }
    text
}

#[test]
fn a_thousand_services() {
    let text = large(1000);
    let started = busy();
    let plan = read(&text).plan.expect("a plan without a mistake");
    assert_eq!(plan.services.iter().map(|(_, service)| service.steps.len()).sum::<usize>(), 6000);
    // Forty times what is promised of a released build: this one is unoptimised.
    let took = busy().checked_sub(started).expect("time goes on");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn nothing_takes_long() {
    let half = MAX_PLAN_BYTES / 2;
    let plans = [
        "[".repeat(half),
        "- ".repeat(half),
        "&a ".repeat(half / 2),
        "? ".repeat(half),
        "#\n".repeat(half),
        "\"\n".repeat(half),
        "a: ".repeat(half / 2),
        format!("name: '{}'", "${{".repeat(half / 4)),
        format!("name: a\nsteps: [{{ run: '{}' }}]", "${{ pr.branch }}".repeat(half / 16)),
        format!("name: a\nsteps: [{}]", "{ run: x }, ".repeat(half / 12)),
        format!("name: a\nneeds:\n{}", "  - x\n".repeat(half / 6)),
        format!("name: a\n{}", "zz: 1\n".repeat(half / 6)),
    ];
    for plan in plans {
        let started = busy();
        drawn(&plan);
        let took = busy().checked_sub(started).expect("time goes on");
        let start: String = plan.chars().take(20).collect();
        assert!(took < Duration::from_secs(5), "{start}: {took:?}");
    }
}

/// A good plan with a piece taken out, put in, or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ \\t\\n:{}\\[\\]'\"$&*!|>#,-]{1,4}",
        "\\$\\{\\{ [a-z.(')]{0,9}",
        "\\PC{1,6}",
        Just("steps:".to_owned()),
        Just("\n  - push:\n".to_owned()),
    ];
    (0..GOOD.len(), any::<prop::sample::Index>(), 0..20_usize, piece).prop_map(
        |(which, at, cut, piece)| {
            let letters: Vec<char> = GOOD[which].chars().collect();
            let at = at.index(letters.len());
            let after = letters.iter().skip(at + cut);
            letters.iter().take(at).copied().chain(piece.chars()).chain(after.copied()).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        drawn(&text);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (text, reading) = read_bytes(&bytes);
        render("shipway.yml", &text, &reading.diagnostics, true);
    }

    #[test]
    fn anything_like_yaml_is_answered(text in "([a-z]{1,4}: |- |\\n *|[\\[\\]{}'\"&*|>]|\\$\\{\\{|\\}\\}|[a-z]{1,3}){0,60}") {
        drawn(&text);
    }

    #[test]
    fn a_good_plan_that_was_spoilt_is_answered(text in mutated()) {
        let reading = read(&text);
        prop_assert!(reading.plan.is_some() || !reading.diagnostics.is_empty());
        for one in &reading.diagnostics {
            prop_assert!(one.primary.span.start <= text.len(), "{one:?}");
        }
        let plan_text = super::PlanText::of("shipway.yml", &text);
        super::render_json(&plan_text, &reading.diagnostics);
        super::render_github(&plan_text, &reading.diagnostics);
        drawn(&text);
    }
}

/// The codes in the sources of this module, where a diagnostic or an error of an
/// evaluation is made.
fn codes_in_sources() -> BTreeSet<String> {
    let code = Regex::new(
        r#"(?:Diagnostic::(?:error|warning)|nothing|\.error)\(\s*"([a-z0-9-]+)"|code: "([a-z0-9-]+)"|=> "(yaml-[a-z]+)""#,
    )
    .expect("a pattern");
    let mut codes = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a file");
            let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            if path.extension().is_some_and(|one| one == "rs") && !path.ends_with("tests.rs") {
                let found = code.captures_iter(shipped);
                codes.extend(found.flat_map(|one| {
                    one.iter()
                        .skip(1)
                        .flatten()
                        .map(|code| code.as_str().to_owned())
                        .collect::<Vec<_>>()
                }));
            }
        }
    }
    codes
}

#[test]
fn every_code_is_documented() {
    let documented: Vec<String> = explanations().map(|one| one.code.to_owned()).collect();
    let as_set: BTreeSet<String> = documented.iter().cloned().collect();
    assert_eq!(as_set.len(), documented.len(), "a code is documented twice");
    assert_eq!(as_set, codes_in_sources());
}
