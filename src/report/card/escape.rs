//! Foreign text in GitHub's Markdown: shown as it is, and nothing else.
//!
//! Branch names, log lines and what servers say may hold mentions, links,
//! HTML, table bars and backticks.

use crate::report::text::{clean_lines, one_line};
use url::Url;

/// Not seen, and enough to make `@name` and `#1` no mention.
const GAP: char = '\u{200b}';

/// The longest text in a cell, in characters.
const LONGEST: usize = 300;

/// Text in a line, its pairs of backticks kept as code.
pub(super) fn prose(text: &str) -> String {
    let text = shortened(&one_line(text), 4_000);
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    let mut written = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at % 2 == 0 {
            written += &plain(part);
        } else if at == last {
            // A backtick without its other half.
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
    // GitHub makes links of addresses in plain text.
    written.replace("://", &format!(":{GAP}//")).replace("www.", &format!("www{GAP}."))
}

/// A span of code, fenced by more backticks than it holds, fit for a table.
pub(super) fn code(text: &str) -> String {
    let text = shortened(&one_line(text), LONGEST).replace('|', "\\|");
    if text.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    let edge = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if edge { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// A block of code.
pub(super) fn block(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    [&[format!("{fence}text")], lines, &[format!("{fence}\n")]].concat().join("\n")
}

/// A link that shows its address, for addresses of the web alone.
pub(super) fn link(address: &str) -> String {
    match web(address) {
        Some(url) => format!("<{url}>"),
        None => code(address),
    }
}

/// A link with words of its own.
pub(super) fn link_as(words: &str, address: &str) -> String {
    match web(address) {
        Some(url) => format!("[{words}]({})", url.replace('(', "%28").replace(')', "%29")),
        None => words.to_owned(),
    }
}

fn web(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    let text = url.as_str().replace('|', "%7C").replace('<', "%3C").replace('>', "%3E");
    (plain && text.len() <= 2_000).then_some(text)
}

/// Foreign lines, each made safe, none of them endless.
pub(super) fn safe_lines(text: &str) -> Vec<String> {
    clean_lines(text).iter().map(|line| shortened(line, 2_000)).collect()
}

fn shortened(text: &str, most: usize) -> String {
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
    fn code_cannot_be_left() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code("a|b\n| c"), "`a\\|b \\| c`");
        assert_eq!(code(""), "");
        assert_eq!(code(&"x".repeat(400)).chars().count(), 302);
        let lines = ["```".to_owned(), "@all <!--".to_owned()];
        assert_eq!(block(&lines), "````text\n```\n@all <!--\n````\n");
    }

    #[test]
    fn only_addresses_of_the_web_are_links() {
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
