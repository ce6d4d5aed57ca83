//! Tables of keys in Markdown, for the reference.

use super::object::{Object, ObjectKey, sentence};
use std::fmt::Write as _;

/// A row for each key: what it is, and what holds where it is absent.
pub fn table(object: &Object) -> String {
    let mut text = "| key | is | where absent |\n|---|---|---|\n".to_owned();
    for ObjectKey { key, is_required, words } in object.keys() {
        let mut about = sentence(key.about).trim_end_matches('.').to_owned();
        if let Some(action) = key.only_beside {
            about = format!("of `{action}`: {about}");
        }
        if !words.is_empty() {
            write!(about, ": `{}`", words.join("`, `")).expect("a string takes text");
        }
        let absent = match (key.absent, key.default) {
            ("", Some(default)) => format!("`{default}`"),
            ("", None) if *is_required => "needed".to_owned(),
            (words, _) => words.to_owned(),
        };
        writeln!(text, "| `{}` | {about} | {absent} |", key.name).expect("a string takes text");
    }
    text
}
