//! Quotes, escapes, variables and `key=value` pairs in a Dockerfile, with the rules of
//! `BuildKit`, which are almost those of a shell.

use super::pattern::{PatternEdit, Replacement, replace, trim};
use std::iter::Peekable;
use std::str::Chars;

/// Why a word could not be expanded.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WordError {
    #[error("the quote {0} is not closed")]
    Quote(char),
    #[error("`${{` is not followed by a name and a `}}`")]
    Substitution,
    #[error("`${{{name}{modifier}…}}` is no substitution of Dockerfiles")]
    Modifier { name: String, modifier: String },
    #[error("`${{{name}/…}}` has no second `/`, after which the replacement stands")]
    Replacement { name: String },
    #[error("`{name}` {message}")]
    Missing { name: String, message: String },
    #[error("`{0}` is not written `key=value`")]
    NoValue(String),
    #[error("it has more than {MAX_WORD_BYTES} bytes once its variables are in it")]
    TooLong,
    #[error("the stage has more than {MAX_STAGE_BYTES} bytes once its variables are in it")]
    TooMuch,
    #[error("`{name}` has more than {MAX_SEARCHED_BYTES} bytes, too many to look for a pattern in")]
    Searched { name: String },
}

/// The longest word: Linux takes no longer argument or variable of a program (`execve(2)`).
const MAX_WORD_BYTES: usize = 128 * 1024;

/// The most that all words of a stage may have together.
pub const MAX_STAGE_BYTES: usize = 16 * 1024 * 1024;

/// The longest value in which a pattern is looked for, which takes the square of its length.
const MAX_SEARCHED_BYTES: usize = 8 * 1024;

/// A value in which a pattern is looked for.
fn searched(name: &str, value: String) -> Result<String, WordError> {
    if value.len() > MAX_SEARCHED_BYTES {
        return Err(WordError::Searched { name: name.to_owned() });
    }
    Ok(value)
}

/// Adds the value of a variable to a word.
fn add(text: &mut String, value: &str) -> Result<(), WordError> {
    if text.len() + value.len() > MAX_WORD_BYTES {
        return Err(WordError::TooLong);
    }
    text.push_str(value);
    Ok(())
}

/// Expands words with an escape character and variables.
#[derive(Clone, Copy)]
pub struct WordExpander<'a> {
    /// `\`, unless the `escape` directive sets another.
    pub escape: char,
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl WordExpander<'_> {
    /// Removes quotes and escapes, and substitutes variables.
    pub fn expand(self, text: &str) -> Result<String, WordError> {
        self.read(text, true)
    }

    /// The same for a here-document, where quotes have no special meaning.
    pub fn expand_text(self, text: &str) -> Result<String, WordError> {
        WordExpander { escape: '\\', ..self }.read(text, false)
    }

    fn read(self, text: &str, quotes: bool) -> Result<String, WordError> {
        let mut reading = WordReader { words: self, quotes, rest: text.chars().peekable() };
        reading.until(None, false)
    }
}

struct WordReader<'a> {
    words: WordExpander<'a>,
    quotes: bool,
    rest: Peekable<Chars<'a>>,
}

impl WordReader<'_> {
    /// Reads up to `end`. In a pattern, an escape stays in the text.
    fn until(&mut self, end: Option<char>, pattern: bool) -> Result<String, WordError> {
        let mut text = String::new();
        while let Some(character) = self.rest.next() {
            match character {
                _ if Some(character) == end => return Ok(text),
                '$' => add(&mut text, &self.dollar()?)?,
                '\'' if self.quotes => self.single(&mut text)?,
                '"' if self.quotes => self.double(&mut text)?,
                _ if character == self.words.escape => {
                    text.extend(pattern.then_some('\\'));
                    text.extend(self.rest.next());
                }
                _ => text.push(character),
            }
        }
        if end.is_some() { Err(WordError::Substitution) } else { Ok(text) }
    }

    fn single(&mut self, text: &mut String) -> Result<(), WordError> {
        for character in self.rest.by_ref() {
            if character == '\'' {
                return Ok(());
            }
            text.push(character);
        }
        Err(WordError::Quote('\''))
    }

    fn double(&mut self, text: &mut String) -> Result<(), WordError> {
        let escape = self.words.escape;
        while let Some(character) = self.rest.next() {
            match character {
                '"' => return Ok(()),
                '$' => add(text, &self.dollar()?)?,
                _ if character == escape => {
                    let escaped =
                        self.rest.next_if(|next| matches!(next, '"' | '$') || *next == escape);
                    text.push(escaped.unwrap_or(escape));
                }
                _ => text.push(character),
            }
        }
        Err(WordError::Quote('"'))
    }

    fn dollar(&mut self) -> Result<String, WordError> {
        if self.rest.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(if name.is_empty() { "$".into() } else { self.value(&name) });
        }
        let name = self.name();
        if name.is_empty() {
            return Err(WordError::Substitution);
        }
        let mut modifier = self.rest.next().ok_or(WordError::Substitution)?;
        if modifier == '}' {
            return Ok(self.value(&name));
        }
        let empty_is_none = modifier == ':';
        if empty_is_none {
            modifier = self.rest.next().ok_or(WordError::Substitution)?;
        }
        match modifier {
            '-' | '+' | '?' => {}
            '#' | '%' if !empty_is_none => return self.trimmed(&name, modifier),
            '/' if !empty_is_none => return self.replaced(name),
            _ => {
                let colon = if empty_is_none { ":" } else { "" };
                return Err(WordError::Modifier { name, modifier: format!("{colon}{modifier}") });
            }
        }
        let word = self.until(Some('}'), false)?;
        let value = (self.words.variable)(&name);
        let value = value.filter(|value| !(empty_is_none && value.is_empty()));
        match modifier {
            '-' => Ok(value.unwrap_or(word)),
            '+' => Ok(value.map(|_| word).unwrap_or_default()),
            _ => value.ok_or_else(|| {
                let message = if word.is_empty() { "is not set".into() } else { word };
                WordError::Missing { name, message }
            }),
        }
    }

    /// `${NAME#PATTERN}`, `${NAME##PATTERN}`, and the same with `%`.
    fn trimmed(&mut self, name: &str, modifier: char) -> Result<String, WordError> {
        let longest = self.rest.next_if_eq(&modifier).is_some();
        let pattern = self.until(Some('}'), true)?;
        let edit = if modifier == '#' {
            PatternEdit::TrimStart { longest }
        } else {
            PatternEdit::TrimEnd { longest }
        };
        Ok(trim(&searched(name, self.value(name))?, &pattern, edit))
    }

    /// `${NAME/PATTERN/REPLACEMENT}`, and `${NAME//…}` for every match.
    fn replaced(&mut self, name: String) -> Result<String, WordError> {
        let all = self.rest.next_if_eq(&'/').is_some();
        let pattern = match self.until(Some('/'), true) {
            Err(WordError::Substitution) => return Err(WordError::Replacement { name }),
            other => other?,
        };
        let by = self.until(Some('}'), false)?;
        let value = searched(&name, self.value(&name))?;
        let with = Replacement { pattern: &pattern, by: &by, all };
        replace(&value, &with, MAX_WORD_BYTES).ok_or(WordError::TooLong)
    }

    fn value(&self, name: &str) -> String {
        (self.words.variable)(name).unwrap_or_default()
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        let special = |next: &char| "@*#?-$!".contains(*next);
        if let Some(special) = self.rest.next_if(special) {
            return special.into();
        }
        let number = self.rest.peek().is_some_and(char::is_ascii_digit);
        let of_name = |next: &char| {
            if number { next.is_ascii_digit() } else { next.is_alphanumeric() || *next == '_' }
        };
        while let Some(next) = self.rest.next_if(of_name) {
            name.push(next);
        }
        name
    }
}

/// Splits at white space that is neither quoted nor escaped, leaving the parts as written.
pub fn split(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if quote.is_none() && character.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        word.push(character);
        if character == escape && quote != Some('\'') {
            word.extend(characters.next());
        } else if quote == Some(character) {
            quote = None;
        } else if quote.is_none() && matches!(character, '\'' | '"') {
            quote = Some(character);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Parses `a=b c=d`, or the legacy form `a b c`, where the value of `a` is `b c`.
pub fn pairs(text: &str, escape: char) -> Result<Vec<(String, String)>, WordError> {
    let words = split(text, escape);
    if words.first().is_some_and(|first| !first.contains('=')) {
        let (key, value) = text
            .trim()
            .split_once(char::is_whitespace)
            .ok_or_else(|| WordError::NoValue(text.trim().to_owned()))?;
        return Ok(vec![(key.to_owned(), value.trim_start().to_owned())]);
    }
    words
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(WordError::NoValue(word)),
        })
        .collect()
}

/// Joins continued lines, without the comments between them.
pub fn logical_line(text: &str, escape: char) -> String {
    let mut joined = String::new();
    for (number, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if number > 0 && (start.is_empty() || start.starts_with('#')) {
            continue;
        }
        let Some(part) = line.trim_end().strip_suffix(escape) else {
            joined.push_str(line);
            break;
        };
        joined.push_str(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{WordError, WordExpander, logical_line, pairs, split};

    fn variable(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".into()),
            "E" => Some(String::new()),
            "F" => Some("/srv/app.tar.gz".into()),
            _ => None,
        }
    }

    const WORDS: WordExpander<'static> = WordExpander { escape: '\\', variable: &variable };

    #[test]
    fn variables_are_substituted() {
        for (text, expected) in [
            ("$A", "one"),
            ("${A}s", "ones"),
            ("$A-$NO-", "one--"),
            ("${A:-x}${NO:-x}${E:-x}", "onexx"),
            ("${E-x}${NO-x}", "x"),
            ("${A:+x}${NO:+x}${E:+x}", "x"),
            ("${E+x}", "x"),
            ("${NO:-${A}/$A}", "one/one"),
            ("${A:?needed}", "one"),
            ("\\$A \\\\ \\n", "$A \\ n"),
            ("'$A' \"$A\"", "$A one"),
            (r#""a\"\$\n""#, r#"a"$\n"#),
            ("'it''s'", "its"),
            ("$1st $", "st $"),
            ("${F%.*} ${F%%.*}", "/srv/app.tar /srv/app"),
            ("${F#*/}:${F##*/}", "srv/app.tar.gz:app.tar.gz"),
            ("${F/a/A}${F//a/}", "/srv/App.tar.gz/srv/pp.tr.gz"),
            ("${F%$NO.gz}${F%\\.gz}${NO%x}", "/srv/app.tar/srv/app.tar"),
            ("${A/\\//x}${F/\\/srv\\//}", "oneapp.tar.gz"),
            ("$_A", ""),
        ] {
            assert_eq!(WORDS.expand(text).as_deref(), Ok(expected), "{text}");
        }
        let windows = WordExpander { escape: '`', variable: &variable };
        assert_eq!(windows.expand("C:\\x`$A$A").as_deref(), Ok("C:\\x$Aone"));
    }

    #[test]
    fn text_keeps_its_quotes() {
        assert_eq!(WORDS.expand_text("\"$A\" it's \\$A").as_deref(), Ok("\"one\" it's $A"));
    }

    #[test]
    fn invalid_words_are_refused() {
        let error = |text: &str| WORDS.expand(text).expect_err("no meaning").to_string();
        assert_eq!(error("'a"), "the quote ' is not closed");
        assert_eq!(error("\"a"), "the quote \" is not closed");
        assert_eq!(error("${A"), "`${` is not followed by a name and a `}`");
        assert_eq!(error("${}"), "`${` is not followed by a name and a `}`");
        assert_eq!(error("${A^x}"), "`${A^…}` is no substitution of Dockerfiles");
        assert_eq!(error("${A:=x}"), "`${A:=…}` is no substitution of Dockerfiles");
        assert_eq!(
            error("${A/x}"),
            "`${A/…}` has no second `/`, after which the replacement stands"
        );
        assert_eq!(error("${NO:?is needed}"), "`NO` is needed");
        assert_eq!(error("${NO?}"), "`NO` is not set");
    }

    #[test]
    fn words_that_grow_without_end_are_refused() {
        let doubled = |name: &str| (name == "A").then(|| "x".repeat(100 * 1024));
        let words = WordExpander { escape: '\\', variable: &doubled };
        for text in ["$A$A", "\"$A$A\"", "${B:-$A$A}", "${B+$A}${A+$A}$A"] {
            assert_eq!(words.expand(text), Err(WordError::TooLong), "{text}");
        }
        for text in ["${A//x/yy}", "${A%x}"] {
            let error = words.expand(text).expect_err("refused").to_string();
            assert_eq!(error, "`A` has more than 8192 bytes, too many to look for a pattern in");
        }
        let short = WordExpander { escape: '\\', variable: &|_| Some("x".repeat(8000)) };
        let long = format!("${{A//x/{}}}", "y".repeat(20));
        assert_eq!(short.expand(&long), Err(WordError::TooLong));
        assert_eq!(words.expand("$A").map(|text| text.len()), Ok(100 * 1024));
        assert_eq!(
            WordError::TooLong.to_string(),
            "it has more than 131072 bytes once its variables are in it"
        );
    }

    #[test]
    fn pairs_have_two_forms() {
        let read = |text: &str| {
            let pairs = pairs(text, '\\').expect("pairs");
            pairs.into_iter().map(|(key, value)| format!("{key}|{value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            read("A=1 B='x y' C=\"p q\"  D=a\\ b"),
            ["A|1", "B|'x y'", "C|\"p q\"", "D|a\\ b"]
        );
        assert_eq!(read("A  b c = d"), ["A|b c = d"]);
        assert_eq!(read("A= B=x=y"), ["A|", "B|x=y"]);
        assert_eq!(pairs("A=1 B", '\\'), Err(WordError::NoValue("B".into())));
        assert_eq!(
            pairs("A", '\\').expect_err("alone").to_string(),
            "`A` is not written `key=value`"
        );
        assert_eq!(split("a 'b  c' d", '\\'), ["a", "'b  c'", "d"]);
    }

    #[test]
    fn continued_lines_are_one() {
        assert_eq!(logical_line("a \\\n# no\n\n  b \\  \nc\nd", '\\'), "a   b c");
        assert_eq!(logical_line("a `\nb", '`'), "a b");
    }
}
