//! `docs/failures.md` has the tables.
//!
//! `UPDATE_DOCS=1 cargo test --lib azure::failures` rewrites them.

use super::{Failure, Service, table};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

const SERVICES: [(&str, Service); 4] = [
    ("resource-manager", Service::ResourceManager),
    ("entra", Service::Entra),
    ("key-vault", Service::KeyVault),
    ("container", Service::Container),
];

/// The values that the page shows for the names in braces.
const SHOWN: [(&str, &str); 7] = [
    ("client_id", "CLIENT_ID"),
    ("tenant", "TENANT"),
    ("vault", "VAULT"),
    ("secret", "SECRET"),
    ("scope", "SCOPE"),
    ("provider", "Microsoft.ContainerInstance"),
    ("registry", "REGISTRY"),
];

fn shown(service: Service) -> String {
    let mut text = String::from("| code | status | | cause | remedy |\n|---|---|---|---|---|\n");
    for row in table(service) {
        let Failure { code, status, class, cause, .. } = row;
        let status = if *status == 0 { "-".to_owned() } else { status.to_string() };
        let remedy = row.remedy(&SHOWN).replace('|', "\\|");
        writeln!(text, "| `{code}` | {status} | {class} | {cause} | {remedy} |").expect("text");
    }
    text
}

#[test]
fn page_of_failures_has_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failures.md");
    let text = std::fs::read_to_string(&path).expect("the page is there");
    let mut updated = text.clone();
    for (name, service) in SERVICES {
        let start = format!("<!-- failures: {name} -->\n");
        let (before, after) = updated.split_once(&start).expect("a marker");
        let (_, after) = after.split_once("<!-- end -->").expect("an end");
        updated = format!("{before}{start}{}<!-- end -->{after}", shown(service));
    }
    if text != updated && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, updated).expect("can be written");
        return;
    }
    assert_eq!(text, updated, "stale; run this test with UPDATE_DOCS=1");
}

#[test]
fn codes_are_named_once_and_remedies_have_all_their_values() {
    for (name, service) in SERVICES {
        let mut codes = BTreeSet::new();
        for row in table(service) {
            assert!(codes.insert(row.code.to_lowercase()), "{name}: `{}` twice", row.code);
            let remedy = row.remedy(&SHOWN);
            assert!(!remedy.contains(['{', '}']), "{name}: `{}`: {remedy}", row.code);
            assert!(!row.cause.ends_with('.') && !remedy.ends_with('.'), "{name}: {}", row.code);
        }
    }
}
