//! Writes and reads environment files, such as the one in `GITHUB_OUTPUT`.
//!
//! Values are written as heredocs with a random delimiter; otherwise a value with a
//! line `OTHER=x` would set another output. There are no blank lines outside of
//! heredocs, because act refuses them.

use crate::http::{Retry, Retryable};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A record that cannot be written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// The runner would not read the name as a name.
    #[error("`{name}` cannot be the name of an output")]
    Name { name: String },
    /// Practically impossible with a random delimiter.
    #[error("the value of `{name}` holds the delimiter of its record")]
    Delimiter { name: String },
}

/// Writes one record with the given delimiter.
pub fn record(name: &str, value: &str, delimiter: &str) -> Result<String, RecordError> {
    // `a<` before `<<` would be read as `a` before `<<<`.
    let bad = name.is_empty()
        || name.contains(['\n', '\r', '='])
        || name.contains("<<")
        || name.ends_with('<');
    if bad || name.trim() != name {
        return Err(RecordError::Name { name: name.to_owned() });
    }
    if value.contains(delimiter) {
        return Err(RecordError::Delimiter { name: name.to_owned() });
    }
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// Records that were not written.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error("cannot write an output")]
    Record(#[from] RecordError),
    #[error("cannot write outputs to `{}`", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// Appends records to the file of a step. The runner makes it, and other programs that set
/// its variable need not: a missing file is made, a missing folder is an error.
pub fn append(path: &Path, records: &[(String, String)]) -> Result<(), AppendError> {
    let mut text = String::new();
    let failed = |source| AppendError::File { path: path.to_owned(), source };
    for (name, value) in records {
        text += &record(name, value, &fresh_delimiter().map_err(failed)?)?;
    }
    append_lines(path, &text).map_err(failed)
}

/// Appends lines, after a line end if the file does not end with one.
fn append_lines(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let start = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{start}{text}").as_bytes())?;
    file.flush()
}

fn fresh_delimiter() -> io::Result<String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(format!("ghadelimiter_{:032x}", u128::from_be_bytes(random)))
}

/// Why a file of outputs cannot be read. Lines are counted from 1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    #[error("line {line} of the outputs is neither `NAME=VALUE` nor `NAME<<DELIMITER`: `{text}`")]
    Format { line: usize, text: String },
    /// There is nothing before `=` or `<<`, or nothing after `<<`.
    #[error("line {line} of the outputs lacks a name or a delimiter: `{text}`")]
    Empty { line: usize, text: String },
    /// A heredoc has no end. `line` is the one that begins it.
    #[error(
        "the value of `{name}`, begun in line {line} of the outputs, has no end: `{delimiter}` does not follow on a line of its own"
    )]
    Unended { line: usize, name: String, delimiter: String },
    /// The file ends within a line of a heredoc. `line` is the one that begins it.
    #[error(
        "the value of `{name}`, begun in line {line} of the outputs, does not end with a line end"
    )]
    NoLineEnd { line: usize, name: String },
}

impl ParseError {
    /// The same error, with the texts of the file as `show` shows them: a program may
    /// have written a secret, or a megabyte without a line end.
    #[must_use]
    pub fn shown(self, show: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Format { line, text } => Self::Format { line, text: show(&text) },
            Self::Empty { line, text } => Self::Empty { line, text: show(&text) },
            Self::Unended { line, name, delimiter } => {
                Self::Unended { line, name: show(&name), delimiter: show(&delimiter) }
            }
            Self::NoLineEnd { line, name } => Self::NoLineEnd { line, name: show(&name) },
        }
    }
}

impl Retryable for ParseError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        Some("write `NAME=VALUE` lines to the file in `SHIPWAY_OUTPUT`, and values of several lines as `NAME<<END`, the lines, `END`".into())
    }
}

/// Reads a file of outputs as GitHub's runner does: of two records with the same
/// name the later one counts, blank lines between records are skipped, and a
/// carriage return is part of the value.
pub fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, ParseError> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut lines = Lines { rest: text, number: 0 };
    let mut outputs = BTreeMap::new();
    while let Some((line, _)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (name, value) = read_record(line, &mut lines)?;
        outputs.insert(name, value);
    }
    Ok(outputs)
}

/// Reads the record that begins with `line`, and takes further lines if needed.
fn read_record(line: &str, lines: &mut Lines<'_>) -> Result<(String, String), ParseError> {
    let number = lines.number;
    let empty = || ParseError::Empty { line: number, text: line.to_owned() };
    let equals = line.find('=');
    let heredoc = line.find("<<");
    // The one that comes first decides which form it is.
    match (equals, heredoc) {
        (None, None) => Err(ParseError::Format { line: number, text: line.to_owned() }),
        (Some(at), heredoc) if heredoc.is_none_or(|heredoc| at < heredoc) => {
            if at == 0 {
                return Err(empty());
            }
            Ok((line[..at].to_owned(), line[at + 1..].to_owned()))
        }
        (_, Some(at)) => {
            let (name, delimiter) = (&line[..at], &line[at + 2..]);
            if name.is_empty() || delimiter.is_empty() {
                return Err(empty());
            }
            Ok((name.to_owned(), read_heredoc(name, delimiter, lines)?))
        }
        (Some(_), None) => unreachable!("the second arm takes every `=` without `<<`"),
    }
}

fn read_heredoc(name: &str, delimiter: &str, lines: &mut Lines<'_>) -> Result<String, ParseError> {
    let start = lines.number;
    let mut value: Vec<&str> = Vec::new();
    loop {
        let Some((line, ended)) = lines.next() else {
            return Err(ParseError::Unended {
                line: start,
                name: name.to_owned(),
                delimiter: delimiter.to_owned(),
            });
        };
        if line == delimiter {
            return Ok(value.join("\n"));
        }
        if !ended {
            return Err(ParseError::NoLineEnd { line: start, name: name.to_owned() });
        }
        value.push(line);
    }
}

/// Lines that only `\n` ends, each with whether it has its end.
struct Lines<'a> {
    rest: &'a str,
    /// The number of the line taken last, counted from 1.
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<(&'a str, bool)> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let (line, rest, ended) = match self.rest.split_once('\n') {
            Some((line, rest)) => (line, rest, true),
            None => (self.rest, "", false),
        };
        self.rest = rest;
        Some((line, ended))
    }
}

#[cfg(test)]
mod tests {
    use super::{ParseError, RecordError, append, parse, record};
    use crate::http::Retryable as _;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes()).expect("outputs").into_iter().collect()
    }

    #[track_caller]
    fn refused(text: &str) -> String {
        parse(text.as_bytes()).expect_err("not outputs").to_string()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn a_record_is_a_heredoc_without_blank_lines_around() {
        assert_eq!(
            record("url", "http://x", "END").expect("a record"),
            "url<<END\nhttp://x\nEND\n"
        );
        assert_eq!(record("empty", "", "END").expect("a record"), "empty<<END\n\nEND\n");
    }

    #[test]
    fn names_that_would_be_read_otherwise_are_refused() {
        for name in ["", "a=b", "a<<b", "a<", "a\nb", " a"] {
            let refused = record(name, "x", "END").expect_err("a bad name");
            assert_eq!(refused, RecordError::Name { name: name.into() });
        }
        assert_eq!(
            record("a=b", "x", "END").expect_err("a bad name").to_string(),
            "`a=b` cannot be the name of an output"
        );
        assert_eq!(
            record("a", "1\nEND\n2", "END").expect_err("holds it").to_string(),
            "the value of `a` holds the delimiter of its record"
        );
    }

    #[test]
    fn a_missing_file_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("output");
        append(&path, &[pair("a", "1")]).expect("appended");
        let text = std::fs::read_to_string(&path).expect("the file");
        assert!(text.starts_with("a<<ghadelimiter_") && text.contains("\n1\n"), "{text}");
    }

    #[test]
    fn what_is_appended_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("output");
        std::fs::write(&path, "left=open").expect("a file");
        let records = [
            pair("url", "http://x/?a=b"),
            pair("tags", "a\n\nurl=stolen\nb\r\n"),
            pair("none", ""),
        ];

        append(&path, &records).expect("appended");

        let text = std::fs::read(&path).expect("the file");
        let mut expected: Vec<_> = records.into();
        expected.push(pair("left", "open"));
        expected.sort();
        assert_eq!(parse(&text).expect("outputs").into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_record_has_its_own_delimiter() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("output");
        std::fs::write(&path, "").expect("a file");
        append(&path, &[pair("a", "1"), pair("b", "2")]).expect("appended");
        let text = std::fs::read_to_string(&path).expect("the file");
        let delimiters: Vec<&str> =
            text.lines().filter_map(|line| line.split_once("<<")).map(|(_, end)| end).collect();
        assert_eq!(delimiters.len(), 2);
        assert_ne!(delimiters[0], delimiters[1]);
        assert!(delimiters[0].starts_with("ghadelimiter_") && delimiters[0].len() == 45);
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let failed = append(std::path::Path::new("/nowhere/output"), &[pair("a", "1")])
            .expect_err("no such file");
        assert_eq!(failed.to_string(), "cannot write outputs to `/nowhere/output`");
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(
            read("a=1\n\nb=x=y\nc<<EOF\nline 1\n\nd=no\nEOF\ne=\nf=<<EOF\na=2"),
            [
                pair("a", "2"),
                pair("b", "x=y"),
                pair("c", "line 1\n\nd=no"),
                pair("e", ""),
                pair("f", "<<EOF"),
            ]
        );
        assert_eq!(read("c<<EOF\nEOF\n"), [pair("c", "")]);
        assert_eq!(read("c<<EOF\nEOF"), [pair("c", "")]);
        assert_eq!(read("\u{feff}a=1"), [pair("a", "1")]);
        assert_eq!(read("a=1\r\n"), [pair("a", "1\r")]);
        assert_eq!(read("c<<=\n1\n=\n"), [pair("c", "1")]);
        assert_eq!(read(""), []);
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert_eq!(
            refused("a=1\nhello\n"),
            "line 2 of the outputs is neither `NAME=VALUE` nor `NAME<<DELIMITER`: `hello`"
        );
        assert_eq!(refused("=1"), "line 1 of the outputs lacks a name or a delimiter: `=1`");
        assert_eq!(
            refused("<<EOF\n"),
            "line 1 of the outputs lacks a name or a delimiter: `<<EOF`"
        );
        assert_eq!(refused("a<<\n"), "line 1 of the outputs lacks a name or a delimiter: `a<<`");
        assert_eq!(
            refused("a<<EOF\n1\n"),
            "the value of `a`, begun in line 1 of the outputs, has no end: `EOF` does not follow on a line of its own"
        );
        assert_eq!(
            refused("a<<EOF\n1\nEOF2"),
            "the value of `a`, begun in line 1 of the outputs, does not end with a line end"
        );
        let help = ParseError::Format { line: 1, text: "x".into() }.help();
        assert_eq!(
            help.as_deref(),
            Some(
                "write `NAME=VALUE` lines to the file in `SHIPWAY_OUTPUT`, and values of several lines as `NAME<<END`, the lines, `END`"
            )
        );
    }
}
