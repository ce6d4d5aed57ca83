//! The patterns of a `.dockerignore` file. The rules are Docker's: patterns apply in order
//! and the last match decides, `!` re-includes, a pattern matches the whole path below the
//! context, and everything in a matching folder matches too.

use regex::Regex;
use std::fmt::Write as _;

/// The patterns of an ignore file, in order.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Regex,
    /// Whether it starts with `!` and so re-includes what an earlier pattern excluded.
    exception: bool,
}

/// A line of an ignore file that is not a valid pattern.
#[derive(Debug, thiserror::Error)]
#[error("invalid pattern `{pattern}` in line {line} of the ignore file")]
pub struct InvalidPattern {
    pub pattern: String,
    /// Counted from 1.
    pub line: usize,
    source: PatternError,
}

#[derive(Clone, Debug, thiserror::Error)]
enum PatternError {
    #[error(transparent)]
    Expression(#[from] regex::Error),
    #[error("`!` is not followed by a pattern")]
    TakesNothingBack,
}

impl InvalidPattern {
    pub fn help(&self) -> Option<String> {
        match self.source {
            PatternError::TakesNothingBack => Some(format!(
                "write a pattern after `!` in line {}, as in `!keep/`, or remove the line",
                self.line
            )),
            PatternError::Expression(_) => None,
        }
    }
}

impl Ignore {
    /// Reads the text of a `.dockerignore`.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (exception, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let invalid =
                |source| InvalidPattern { pattern: line.to_owned(), line: number + 1, source };
            if exception && pattern.trim_matches('/').is_empty() {
                return Err(invalid(PatternError::TakesNothingBack));
            }
            let pattern = clean(pattern);
            if pattern.is_empty() {
                continue;
            }
            let pattern =
                Regex::new(&expression(&pattern)).map_err(|error| invalid(error.into()))?;
            rules.push(Rule { pattern, exception });
        }
        Ok(Self { rules })
    }

    /// Whether a path is excluded. The path is relative to the context, without `/` at
    /// either end. What is in an excluded folder may still be included: see
    /// [`Ignore::leaves_out_all_in`].
    pub fn leaves_out(&self, path: &[u8]) -> bool {
        // As in Go, patterns match characters, and an invalid byte counts as one character.
        let path = &*String::from_utf8_lossy(path);
        let mut left_out = false;
        for Rule { pattern, exception } in &self.rules {
            // Only a pattern that would change the result has to be matched.
            if *exception == left_out && prefixes(path).any(|prefix| pattern.is_match(prefix)) {
                left_out = !exception;
            }
        }
        left_out
    }

    /// Whether a folder is excluded with everything in it, so that it need not be listed.
    pub fn leaves_out_all_in(&self, path: &[u8]) -> bool {
        self.rules.iter().all(|rule| !rule.exception) && self.leaves_out(path)
    }
}

/// A path and all its parent folders.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    [path].into_iter().chain(path.match_indices('/').map(|(at, _)| &path[..at]))
}

/// Removes empty parts, `.` and `..` from a pattern. One that leads out of the context is
/// kept, and matches nothing in it.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if pattern.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A regular expression for Go's `filepath.Match`, extended by `**` for any number of
/// folders.
fn expression(pattern: &str) -> String {
    let mut expression = String::from("(?s)^");
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' if characters.next_if_eq(&'*').is_some() => {
                // Docker's `a**b` is `ab` and `ax/b`, not `axb`.
                characters.next_if_eq(&'/');
                let last = characters.peek().is_none();
                expression.push_str(if last { ".*" } else { "(.*/)?" });
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' => set(&mut expression, &mut characters),
            '\\' => literal(&mut expression, characters.next().unwrap_or('\\')),
            other => literal(&mut expression, other),
        }
    }
    expression.push('$');
    expression
}

/// Translates a set such as `[a-z]` or `[^a-z]`. An unclosed set yields an invalid
/// expression, which is reported as such.
fn set(expression: &mut String, characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    expression.push('[');
    if characters.next_if_eq(&'^').is_some() {
        expression.push('^');
    }
    while let Some(character) = characters.next() {
        match character {
            ']' => {
                expression.push(']');
                return;
            }
            '-' => expression.push('-'),
            '\\' => literal(expression, characters.next().unwrap_or('\\')),
            other => literal(expression, other),
        }
    }
}

fn literal(expression: &mut String, character: char) {
    write!(expression, "\\x{{{:x}}}", u32::from(character)).expect("memory");
}

#[cfg(test)]
mod tests {
    use super::Ignore;
    use std::error::Error as _;

    #[track_caller]
    fn case(list: &str, left_out: &[&str], kept: &[&str]) {
        let ignore = Ignore::parse(list).expect("a list");
        for path in left_out {
            assert!(ignore.leaves_out(path.as_bytes()), "{list:?} leaves out {path}");
        }
        for path in kept {
            assert!(!ignore.leaves_out(path.as_bytes()), "{list:?} keeps {path}");
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_path() {
        case("target", &["target", "target/debug/x"], &["a/target", "targets"]);
        case("/target/", &["target/x"], &["a/target"]);
        case("./a/../b", &["b"], &["a"]);
        case("a/b", &["a/b", "a/b/c"], &["a", "b", "x/a/b"]);
        case("../a", &[], &["a"]);
        case("a/../../b", &[], &["a", "b"]);
        case("/../b", &["b"], &["a"]);
        case("", &[], &["a"]);
        case(".", &[], &["a"]);
    }

    #[test]
    fn stars_and_sets() {
        case("*.md", &["a.md"], &["b/a.md", "a.mdx"]);
        case("**/*.md", &["a.md", "b/a.md", "b/c/a.md"], &["a.txt"]);
        case("*/temp*", &["a/temp", "a/temporary.txt"], &["temp", "a/b/temp"]);
        case("temp?", &["tempa"], &["temp", "tempab", "temp/"]);
        case("a/**", &["a/b", "a/b/c"], &["a", "ab"]);
        case("**", &["a", "a/b"], &[]);
        case("[a-c]x", &["ax", "cx"], &["dx"]);
        case("[^a-c]x", &["dx"], &["ax"]);
        case("a+b(1).t$", &["a+b(1).t$"], &["aab1ct"]);
        case("\\*", &["*"], &["a"]);
        case("a**b", &["ab", "ax/b", "a/x/b"], &["axb", "a/xb"]);
        case("**foo", &["foo", "a/foo"], &["xfoo", "a/xfoo"]);
        case("gr?n", &["gr\u{fc}n"], &["grn"]);
        case("[\u{e0}-\u{ff}]", &["\u{e4}"], &["a"]);
        case("gr\u{fc}n", &["gr\u{fc}n"], &["grun"]);
    }

    #[test]
    fn the_last_match_decides() {
        case("*\n!keep\n", &["a", "a/keep"], &["keep", "keep/x"]);
        case("*.md\n!README*.md\nREADME-secret.md", &["a.md", "README-secret.md"], &["README.md"]);
        case("# a\n  b  \n! b/c", &["b", "b/d"], &["a", "b/c"]);
        case("\u{feff}a\r\nb\r\n", &["a", "b"], &["c"]);
    }

    #[test]
    fn an_ignored_folder_without_exceptions_is_skipped() {
        let of = |list: &str| Ignore::parse(list).expect("a list");
        assert!(of("a").leaves_out_all_in(b"a"));
        assert!(!of("a\n!a/b").leaves_out_all_in(b"a"));
        assert!(!of("a").leaves_out_all_in(b"b"));
    }

    #[test]
    fn an_invalid_pattern_is_named_with_its_line() {
        let error = Ignore::parse("a\n[b").expect_err("no pattern");
        assert_eq!(error.to_string(), "invalid pattern `[b` in line 2 of the ignore file");
        assert!(error.source().is_some());
    }

    #[test]
    fn a_lone_exclamation_mark_is_refused_as_docker_does() {
        for line in ["!", "  ! ", "!/"] {
            let error = Ignore::parse(&format!("a\n{line}\n")).expect_err("no pattern");
            let line = line.trim();
            let message = format!("invalid pattern `{line}` in line 2 of the ignore file");
            assert_eq!(error.to_string(), message);
            assert_eq!(
                error.source().expect("a cause").to_string(),
                "`!` is not followed by a pattern"
            );
            assert_eq!(
                error.help().expect("help"),
                "write a pattern after `!` in line 2, as in `!keep/`, or remove the line"
            );
        }
        case("*\n!.", &["a"], &[]);
    }

    #[test]
    fn names_need_not_be_text() {
        assert!(Ignore::parse("*").expect("a list").leaves_out(b"\xff\xfe"));
        assert!(Ignore::parse("?x").expect("a list").leaves_out(b"\xffx"));
    }
}
