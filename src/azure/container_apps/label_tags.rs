//! The tags of a labelled revision, kept in tags of its app: revisions have none.

use crate::value::MAX_TAG_VALUE_CHARS;
use std::collections::BTreeMap;

/// What the name of a tag begins with that keeps the tags of a label.
pub const LABEL_TAG: &str = "shipway-label-";
/// The same for its lease, which comes and goes.
pub const LEASE_TAG: &str = "shipway-lease-";

const OWN: &str = "shipway-";
pub const LEASE: &str = "shipway-lease";
/// What a label has from its app.
const INHERITED: [&str; 3] = ["shipway-plan", "shipway-service", "shipway-repository"];
/// What the revision itself says, or what does not fit.
const NOT_KEPT: [&str; 2] = ["shipway-digest", "shipway-body"];
/// What is left out first where a value is too long for a tag.
const LEFT_OUT: [&str; 3] = ["shipway-branch", "shipway-image-tag", "shipway-commit-time"];

/// Whether a tag of an app is about one of its labels.
pub fn is_of_label(tag: &str) -> bool {
    let lower = tag.to_ascii_lowercase();
    [LABEL_TAG, LEASE_TAG].iter().any(|prefix| lower.starts_with(prefix))
}

/// Tags as one value: `name=value` for each, without what every tag's name begins with.
pub fn packed(tags: &BTreeMap<String, String>, inherited: &BTreeMap<String, String>) -> String {
    let is_kept = |name: &str, value: &str| {
        let is_known =
            INHERITED.contains(&name) && inherited.get(name).is_some_and(|it| it == value);
        let is_past = name.starts_with("shipway-revision-");
        let fits = !value.chars().any(char::is_whitespace);
        name.starts_with(OWN)
            && name != LEASE
            && !NOT_KEPT.contains(&name)
            && !is_known
            && !is_past
            && fits
    };
    let mut left_out = LEFT_OUT.iter();
    let mut kept: BTreeMap<&str, &str> =
        tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    kept.retain(|name, value| is_kept(name, value));
    loop {
        let words: Vec<String> =
            kept.iter().map(|(name, value)| format!("{}={value}", &name[OWN.len()..])).collect();
        let words = words.join(" ");
        let is_short = words.chars().count() <= MAX_TAG_VALUE_CHARS;
        match left_out.next() {
            Some(name) if !is_short => {
                kept.remove(name);
            }
            _ => return words,
        }
    }
}

/// The tags that such a value holds.
pub fn unpacked(value: &str, inherited: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let from_app = INHERITED.iter().filter_map(|name| inherited.get_key_value(*name));
    let from_app = from_app.map(|(name, value)| (name.clone(), value.clone()));
    let own = value.split(' ').filter_map(|word| word.split_once('='));
    let own = own.map(|(name, value)| (format!("{OWN}{name}"), value.to_owned()));
    from_app.chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_of_label, packed, unpacked};
    use std::collections::BTreeMap;

    fn tags(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tags_of_a_label_are_read_as_they_were_written() {
        let app = tags(&[("shipway-plan", "shop"), ("shipway-service", "web"), ("team", "a")]);
        let label = tags(&[
            ("shipway-plan", "shop"),
            ("shipway-service", "web"),
            ("shipway-run", "01kdt4eyg0000000000000000a"),
            ("shipway-pull-request", "12"),
            ("shipway-lease", "01k until 2026-11-20T10:00:00Z"),
            ("shipway-digest", "sha256:1"),
            ("team", "b"),
        ]);
        let value = packed(&label, &app);
        assert_eq!(value, "pull-request=12 run=01kdt4eyg0000000000000000a");
        assert_eq!(
            unpacked(&value, &app),
            tags(&[
                ("shipway-plan", "shop"),
                ("shipway-service", "web"),
                ("shipway-run", "01kdt4eyg0000000000000000a"),
                ("shipway-pull-request", "12"),
            ])
        );
        // The app is not Shipway's.
        let value = packed(&label, &BTreeMap::new());
        assert!(value.contains("plan=shop"), "{value}");
        assert_eq!(unpacked(&value, &BTreeMap::new())["shipway-plan"], "shop");
    }

    #[test]
    fn what_is_not_needed_is_left_out_of_a_value_that_is_too_long() {
        let long = "x".repeat(250);
        let label = tags(&[("shipway-branch", &long), ("shipway-run", "01k")]);
        assert_eq!(packed(&label, &BTreeMap::new()), "run=01k");
    }

    #[test]
    fn tags_of_labels_are_told_from_those_of_the_app() {
        for name in ["shipway-label-pr-12", "Shipway-Lease-pr-12"] {
            assert!(is_of_label(name), "{name}");
        }
        for name in ["shipway-lease", "shipway-run", "label"] {
            assert!(!is_of_label(name), "{name}");
        }
    }
}
