//! Escapes untrusted text for GitHub's Markdown.
//!
//! Branch names, log lines and answers of servers may contain mentions, links, HTML,
//! table separators and backticks.

use crate::report::text::{clean_lines, one_line, web_address};

/// A zero-width space: it is invisible, and GitHub makes no mention of `@name` or
/// `#1` and no link of an address with it in between.
const GAP: char = '\u{200b}';

const MAX_CODE_CHARS: usize = 300;
const MAX_PROSE_CHARS: usize = 4_000;
const MAX_LINE_CHARS: usize = 2_000;

/// Text on one line. Pairs of backticks stay code.
pub(super) fn prose(text: &str) -> String {
    let text = shortened(&one_line(text), MAX_PROSE_CHARS);
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    let mut written = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at % 2 == 0 {
            written += &plain(part);
        } else if at == last {
            // A backtick without a closing one.
            written += "\\`";
            written += &plain(part);
        } else {
            written += &code(part);
        }
    }
    written
}

fn plain(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '&' => written.push_str("&amp;"),
            '\\' | '*' | '_' | '~' | '[' | ']' | '|' | '$' => {
                written.push('\\');
                written.push(c);
            }
            '@' | '#' => {
                written.push(c);
                written.push(GAP);
            }
            _ => written.push(c),
        }
    }
    // GitHub turns addresses in plain text into links.
    written.replace("://", &format!(":{GAP}//")).replace("www.", &format!("www{GAP}."))
}

/// A code span that is safe inside a table. Its fence has more backticks than the
/// text.
pub(super) fn code(text: &str) -> String {
    let text = shortened(&one_line(text), MAX_CODE_CHARS).replace('|', "\\|");
    if text.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    let edge = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if edge { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

pub(super) fn block(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    [&[format!("{fence}text")], lines, &[format!("{fence}\n")]].concat().join("\n")
}

/// A link that shows its address; code if it is not an HTTP address.
pub(super) fn link(address: &str) -> String {
    match web_address(address) {
        Some(url) => format!("<{url}>"),
        None => code(address),
    }
}

/// A link with a text; only the text if it is not an HTTP address.
pub(super) fn link_as(words: &str, address: &str) -> String {
    match web_address(address) {
        Some(url) => format!("[{words}]({})", url.replace('(', "%28").replace(')', "%29")),
        None => words.to_owned(),
    }
}

/// The lines of untrusted text, each cleaned and limited in length.
pub(super) fn safe_lines(text: &str) -> Vec<String> {
    clean_lines(text).iter().map(|line| shortened(line, MAX_LINE_CHARS)).collect()
}

/// At most so many characters of a text, of which the last is `…` where it was cut: by it a
/// secret that was cut is known.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most - 1).collect();
    cut.push('…');
    cut
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{block, code, link, link_as, prose};

    #[test]
    fn prose_keeps_code_and_escapes_the_rest() {
        assert_eq!(prose("add `a_b: c` to *it*"), "add `a_b: c` to \\*it\\*");
        assert_eq!(prose("<!-- x --> <b>&"), "&lt;!-- x --&gt; &lt;b&gt;&amp;");
        assert_eq!(prose("by @octocat, see #12"), "by @\u{200b}octocat, see #\u{200b}12");
        assert_eq!(prose("[x](http://evil)"), "\\[x\\](http:\u{200b}//evil)");
        assert_eq!(prose("www.evil.example $x$"), "www\u{200b}.evil.example \\$x\\$");
        assert_eq!(prose("half `a"), "half \\`a");
        assert_eq!(prose("a\nb|c"), "a b\\|c");
    }

    #[test]
    fn text_cannot_end_a_code_span_or_block() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code("a|b\n| c"), "`a\\|b \\| c`");
        assert_eq!(code(""), "");
        assert_eq!(code(&"x".repeat(400)).chars().count(), 302);
        let lines = ["```".to_owned(), "@all <!--".to_owned()];
        assert_eq!(block(&lines), "````text\n```\n@all <!--\n````\n");
    }

    #[test]
    fn only_http_addresses_become_links() {
        assert_eq!(
            link("http://x.azurecontainer.io:8080/a|b"),
            "<http://x.azurecontainer.io:8080/a%7Cb>"
        );
        assert_eq!(link("javascript:alert(1)"), "`javascript:alert(1)`");
        assert_eq!(link("http://user:pw@x/"), "`http://user:pw@x/`");
        assert_eq!(link_as("run", "https://x/a)b"), "[run](https://x/a%29b)");
        assert_eq!(link_as("run", "nowhere"), "run");
    }
}
