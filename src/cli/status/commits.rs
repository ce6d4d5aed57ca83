//! How a commit is shown: the start of its hash, and its title where git knows it.

use crate::cli::columns::UNKNOWN;
use crate::resolve::{HostEnvironment, commit_titles};
use std::collections::BTreeMap;

/// How much of a commit's hash is shown.
const SHORT_COMMIT_CHARS: usize = 7;

/// How much of a commit's title is shown in a table.
const MAX_TITLE_CHARS: usize = 30;

/// The titles of commits, by their hash.
#[derive(Clone, Debug, Default)]
pub struct Titles(BTreeMap<String, String>);

impl Titles {
    /// Asks git for those of its commits.
    pub fn read<'c>(host: &HostEnvironment, commits: impl IntoIterator<Item = &'c String>) -> Self {
        Self(commit_titles(host, commits.into_iter().map(String::as_str).collect()))
    }

    pub fn of(&self, commit: Option<&String>) -> Option<&str> {
        self.0.get(commit?).map(String::as_str)
    }

    /// Such as `7c09f31 Sell socks`.
    pub fn cell(&self, commit: Option<&String>, dirty: bool) -> String {
        let Some(hash) = commit else { return UNKNOWN.to_owned() };
        let short: String = hash.chars().take(SHORT_COMMIT_CHARS).collect();
        match (self.of(commit).map(cut), dirty) {
            (None, false) => short,
            (None, true) => format!("{short} with changes"),
            (Some(title), false) => format!("{short} {title}"),
            (Some(title), true) => format!("{short} with changes, {title}"),
        }
    }
}

fn cut(title: &str) -> String {
    if title.chars().count() <= MAX_TITLE_CHARS {
        return title.to_owned();
    }
    let start: String = title.chars().take(MAX_TITLE_CHARS - 1).collect();
    format!("{}…", start.trim_end())
}

#[cfg(test)]
mod tests {
    use super::Titles;

    #[test]
    fn title_follows_the_hash_and_is_cut() {
        let [known, long, other] = ["7c09f31", "4e1d2aa", "90ab12c"].map(|start| {
            let rest = "0".repeat(40 - start.len());
            format!("{start}{rest}")
        });
        let text = "Sell socks and, where it is cold, shoes too";
        let titles = Titles(
            [(known.clone(), "Sell socks".to_owned()), (long.clone(), text.to_owned())].into(),
        );
        assert_eq!(titles.cell(Some(&known), false), "7c09f31 Sell socks");
        assert_eq!(titles.cell(Some(&known), true), "7c09f31 with changes, Sell socks");
        assert_eq!(titles.cell(Some(&long), false), "4e1d2aa Sell socks and, where it is c…");
        assert_eq!(titles.cell(Some(&other), false), "90ab12c");
        assert_eq!(titles.cell(Some(&other), true), "90ab12c with changes");
        assert_eq!(titles.cell(None, false), "-");
    }
}
