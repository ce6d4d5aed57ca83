//! Here-documents of `RUN`, which the parser of Dockerfiles knows at the start of a command
//! alone. They are taken out of the text before it is parsed.
//!
//! As in `BuildKit`, a document is announced by a word `[FD]<<[-]NAME` outside of quotes in
//! `RUN`, `COPY` or `ADD`, and its lines are as they are written, without continuation.

use crate::image::dockerfile::native::error::{DockerfileLine, NativeError};
use crate::image::dockerfile::native::expand::split;
use std::collections::BTreeMap;
use std::ops::Range;

/// A here-document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HereDocument {
    pub name: String,
    /// Its lines as they are written, with their line feeds.
    pub text: String,
    /// Whether tabs at the start of a line are no part of it.
    pub strips_tabs: bool,
}

impl HereDocument {
    /// What the document holds.
    pub fn content(&self) -> String {
        if !self.strips_tabs {
            return self.text.clone();
        }
        self.text.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// The text of a Dockerfile without the here-documents of `RUN`.
#[derive(Debug, Default)]
pub struct TakenDocuments {
    /// Of the same length as the text, with every instruction in its place.
    pub rest: String,
    /// The documents of the `RUN` that begins at each position.
    pub of_run: BTreeMap<usize, Vec<HereDocument>>,
}

/// Takes the here-documents of `RUN` out of a Dockerfile.
pub fn take(file: &str, text: &str, escape: char) -> Result<TakenDocuments, NativeError> {
    let mut rest = text.as_bytes().to_vec();
    let mut of_run = BTreeMap::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let logical = LogicalLine::read(text, at, escape);
        at = logical.end;
        let (keyword, arguments) = keyword(&logical.text);
        let (keyword, is_trigger) = match keyword.as_str() {
            "ONBUILD" => (self::keyword(arguments).0, true),
            _ => (keyword, false),
        };
        if !["RUN", "COPY", "ADD"].contains(&keyword.as_str()) || is_list(arguments) {
            continue;
        }
        let announced = announced(arguments);
        if announced.is_empty() {
            continue;
        }
        let line = text[..start].matches('\n').count() + 1;
        let place = DockerfileLine { file: file.to_owned(), line };
        if is_trigger {
            let what = "a here-document below `ONBUILD`".to_owned();
            return Err(NativeError::Beyond { place, what, unfit: Vec::new() });
        }
        let first = at;
        let mut documents = Vec::new();
        for (name, strips_tabs) in announced {
            let document = body(text, &mut at, &name, strips_tabs);
            if document.is_none() && keyword != "RUN" {
                // The parser knows these, and says so.
                break;
            }
            let document = document.ok_or_else(|| NativeError::Syntax {
                place: place.clone(),
                message: format!("the here-document `{name}` has no end"),
            })?;
            documents.push(HereDocument { name, text: document, strips_tabs });
        }
        if keyword == "RUN" {
            blank(&mut rest, start..first, first..at);
            let indent = text[start..].len() - text[start..].trim_start().len();
            of_run.insert(start + indent, documents);
        }
    }
    let rest = String::from_utf8(rest).expect("bytes of ASCII in place of whole characters");
    Ok(TakenDocuments { rest, of_run })
}

/// Hides the words that announce documents, and makes their lines comments.
fn blank(rest: &mut [u8], instruction: Range<usize>, documents: Range<usize>) {
    let mut at = instruction.start;
    while at + 1 < instruction.end {
        if rest[at..].starts_with(b"<<") {
            rest[at..at + 2].copy_from_slice(b"xx");
        }
        at += 1;
    }
    let mut is_start = true;
    for byte in &mut rest[documents] {
        if *byte == b'\n' {
            is_start = true;
        } else {
            *byte = if is_start { b'#' } else { b' ' };
            is_start = false;
        }
    }
}

/// The name of each document that a line announces, and whether its tabs are stripped.
fn announced(arguments: &str) -> Vec<(String, bool)> {
    let document = |word: String| {
        let (number, name) = word.split_once("<<")?;
        let (name, strips_tabs) = match name.strip_prefix('-') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let is_one = number.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains('<');
        let name: String = name.chars().filter(|character| !"'\"\\".contains(*character)).collect();
        (is_one && !name.is_empty()).then_some((name, strips_tabs))
    };
    split(arguments, '\\').into_iter().filter_map(document).collect()
}

/// The lines up to the one that is the name alone, and moves behind that.
fn body(text: &str, at: &mut usize, name: &str, strips_tabs: bool) -> Option<String> {
    let first = *at;
    while *at < text.len() {
        let start = *at;
        *at += text[start..].find('\n').map_or(text.len() - start, |length| length + 1);
        let line = text[start..*at].trim_end_matches(['\n', '\r']);
        let line = if strips_tabs { line.trim_start_matches('\t') } else { line };
        if line == name {
            return Some(text[first..start].to_owned());
        }
    }
    None
}

/// Several lines that are one.
struct LogicalLine {
    text: String,
    /// Where the next line begins.
    end: usize,
}

impl LogicalLine {
    fn read(text: &str, start: usize, escape: char) -> Self {
        let (mut joined, mut at) = (String::new(), start);
        while at < text.len() {
            let length = text[at..].find('\n').map_or(text.len() - at, |length| length + 1);
            let line = &text[at..at + length];
            let is_first = at == start;
            at += length;
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                if is_first {
                    break;
                }
                continue;
            }
            let Some(part) = line.trim_end().strip_suffix(escape) else {
                joined.push_str(line.trim_end_matches(['\n', '\r']));
                break;
            };
            joined.push_str(part);
        }
        Self { text: joined, end: at }
    }
}

/// The first word of an instruction in upper case, and its arguments.
fn keyword(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (text[..end].to_ascii_uppercase(), &text[end..])
}

/// Whether the arguments are a list of words in JSON, which cannot announce a document.
fn is_list(arguments: &str) -> bool {
    let mut words = arguments.trim();
    while let Some(flag) = words.strip_prefix("--") {
        words = flag.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    words.starts_with('[') && serde_json::from_str::<Vec<String>>(words).is_ok()
}

/// The character that `# escape=` sets, by the first lines of a Dockerfile.
pub fn escape_of(text: &str) -> char {
    for line in text.trim_start_matches('\u{feff}').lines() {
        let Some(comment) = line.trim().strip_prefix('#') else { break };
        let Some((name, value)) = comment.split_once('=') else { break };
        if name.trim().eq_ignore_ascii_case("escape") {
            return if value.trim() == "`" { '`' } else { '\\' };
        }
    }
    '\\'
}

#[cfg(test)]
mod tests {
    use super::{HereDocument, escape_of, take};

    fn taken(text: &str) -> (String, Vec<Vec<HereDocument>>) {
        let taken = take("Dockerfile", text, '\\').expect("read");
        assert_eq!(taken.rest.len(), text.len());
        (taken.rest, taken.of_run.into_values().collect())
    }

    fn document(name: &str, text: &str) -> HereDocument {
        HereDocument { name: name.into(), text: text.into(), strips_tabs: false }
    }

    #[test]
    fn documents_of_commands_are_taken_out() {
        let (rest, found) =
            taken("RUN <<EOF\necho \\\n\n# no é\nEOF\nRUN cat <<A 3<<'B' > x\na\nA\nb\nB\n");
        assert_eq!(rest, "RUN xxEOF\n#     \n\n#      \n#  \nRUN cat xxA 3xx'B' > x\n#\n#\n#\n#\n");
        assert_eq!(
            found,
            [
                vec![document("EOF", "echo \\\n\n# no é\n")],
                vec![document("A", "a\n"), document("B", "b\n")]
            ]
        );
    }

    #[test]
    fn tabs_are_stripped_where_asked_for() {
        let (_, found) = taken("RUN <<-EOF\n\t\techo 1\n\tEOF\n");
        assert!(found[0][0].strips_tabs);
        assert_eq!(found[0][0].content(), "echo 1\n");
    }

    #[test]
    fn other_text_stays() {
        for text in [
            "RUN pip install \"cmake (<< 4.0)\"\n",
            "RUN [\"cat\", \"<<EOF\"]\n",
            "RUN cat <<< word\n",
            "CMD <<EOF\nRUN x\n",
            "COPY <<EOF /x\nRUN <<NO\nEOF\n",
            "# RUN <<EOF\nFROM x\n",
            "RUN a \\\n  # <<EOF\n  b\n",
        ] {
            let (rest, found) = taken(text);
            assert_eq!(rest, text);
            assert_eq!(found, Vec::<Vec<HereDocument>>::new(), "{text}");
        }
    }

    #[test]
    fn document_without_an_end_is_refused() {
        let refused = |text: &str| take("Dockerfile", text, '\\').expect_err("refused").to_string();
        assert_eq!(
            refused("FROM x\nRUN <<EOF\necho\n"),
            "`Dockerfile:2` cannot be understood: the here-document `EOF` has no end"
        );
        assert_eq!(
            refused("FROM x\nONBUILD RUN <<EOF\necho\nEOF\n"),
            "`Dockerfile:2` has a here-document below `ONBUILD`, which needs a container engine"
        );
    }

    #[test]
    fn escape_is_in_the_first_lines() {
        assert_eq!(escape_of("# syntax=x\n#escape = `\nFROM x\n"), '`');
        assert_eq!(escape_of("# a comment\n# escape=`\n"), '\\');
        assert_eq!(escape_of("FROM x\n# escape=`\n"), '\\');
    }
}
