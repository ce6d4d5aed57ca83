//! The examples of `docs/diagnostics.md` are found by `check`.

use crate::support::Program;
use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A plan around the example of each code; `EXAMPLE` stands for it.
const FRAMES: &[(&str, &str)] = &[
    ("cannot-include", "name: a\nEXAMPLE\nsteps: [{ run: x }]"),
    ("duplicate-key", "EXAMPLE"),
    ("yaml-alias", "EXAMPLE"),
    ("yaml-documents", "name: a\nsteps: [{ run: x }]\nEXAMPLE\nname: b\n"),
    ("yaml-key", "EXAMPLE"),
    ("yaml-syntax", "EXAMPLE"),
    ("yaml-tag", "EXAMPLE"),
    ("bad-value", ACI),
    ("conflicting-keys", STEP),
    ("duplicate-id", "name: a\nsteps: EXAMPLE"),
    ("empty-plan", "EXAMPLE"),
    ("missing-key", STEP),
    ("no-action", "name: a\nsteps:\nEXAMPLE"),
    ("no-expression-here", "name: a\nvars: { id: x }\nsteps:\n- run: x\n  EXAMPLE"),
    ("not-a-plan", "EXAMPLE"),
    ("not-yet-supported", "name: a\nsteps:\n- verify: { http: https://example.com/, EXAMPLE }"),
    ("two-actions", "name: a\nsteps: [EXAMPLE]"),
    ("unknown-key", "name: a\nEXAMPLE\nsteps: [{ run: x }]"),
    ("unsupported-version", "name: a\nEXAMPLE\nsteps: [{ run: x }]"),
    ("wrong-type", "name: a\nEXAMPLE"),
    ("bad-case", VALUE),
    ("bad-format", VALUE),
    ("bad-json", VALUE),
    ("bad-part", VALUE),
    ("bad-pattern", VALUE),
    ("expression-syntax", VALUE),
    ("not-known-yet", "name: a\nEXAMPLE\nsteps: [{ run: x }]"),
    ("not-text", "name: a\nvars: { b: c }\nsteps:\n- run: x\n  EXAMPLE"),
    ("text-as-condition", "name: a\nsteps:\n- run: x\n  EXAMPLE"),
    ("unclosed-expression", VALUE),
    ("unknown-context", VALUE),
    ("unknown-function", VALUE),
    ("cycle", "name: a\nservices: EXAMPLE"),
    (
        "duplicate-mount",
        "name: a\nazure: { resource-group: g }\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      volumes: { a: { empty: }, b: { empty: } }\n      EXAMPLE",
    ),
    (
        "unknown-volume",
        "name: a\nazure: { resource-group: g }\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      volumes: { data: { empty: } }\n      EXAMPLE",
    ),
    (
        "unused-volume",
        "name: a\nazure: { resource-group: g }\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      EXAMPLE",
    ),
    ("ended-service", "name: a\nsteps:\n- deploy: { image: 'a.io/b:v1', EXAMPLE }"),
    ("missing-location", "name: a\nEXAMPLE\nsteps:\n- deploy: { image: 'a.io/b:v1', aci: }"),
    ("missing-resource-group", STEP),
    ("missing-path", STEP),
    (
        "bad-public-key",
        "name: a\nsteps:\n- verify: { http: 'https://a.io/', require: { EXAMPLE } }",
    ),
    ("empty-require", "name: a\nsteps:\n- verify: { http: 'https://a.io/', EXAMPLE }"),
    (
        "plain-signing-key",
        "name: a\nsteps:\n- build: { layers: [] }\n- tag: a.io/b:v1\n- push: { EXAMPLE }",
    ),
    (
        "no-azure-registry",
        "name: a\nsteps:\n- build: { EXAMPLE }\n- tag: ghcr.io/a/b:v1\n- push:\n",
    ),
    ("never-pushed", "name: a\nsteps:\n- build: { layers: [] }\nEXAMPLE"),
    (
        "never-verified",
        "name: a\nazure: { resource-group: g }\nsteps:\n- verify: https://a.example/\nEXAMPLE",
    ),
    ("nothing-to-deploy", "name: a\nazure: { resource-group: g }\nsteps:\nEXAMPLE"),
    ("nothing-to-push", "name: a\nsteps:\nEXAMPLE"),
    ("nothing-to-tag", "name: a\nsteps:\nEXAMPLE"),
    ("nothing-to-verify", "name: a\nsteps:\nEXAMPLE"),
    (
        "service-not-needed",
        "name: a\nservices:\n  db: { steps: [{ run: x }] }\n  web:\n    steps:\n    - run: x\n      \
         env: { A: \"EXAMPLE\" }",
    ),
    ("unknown-member", VALUE),
    (
        "unknown-output",
        "name: a\nsteps:\n- build: { layers: [] }\n- tag: a.io/b:v1\n- push:\n- run: x\n  \
         env: { A: \"EXAMPLE\" }",
    ),
    ("unknown-secret", VALUE),
    ("unknown-service", "name: a\nservices: { web: { EXAMPLE, steps: [{ run: x }] } }"),
    ("unknown-step", VALUE),
    ("unknown-variable", VALUE),
    ("untagged-image", STEP),
    (
        "unused-registry",
        "name: a\nEXAMPLE\nsteps:\n- build: { layers: [] }\n- tag: shop.azurecr.io/b:v1\n- push:",
    ),
    ("duplicate-platform", BUILD),
    ("layer-left-out", "name: a\nsteps:\n- build: { EXAMPLE }"),
    ("unknown-platform", BUILD),
    ("unused-argument", BUILD),
    ("unused-secret", "name: a\nEXAMPLE\nsteps: [{ run: x }]"),
    ("never-chosen", "name: a\nenvironments:\n  live: EXAMPLE\nsteps: [{ run: x }]"),
    (
        "duplicate-dns-label",
        "name: a\nazure: { resource-group: g, location: westeurope }\nservices:\n  a:\n    steps:\n    \
         - deploy: { image: 'a.io/b:v1', aci: { name: a, dns-label: shop, ports: [80] } }\n  \
         b:\n    steps:\n    - deploy: { image: 'a.io/b:v1', EXAMPLE }",
    ),
    (
        "duplicate-group",
        "name: a\nazure: { resource-group: g }\nservices:\n  \
         a: { steps: [{ deploy: { image: 'a.io/b:v1', EXAMPLE } }] }\n  \
         b: { steps: [{ deploy: { image: 'a.io/b:v1', EXAMPLE } }] }",
    ),
    ("duplicate-port", ACI),
    ("label-without-port", DEPLOY),
    ("size-out-of-range", ACI),
    ("too-many-ports", ACI),
    ("unknown-region", "name: a\nazure: { resource-group: g, EXAMPLE }\nsteps: [{ run: x }]"),
    (
        "verify-closed-port",
        "name: a\nazure: { resource-group: g }\nsteps:\n\
         - deploy: { image: 'a.io/b:v1', aci: { name: worker, ports: [80] } }\n- EXAMPLE",
    ),
    ("verify-never-done", STEP),
    (
        "verify-without-port",
        "name: a\nazure: { resource-group: g }\nsteps:\n\
         - deploy: { image: 'a.io/b:v1', aci: { name: worker } }\n- EXAMPLE",
    ),
    (
        "wrong-platform",
        "name: a\nazure: { resource-group: g }\nsteps:\n- EXAMPLE\n- tag: a.io/b:v1\n- push:\n\
         - deploy: { aci: }",
    ),
    (
        "password-in-repository",
        "name: a\nsecrets: { p: { env: P } }\nsteps:\n- deploy: { image: 'a.io/b:v1', EXAMPLE }",
    ),
    (
        "plain-password",
        "name: a\nregistries: { a.io: { EXAMPLE } }\nsteps:\n- build: { layers: [] }\n\
         - tag: a.io/b:v1\n- push:",
    ),
    ("plain-secret", ACI),
    ("script-injection", STEP),
    (
        "secret-exposed",
        "name: a\nsecrets: { token: { env: T } }\nsteps:\n- build: { context: ., EXAMPLE }",
    ),
];

const STEP: &str = "name: a\nsteps:\n- EXAMPLE";
const BUILD: &str = "name: a\nsteps:\n- build: { context: ., EXAMPLE }";
const VALUE: &str = "name: a\nsteps:\n- run: x\n  env:\n    A: |-\n      EXAMPLE";
const DEPLOY: &str =
    "name: a\nazure: { resource-group: g }\nsteps:\n- deploy: { image: 'a.io/b:v1', EXAMPLE }";
const ACI: &str = "name: a\nazure: { resource-group: g }\nsteps:\n\
    - deploy: { image: 'a.io/b:v1', aci: { EXAMPLE } }";

/// Plans of the codes whose examples are described, or shortened.
fn described(code: &str) -> Option<Vec<u8>> {
    let text = match code {
        "not-utf-8" => {
            let units = "name: a\n".encode_utf16().flat_map(u16::to_le_bytes);
            return Some([0xff, 0xfe].into_iter().chain(units).collect());
        }
        "too-large" => format!("name: a\n# {}\n", "x".repeat(2 << 20)),
        "yaml-bomb" => {
            let level = |level: u8| {
                let aliases = vec![format!("*a{}", level - 1); 4].join(", ");
                format!("x-{level}: &a{level} [{aliases}]\n")
            };
            format!("x-0: &a0 [x, x, x, x]\n{}", (1..10).map(level).collect::<String>())
        }
        "yaml-depth" => format!("name: {}\n", "[".repeat(100)),
        "too-many-tags" => {
            let tags: Vec<String> = (1..40).map(|number| format!("a{number}: x")).collect();
            ACI.replace("EXAMPLE", &format!("tags: {{ {} }}", tags.join(", ")))
        }
        _ => return None,
    };
    Some(text.into_bytes())
}

#[test]
fn examples_of_diagnostics_are_found_by_check() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnostics.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let (before, rest) = page.split_once("\n## Values\n").expect("a section");
    let (_, after) = rest.split_once("\n## ").expect("another section");
    let line = Regex::new(r"(?m)^- `([a-z0-9-]+)`: .+\. (?:`([^`]+)`)?").expect("a pattern");
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for found in [before, after].iter().flat_map(|part| line.captures_iter(part)) {
        let code = found[1].to_owned();
        let example = found.get(2).map(|example| example.as_str());
        let frame = FRAMES.iter().find(|(known, _)| *known == code).map(|(_, frame)| *frame);
        let plan = match (described(&code), frame, example) {
            (Some(plan), None, _) => plan,
            (None, Some(frame), Some(example)) => frame.replace("EXAMPLE", example).into_bytes(),
            _ => panic!("`{code}` has no plan around its example"),
        };
        let program = Program::new();
        fs::write(program.path("shipway.yml"), &plan).expect("written");
        fs::write(program.path("Dockerfile"), "FROM scratch\nARG COMMIT\n").expect("written");
        let said = program.run(&["check", "--format", "json"]).stdout;
        if !said.contains(&format!("\"{code}\"")) {
            wrong.push(format!("`{code}`:\n{}\n{said}", String::from_utf8_lossy(&plan)));
        }
        known.insert(code);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let framed = FRAMES.iter().map(|(code, _)| (*code).to_owned());
    assert!(framed.collect::<BTreeSet<_>>().is_subset(&known), "{known:?}");
}
