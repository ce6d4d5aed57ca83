//! Writes workflow commands: `::name key=value::data`.
//!
//! The runner undoes the escapes with `%25` last, so `%` is escaped first.
//! Commands are for standard output: the runner reads both streams, but gives
//! no order between them.

use std::fmt;

/// The runner cuts the message of an annotation after so many characters.
const MAX_MESSAGE_CHARS: usize = 4_096;

/// Masking shorter values would replace parts of unrelated words in every log.
const MIN_MASKED_CHARS: usize = 4;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    Error,
    Warning,
}

/// A message that GitHub shows on the run's page and, with a file, in the
/// changes of the pull request. Ten of each level per step are kept.
#[derive(Clone, Copy, Debug)]
pub struct Annotation<'a> {
    pub level: Level,
    pub title: Option<&'a str>,
    /// Relative to the repository.
    pub file: Option<&'a str>,
    /// Counted from 1. Ignored without a file.
    pub line: Option<u32>,
    /// Counted from 1. Ignored without a line.
    pub column: Option<u32>,
    /// May have several lines.
    pub message: &'a str,
}

impl<'a> Annotation<'a> {
    /// An error that stands at no place in a file.
    pub fn error(title: &'a str, message: &'a str) -> Self {
        let (file, line, column) = (None, None, None);
        Self { level: Level::Error, title: Some(title), file, line, column, message }
    }
}

impl fmt::Display for Annotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::Error => "::error",
            Level::Warning => "::warning",
        })?;
        let line = self.line.filter(|_| self.file.is_some());
        let properties = [
            ("title", self.title.map(str::to_owned)),
            ("file", self.file.map(str::to_owned)),
            ("line", line.map(|line| line.to_string())),
            ("col", line.and(self.column).map(|column| column.to_string())),
        ];
        let mut separator = ' ';
        for (name, value) in properties {
            // The runner would read an empty value as part of the name.
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            write!(f, "{separator}{name}={}", escape_property(&value))?;
            separator = ',';
        }
        write!(f, "::{}", escape_data(&cut(self.message)))
    }
}

fn cut(message: &str) -> String {
    if message.chars().count() <= MAX_MESSAGE_CHARS {
        return message.to_owned();
    }
    let mut kept: String = message.chars().take(MAX_MESSAGE_CHARS - 1).collect();
    kept.push('…');
    kept
}

/// Escapes what follows the last `::` of a command.
pub fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property of a command.
pub fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Opens a group that the log shows folded. Groups do not nest.
pub fn group(title: &str) -> String {
    format!("::group::{}", escape_data(title))
}

/// Closes the open group.
pub fn end_group() -> String {
    "::endgroup::".to_owned()
}

/// The commands that mask a value in the log: one for the whole value, and one for
/// each of its lines. GitHub's runner masks the lines by itself, act does not.
///
/// Values and lines of fewer than four characters are not masked. The commands must
/// be printed before anything else can print the value, and not be redacted.
pub fn masks(value: &str) -> Vec<String> {
    let whole = (value.chars().count() >= MIN_MASKED_CHARS).then_some(value);
    let parts: Vec<&str> = value.lines().map(str::trim).collect();
    let lines =
        parts.into_iter().filter(|line| line.chars().count() >= MIN_MASKED_CHARS && *line != value);
    whole
        .into_iter()
        .chain(lines)
        .map(|text| format!("::add-mask::{}", escape_data(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Annotation, Level, end_group, escape_data, escape_property, group, masks};

    #[test]
    fn every_character_that_has_a_meaning_is_escaped() {
        assert_eq!(escape_data("50%\r\na:b,c"), "50%25%0D%0Aa:b,c");
        assert_eq!(escape_property("50%\r\na:b,c"), "50%25%0D%0Aa%3Ab%2Cc");
        assert_eq!(escape_data("%0A"), "%250A");
    }

    #[test]
    fn an_annotation_leaves_out_unknown_properties() {
        let whole = Annotation {
            level: Level::Error,
            title: Some("web.push failed: 403, no"),
            file: Some("deploy/shipway.yml"),
            line: Some(12),
            column: Some(7),
            message: "cannot push `x`\nno answer",
        };
        assert_eq!(
            whole.to_string(),
            "::error title=web.push failed%3A 403%2C no,file=deploy/shipway.yml,line=12,col=7::cannot push `x`%0Ano answer"
        );
        let bare = Annotation { level: Level::Warning, title: Some(""), file: None, ..whole };
        assert_eq!(bare.to_string(), "::warning::cannot push `x`%0Ano answer");
        let without_line = Annotation { level: Level::Warning, line: None, ..whole };
        assert_eq!(
            without_line.to_string(),
            "::warning title=web.push failed%3A 403%2C no,file=deploy/shipway.yml::cannot push `x`%0Ano answer"
        );
    }

    #[test]
    fn a_long_message_is_cut_where_the_runner_would() {
        let long = "ü".repeat(5_000);
        let annotation = Annotation {
            level: Level::Error,
            title: None,
            file: None,
            line: None,
            column: None,
            message: &long,
        };
        let text = annotation.to_string();
        let message = text.strip_prefix("::error::").expect("no properties");
        assert_eq!(message.chars().count(), 4_096);
        assert!(message.ends_with("ü…"));
    }

    #[test]
    fn a_group_is_named_on_one_line() {
        assert_eq!(group("build\n::error::x"), "::group::build%0A::error::x");
        assert_eq!(end_group(), "::endgroup::");
    }

    #[test]
    fn a_value_is_masked_whole_and_line_by_line() {
        assert_eq!(masks("hunter22"), ["::add-mask::hunter22"]);
        assert_eq!(
            masks("-----BEGIN-----\r\n  MIIB%\n}\n"),
            [
                "::add-mask::-----BEGIN-----%0D%0A  MIIB%25%0A}%0A",
                "::add-mask::-----BEGIN-----",
                "::add-mask::MIIB%25",
            ]
        );
        assert!(masks("").is_empty());
        assert!(masks("abc").is_empty());
    }
}
