//! Options of a command line: `--name value`, `--name=value`, and lists of values.

use std::collections::BTreeSet;

/// The words of a command after its name.
pub struct Options {
    words: Vec<Option<String>>,
    /// The places of values that were joined to their option by `=`.
    joined: BTreeSet<usize>,
}

/// A value, or the sign that only a run knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OptionValue {
    Known(String),
    Unknown,
}

impl Options {
    pub fn new(words: &[Option<String>]) -> Self {
        let mut split = Vec::new();
        let mut joined = BTreeSet::new();
        for word in words {
            match word.as_deref().and_then(|word| word.split_once('=')) {
                Some((name, value)) if name.starts_with("--") => {
                    joined.insert(split.len() + 1);
                    split.extend([Some(name.to_owned()), Some(value.to_owned())]);
                }
                _ => split.push(word.clone()),
            }
        }
        Self { words: split, joined }
    }

    /// The last value of an option under one of its names.
    pub fn value(&self, names: &[&str]) -> Option<OptionValue> {
        let at = self
            .words
            .iter()
            .rposition(|word| word.as_deref().is_some_and(|word| names.contains(&word)))?;
        Some(match self.words.get(at + 1) {
            Some(Some(value)) => OptionValue::Known(value.clone()),
            _ => OptionValue::Unknown,
        })
    }

    /// The known value of an option.
    pub fn text(&self, names: &[&str]) -> Option<String> {
        match self.value(names)? {
            OptionValue::Known(value) => Some(value),
            OptionValue::Unknown => None,
        }
    }

    pub fn has(&self, names: &[&str]) -> bool {
        self.words.iter().flatten().any(|word| names.contains(&word.as_str()))
    }

    /// All values of an option that takes several or is repeated.
    pub fn list(&self, names: &[&str]) -> Vec<Option<String>> {
        let mut found = Vec::new();
        let mut inside = false;
        for word in &self.words {
            let name = word.as_deref().filter(|word| is_option(word));
            match name {
                Some(name) => inside = names.contains(&name),
                None if inside => found.push(word.clone()),
                None => {}
            }
        }
        found
    }

    /// The values of an option that takes one and may be repeated.
    pub fn repeated(&self, names: &[&str]) -> Vec<Option<String>> {
        let pairs = self.words.windows(2);
        let is_it =
            |pair: &&[Option<String>]| pair[0].as_deref().is_some_and(|word| names.contains(&word));
        pairs.filter(is_it).map(|pair| pair[1].clone()).collect()
    }

    /// The names of all options.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.words.iter().flatten().map(String::as_str).filter(|word| is_option(word))
    }

    /// Words that are neither an option nor the value of one; `flags` take no value.
    pub fn positional(&self, flags: &[&str]) -> Vec<Option<String>> {
        let mut found = Vec::new();
        let mut skips = false;
        for (at, word) in self.words.iter().enumerate() {
            match word.as_deref() {
                _ if self.joined.contains(&at) => skips = false,
                Some(name) if is_option(name) => skips = !flags.contains(&name),
                _ if skips => skips = false,
                _ => found.push(word.clone()),
            }
        }
        found
    }
}

fn is_option(word: &str) -> bool {
    word.starts_with('-') && word.len() > 1
}

#[cfg(test)]
mod tests {
    use super::{OptionValue, Options};

    #[test]
    fn values_are_found_by_any_name_of_the_option() {
        let words = ["-g", "demo", "--ports", "80", "443", "--name=web", "--push", ".", "-t", "a"];
        let mut words: Vec<_> = words.iter().map(|word| Some((*word).to_owned())).collect();
        words.extend([Some("-t".to_owned()), None]);
        let options = Options::new(&words);
        assert_eq!(options.text(&["--resource-group", "-g"]).as_deref(), Some("demo"));
        assert_eq!(options.text(&["--name"]).as_deref(), Some("web"));
        assert_eq!(options.list(&["--ports"]), [Some("80".to_owned()), Some("443".to_owned())]);
        assert_eq!(options.repeated(&["-t"]), [Some("a".to_owned()), None]);
        assert_eq!(options.value(&["-t"]), Some(OptionValue::Unknown));
        assert_eq!(options.positional(&["--push"])[1], Some(".".to_owned()));

        let words = [".", "--pull=false"].map(|word| Some(word.to_owned()));
        assert_eq!(Options::new(&words).positional(&["--pull"]), [Some(".".to_owned())]);
    }
}
