//! Formats numbers, durations and untrusted text for people.

use std::time::Duration;
use unicode_width::UnicodeWidthStr as _;
use url::Url;

pub(crate) use crate::value::bytes;

/// Browsers take longer addresses, and no service has one.
const MAX_URL_BYTES: usize = 2_000;

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Style {
    pub color: bool,
}

/// The meaning of a piece of text, which decides its colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tone {
    Good,
    Bad,
    Caution,
    Quiet,
    Strong,
}

impl Style {
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => 32,
            Tone::Bad => 31,
            Tone::Caution => 33,
            Tone::Quiet => 2,
            Tone::Strong => 1,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Tells several things apart by the colour of their names: cyan, magenta, blue, green,
/// yellow. Red is for what is wrong.
const NAME_COLORS: [u8; 5] = [36, 35, 34, 32, 33];

/// The name of the thing at this place of several, in a colour of its own.
pub(crate) fn colored_name(place: usize, name: &str) -> String {
    let code = NAME_COLORS[place % NAME_COLORS.len()];
    format!("\u{1b}[{code}m{name}\u{1b}[0m")
}

/// An error that ends a command, with its causes indented below, and its help last.
pub fn error_text(chain: &[String], help: Option<&str>) -> String {
    let mut lines = Vec::new();
    for (place, cause) in chain.iter().enumerate() {
        let head = if place == 0 { "error" } else { "  because" };
        lines.push(format!("{head}: {cause}"));
    }
    lines.extend(help.map(|help| format!("  help: {help}")));
    lines.join("\n")
}

/// Such as `0.8s`, `12.3s`, `1m 02s`, `2h 05m`.
pub(super) fn span(span: Duration) -> String {
    let tenths = (span.as_millis() + 50) / 100;
    let seconds = tenths / 10;
    match seconds {
        0..60 => format!("{seconds}.{}s", tenths % 10),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// An estimate of the remaining time, without tenths: `9s`, `1m 02s`, `2h 05m`.
pub(super) fn left(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        _ => span(left),
    }
}

/// Such as `sha256:4f53cda18c2b…`.
pub(crate) fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex))
            if hex.len() > 12 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            format!("{algorithm}:{}…", &hex[..12])
        }
        _ => digest.to_owned(),
    }
}

/// Makes a line of untrusted text safe for a terminal and a log: of a line that is
/// redrawn with carriage returns the last version, without control characters and
/// without marks that change the text direction. `colors` keeps colour sequences.
pub(crate) fn clean(line: &str, colors: bool) -> String {
    let line = line.trim_end_matches(['\r', '\n']);
    let line = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    let mut kept = String::with_capacity(line.len());
    let mut colored = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                let sequence = escape_sequence(&mut chars);
                if colors && sequence.starts_with('[') && sequence.ends_with('m') {
                    colored = true;
                    kept.push('\u{1b}');
                    kept.push_str(&sequence);
                }
            }
            '\t' => kept.push(c),
            '\n' => kept.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => kept.push(c),
        }
    }
    if colored {
        kept.push_str("\u{1b}[0m");
    }
    kept
}

/// Consumes the rest of an escape sequence (ECMA-48): a control sequence (`[`), a
/// string such as a window title (`]`, `P`, `^`, `_`), or one or two characters.
fn escape_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut sequence = String::new();
    let Some(first) = chars.next() else { return sequence };
    sequence.push(first);
    match first {
        '[' => {
            while let Some(c) = chars.next_if(|c| matches!(c, ' '..='~')) {
                sequence.push(c);
                if matches!(c, '@'..='~') {
                    break;
                }
            }
        }
        ']' | 'P' | '^' | '_' => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        // With an intermediate character, such as the choice of a character set.
        ' '..='/' => sequence.extend(chars.next()),
        _ => {}
    }
    sequence
}

/// The lines of untrusted text, each cleaned.
pub(super) fn clean_lines(text: &str) -> Vec<String> {
    text.lines().map(|line| clean(line, false)).collect()
}

/// Untrusted text, cleaned and joined to one line.
pub(super) fn one_line(text: &str) -> String {
    clean_lines(text)
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The address of a page, as it is spelled in a link of Markdown or HTML; `None` for anything
/// else, and for one with a user or a password.
pub(super) fn web_address(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    let text = url.as_str().replace('|', "%7C").replace('<', "%3C").replace('>', "%3E");
    (plain && text.len() <= MAX_URL_BYTES).then_some(text)
}

/// The columns that a text takes in a terminal: two for most East Asian characters
/// and emoji, none for combining marks.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Text with spaces up to a width in columns, which `format!` counts in characters.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use super::{Style, Tone, clean, error_text, left, one_line, padded, short_digest, span};
    use std::time::Duration;

    #[test]
    fn an_error_has_its_causes_and_then_its_help() {
        let chain = ["cannot push `a`".to_owned(), "no answer".to_owned()];
        assert_eq!(
            error_text(&chain, Some("try again")),
            "error: cannot push `a`\n  because: no answer\n  help: try again"
        );
    }

    #[test]
    fn short_spans_have_tenths() {
        let shown = |millis| span(Duration::from_millis(millis));
        assert_eq!(
            [0, 49, 800, 12_340, 59_940, 59_960, 62_000, 3_599_000, 7_500_000].map(shown),
            ["0.0s", "0.0s", "0.8s", "12.3s", "59.9s", "1m 00s", "1m 02s", "59m 59s", "2h 05m"]
        );
    }

    #[test]
    fn the_remaining_time_has_no_tenths() {
        let shown = |seconds| left(Duration::from_secs(seconds));
        assert_eq!([1, 59, 60, 3_600].map(shown), ["1s", "59s", "1m 00s", "1h 00m"]);
    }

    #[test]
    fn padding_counts_columns() {
        assert_eq!(
            [padded("über", 6), padded("日本", 6), padded("long", 2)],
            ["über  ", "日本  ", "long"]
        );
    }

    #[test]
    fn only_digests_are_shortened() {
        assert_eq!(short_digest("sha256:0123456789abcdef"), "sha256:0123456789ab…");
        assert_eq!(short_digest("sha256:0123"), "sha256:0123");
        assert_eq!(short_digest("hello"), "hello");
    }

    #[test]
    fn untrusted_lines_cannot_control_the_terminal() {
        assert_eq!(clean("10%\r50%\r100%\r", false), "100%");
        assert_eq!(clean("a\u{1b}[2J\u{1b}[1;31mred\u{1b}[0m", false), "ared");
        assert_eq!(clean("a\u{1b}[2J\u{1b}[31mred", true), "a\u{1b}[31mred\u{1b}[0m");
        assert_eq!(clean("\u{1b}]0;title\u{7}x\u{1b}]8;;u\u{1b}\\y\u{1b}(B", false), "xy");
        assert_eq!(clean("a\u{202e}b\u{0}\u{8}\u{9b}c\td", false), "abc\td");
        assert_eq!(one_line("  a\r\n\n  b "), "a b");
    }

    #[test]
    fn text_without_colours_is_unchanged() {
        assert_eq!(Style { color: false }.paint(Tone::Good, "ok"), "ok");
        assert_eq!(Style { color: true }.paint(Tone::Good, "ok"), "\u{1b}[32mok\u{1b}[0m");
    }
}
